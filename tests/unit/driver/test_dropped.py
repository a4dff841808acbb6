"""Releases that a change takes away, of pages of which nothing else says that they must be released."""

from pathlib import Path

import pytest

from tests.unit.driver.changes import new_findings

RETRY = """\
int demo_retry(struct demo *demo)
{
	struct folio *folio;
	struct page *page;
	int ret;

	while (true) {
		if (demo_late(demo))
			return -EBUSY;
		ret = demo_take_range(demo, &page);
		if (ret <= 0 || !page)
			return -EINVAL;
		folio = page_folio(page);
		if (!demo_raced(demo))
			break;
		folio_unlock(folio);
		demo_count(demo);
	}
	demo_map(demo, page);
	folio_unlock(folio);
	return 0;
}
"""
BEGIN = """\
int demo_begin(struct demo *demo, struct page **pagep)
{
	struct folio *folio;
	int ret;

	ret = demo_start(demo, &folio);
	if (ret < 0)
		return ret;
	ret = demo_flush(demo);
	if (ret < 0)
		goto error;
	*pagep = &folio->page;
	return 0;

error:
	folio_put(folio);
	demo_leave(demo);
	return ret;
}
"""
WALK = """\
int demo_walk(struct demo *demo)
{
	int i, err;

	for (i = 0; i < demo->count; i++) {
		err = demo_step(demo, i);
		if (err)
			goto out_unlock;
		demo_use(demo);
		unlock_page(demo->pages[i]);
	}
	return 0;

out_unlock:
	unlock_page(demo->pages[i]);
out:
	demo_leave(demo);
	return err;
}
"""
TWICE = """\
void demo_twice(struct demo *demo)
{
	struct page *page = demo_next(demo);

	put_page(page);
	demo_count(demo);
	put_page(page);
}
"""
WAIT = """\
struct folio *demo_ready(struct demo *demo)
{
	struct folio *folio, *first = demo->first;

	folio = demo_next(demo);
	if (xa_is_value(folio))
		return NULL;
	while (demo_busy(demo)) {
		folio_unlock(folio);
		demo_wait(demo);
		folio_lock(folio);
	}
	folio_unlock(folio);
	folio = first;
	return folio;
}
"""
COUNT = """\
int demo_forgive(struct demo *demo)
{
	struct folio *folio = demo_next(demo);

	if (demo_count(demo) == 0) {
		folio_put(folio);
		goto out;
	}
	demo_clear(demo);
	folio_put(folio);
out:
	return demo_leave(demo);
}
"""
GIVEN = """\
void demo_given(struct demo *demo, int ready)
{
	struct page *page = demo_next(demo);

	if (ready) {
		list_add(&page->lru, &demo->list);
		return;
	}
	demo_count(demo);
	unlock_page(page);
}
"""
CHAIN = """\
int demo_chain(struct demo *demo)
{
	struct folio *folio = demo_next(demo);
	int err = demo_look(demo);

	if (err)
		goto out_unlock;
	err = demo_fill(demo);
	if (err)
		goto out_unlock;
	demo_commit(demo, folio);
out_put:
	demo_leave(demo);
	return err;
out_unlock:
	folio_unlock(folio);
	goto out_put;
}
"""
FLAG = """\
int demo_flag(struct demo *demo)
{
	struct folio *folio = demo_next(demo);
	bool held = demo_take(demo, folio);
	int err = demo_look(demo);

	if (err) {
		folio_unlock(folio);
		held = false;
		goto out;
	}
	if (held)
		demo_commit(demo);
out:
	if (held)
		folio_unlock(folio);
	return err;
}
"""
MKWRITE = """\
int demo_mkwrite(struct demo *demo, struct folio *folio)
{
	int ret = DEMO_LOCKED;

	folio_lock(folio);
	if (demo_gone(demo)) {
		folio_unlock(folio);
		ret = DEMO_NOPAGE;
		goto out;
	}
	demo_dirty(demo);
out:
	demo_leave(demo);
	return ret;
}
"""
MKWRITE_END = """\
		ret = DEMO_NOPAGE;
		goto out;
	}
	demo_dirty(demo);
out:
"""
BOTH = """\
int demo_both(struct demo *demo)
{
	struct folio *folio = demo_next(demo);
	bool ready = demo_take(demo);

	folio_put(folio);
	if (ready) {
		demo_use(demo);
		return 0;
	}
	return -EBUSY;
}
"""
MOVE = """\
int demo_move(struct demo *demo, struct folio *folio)
{
	LIST_HEAD(pagelist);
	int ret = -EBUSY;

	if (demo_collect(folio, &pagelist)) {
		ret = demo_migrate(demo, &pagelist);
		if (ret) {
			if (!list_empty(&pagelist))
				putback_movable_pages(&pagelist);
			demo_count(demo);
		}
	}
	return ret;
}
"""


