static int conditional(int a, int b)
{
	return a ? one(b) : two(b);
}

static int conditional_without_middle(int a)
{
	return one(a) ?: two(a);
}

static int short_circuit(int a, int b, int c)
{
	if (a && (one(b) || !two(c)))
		return 1;
	return 0;
}

static int short_circuit_value(int a, int b)
{
	int both = a && one(b);

	return both;
}

static int statement_expression(int a)
{
	int b = ({
		int c = one(a);
		if (!c)
			return -1;
		c + 1;
	});

	return b;
}

static int likely_and_warn(int a)
{
	if (unlikely(!one(a)))
		return 1;
	if (WARN_ON_ONCE(two(a)))
		return 2;
	BUG_ON(three(a));
	if (a == 7)
		BUG();
	return 0;
}

static int comma(int a)
{
	return one(a), two(a);
}

static void lvalues(struct thing *t, int **out, int n)
{
	t->a.b = n;
	*out = &t->c;
	t->array[n + 1] = -1;
	t->count++;
	(*out)[2] |= 4;
}

static void casts(void *p)
{
	struct thing *t = (struct thing *)p;

	(void)one(t);
	((struct ops *)t->ops)->call(t);
	t->ops->call(&t->a);
}
