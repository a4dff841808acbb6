static int fallthrough(int kind)
{
	switch (kind) {
	case 0:
		one(kind);
		fallthrough;
	case 1:
		two(kind);
		break;
	case A:
	case B:
		three(kind);
		break;
	default:
		return -1;
	}
	return 0;
}

static int no_default(int kind)
{
	switch (kind) {
	case 1:
		return 1;
	}
	return 0;
}

static void default_first(int kind)
{
	switch (one(kind)) {
	default:
		two(kind);
	case 3:
		three(kind);
	}
}

static void continue_in_switch_in_loop(int n)
{
	while (n--) {
		switch (n) {
		case 1:
			continue;
		case 2:
			break;
		}
		one(n);
	}
}
