static DEFINE_MUTEX(list_mutex);
static DEFINE_SPINLOCK(list_lock);

int leaks_mutex(struct device *dev)
{
	mutex_lock(&dev->mutex);
	if (dev->gone)
		return -ENODEV;
	mutex_unlock(&dev->mutex);
	return 0;
}

int balances_mutex(struct device *dev)
{
	if (mutex_lock_interruptible(&dev->mutex))
		return -EINTR;
	dev->count++;
	mutex_unlock(&dev->mutex);
	return 0;
}

int leaks_spinlock(struct device *dev)
{
	spin_lock(&list_lock);
	if (dev->gone)
		return -ENODEV;
	spin_unlock(&list_lock);
	return 0;
}
