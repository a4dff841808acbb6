static int early_return(struct folio *folio)
{
	folio_lock(folio);
	if (!folio_test_uptodate(folio))
		return -EIO;
	folio_unlock(folio);
	return 0;
}

static int goto_into_loop(int n)
{
	if (n > 3)
		goto inside;
	while (n) {
		one(n);
inside:
		two(n);
		n--;
	}
	return n;
}

static void goto_backwards(struct page *page)
{
again:
	if (!trylock_page(page))
		goto again;
}

static void label_at_the_end(int n)
{
	if (n)
		goto out;
	one(n);
out:;
}

static void computed_goto(int n)
{
	static void *table[] = { &&zero, &&one };

	goto *table[n];
zero:
	one(n);
one:
	two(n);
}

static int after_return(int n)
{
	return n;
	one(n);
}
