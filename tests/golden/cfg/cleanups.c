static int guarded(struct thing *t)
{
	guard(mutex)(&t->lock);
	if (one(t))
		return -1;
	return 0;
}

static int scoped(struct thing *t)
{
	scoped_guard(spinlock, &t->lock) {
		if (one(t))
			return -1;
		two(t);
	}
	return 0;
}

static int freed(struct thing *t)
{
	char *name __free(kfree) = one(t);

	if (!name)
		return -1;
	return two(name);
}

static int goto_out_of_scope(struct thing *t)
{
	if (t->wanted) {
		char *name __free(kfree) = one(t);

		if (!name)
			goto out;
		two(name);
	}
	return 0;
out:
	return -1;
}

static void freed_every_round(struct thing *t, int n)
{
	while (n--) {
		char *name __free(kfree) = one(t);

		if (!name)
			continue;
		if (two(name))
			break;
	}
}

static void two_in_reverse_order(struct thing *t)
{
	void *a __free(free_a) = one(t);
	void *b __free(free_b) = two(t);

	three(a, b);
}
