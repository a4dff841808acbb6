static int arms(int n)
{
#ifdef CONFIG_A
	if (one(n))
#else
	if (two(n))
#endif
		return 1;
	return 0;
}