@pytest.mark.parametrize(
    ("text", "old", "new", "rule", "line"),
    [
        (RETRY, "\t\tfolio_unlock(folio);\n", "", "page-lock-leak", 16),
        (BEGIN, "\tfolio_put(folio);\n", "", "page-ref-leak", 16),
        (WALK, "goto out_unlock;", "goto out;", "page-lock-leak", 17),
        (WALK, "goto out_unlock;", "return err;", "page-lock-leak", 8),
        (WALK, "\t\tunlock_page(demo->pages[i]);\n", "", "page-lock-leak", 5),
        (
            MOVE,
            "\t\t\tif (!list_empty(&pagelist))\n\t\t\t\tputback_movable_pages(&pagelist);\n",
            "",
            "isolated-page-lost",
            9,
        ),
        (WAIT, "\t\tfolio_unlock(folio);\n", "", "page-lock-leak", 9),
        (COUNT, ") {\n\t\tfolio_put(folio);\n\t\tgoto out;\n\t}\n", ")\n\t\tgoto out;\n", "page-ref-leak", 10),
        (WAIT, "\tfolio_unlock(folio);\n\tfolio", "\tfolio", "page-lock-leak", 13),
        (WALK, "\tunlock_page(demo->pages[i]);\nout", "out", "page-lock-leak", 16),
        (CHAIN, "\tfolio_unlock(folio);\n", "", "page-lock-leak", 13),
        (CHAIN, "goto out_unlock", "goto out_put", "page-lock-leak", 13),
        (
            BOTH,
            "\tfolio_put(folio);\n\tif (ready) {\n",
            "\tif (ready) {\n\t\tfolio_put(folio);\n",
            "page-ref-leak",
            6,
        ),
    ],
)
def test_release_is_gone(tmp_path: Path, text: str, old: str, new: str, rule: str, line: int) -> None:
    assert old in text

    found = new_findings(tmp_path, text, text.replace(old, new, 1))

    assert [(f.rule, f.line) for f in found] == [(rule, line)]
    assert "any more" in found[0].message


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (
            RETRY,
            "\t\tfolio_unlock(folio);\n\t\tdemo_count(demo);\n",
            "\t\tdemo_count(demo);\n\t\tfolio_unlock(folio);\n",
        ),
        (RETRY, "\t\tfolio_unlock(folio);\n\t\tdemo_count", "\t\tdemo_drop(folio);\n\t\tdemo_count"),
        (RETRY, "folio_unlock(folio)", "unlock_page(page)"),
        (RETRY, "folio", "range_folio"),
        (BEGIN, "\tfolio_put(folio);\n\tdemo_leave(demo);\n", "\tdemo_leave_folio(demo, folio);\n"),
        (BEGIN, "\tfolio_put(folio);\n", "\tdemo->folio = folio;\n"),
        (BEGIN, "\tfolio_put(folio);\n", "\tif (folio)\n\t\tfolio_put(folio);\n"),
        (WALK, "goto out_unlock;", "{\n\t\t\tunlock_page(demo->pages[i]);\n\t\t\tgoto out;\n\t\t}"),
        (MOVE, "putback_movable_pages(&pagelist)", "demo_put_back(&pagelist)"),
        (GIVEN, "\t\tlist_add(&page->lru, &demo->list);\n", ""),
        (
            CHAIN,
            "\tif (err)\n\t\tgoto out_unlock;\n",
            "\tif (err) {\n\t\tfolio_unlock(folio);\n\t\tdemo_leave(demo);\n\t\treturn err;\n\t}\n",
        ),
        (CHAIN, "out_put:\n\tdemo_leave(demo);\n\treturn err;\nout_unlock", "\tdemo_leave(demo);\n\treturn err;\nout"),
        (FLAG, "\t\tfolio_unlock(folio);\n\t\theld = false;\n", ""),
        (
            MKWRITE,
            "\t\tfolio_unlock(folio);\n" + MKWRITE_END,
            MKWRITE_END + "\tif (ret != DEMO_LOCKED)\n\t\tfolio_unlock(folio);\n",
        ),
        (TWICE, "\tdemo_count(demo);\n\tput_page(page);\n", "\tdemo_count(demo);\n"),
    ],
)
def test_release_is_elsewhere(tmp_path: Path, text: str, old: str, new: str) -> None:
    assert old in text

    assert new_findings(tmp_path, text, text.replace(old, new)) == []


def test_what_the_release_belonged_to_is_gone_too(tmp_path: Path) -> None:
    text = BEGIN.replace("\tret = demo_flush", "\tfolio_get(folio);\n\tret = demo_flush")
    after = text.replace("\tfolio_get(folio);\n", "").replace("\tfolio_put(folio);\n", "")

    assert new_findings(tmp_path, text, after) == []


def test_callee_that_changes_too_may_release(tmp_path: Path) -> None:
    callee = "int demo_flush(struct demo *demo)\n{\n\treturn demo->error;\n}\n\n"
    before = callee + BEGIN
    after = before.replace("return demo->error", "return demo_give_up(demo)").replace("\tfolio_put(folio);\n", "")

    assert new_findings(tmp_path, before, after) == []


WRAPPERS = """\
void demo_finish(struct page *page, int unlock)
{
	if (!page)
		return;
	if (unlock)
		unlock_page(page);
}

int demo_wrapped(struct demo *demo, struct page *page)
{
	int err = demo_look(demo);

	if (err) {
		demo_finish(page, 1);
		return err;
	}
	return demo_finish_later(demo, page);
}
"""


def test_release_by_another_function_is_gone(tmp_path: Path) -> None:
    call = "\t\tdemo_finish(page, 1);\n"
    other = WRAPPERS.replace("(page, 1)", "(page, 0)")

    found = new_findings(tmp_path, WRAPPERS, WRAPPERS.replace(call, ""))

    assert [(f.rule, f.line) for f in found] == [("page-lock-leak", 14)]
    assert new_findings(tmp_path, other, other.replace("\t\tdemo_finish(page, 0);\n", "")) == []
    assert new_findings(tmp_path, WRAPPERS, WRAPPERS.replace(call, "\t\tunlock_page(page);\n")) == []
