static void while_loop(int n)
{
	while (n--)
		one(n);
}

static void for_loop(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (one(i))
			continue;
		if (two(i))
			break;
		three(i);
	}
}

static void endless(int n)
{
	for (;;)
		if (one(n))
			return;
}

static void do_loop(int n)
{
	do {
		if (one(n))
			continue;
		two(n);
	} while (--n);
}

static void do_once(int n)
{
	do {
		if (one(n))
			break;
		two(n);
	} while (0);
	three(n);
}

static void declared_in_for(int n)
{
	for (int i = n, j = 0; i; i--, j++)
		one(j);
}

static void iterator_macro(struct xa_state *xas, struct folio *folio, long end)
{
	xas_for_each(xas, folio, end) {
		if (!folio)
			continue;
		one(folio);
	}
}

static void iterator_macro_one_statement(struct list_head *list)
{
	struct item *item;

	list_for_each_entry(item, list, node)
		one(item);
}
