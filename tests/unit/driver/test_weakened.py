"""Looks under a lock, and locks, that a change takes away, of pages of which nothing is known."""

from pathlib import Path

import pytest

from analyzer.findings import Confidence
from tests.unit.driver.changes import new_findings

MKWRITE = """\
vm_fault_t demo_mkwrite(struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;

	if (folio_lock_killable(folio) < 0)
		return VM_FAULT_NOPAGE;
	if (folio->mapping != mapping)
		goto unlock;
	demo_prepare(folio);
	return VM_FAULT_LOCKED;

unlock:
	folio_unlock(folio);
	return VM_FAULT_NOPAGE;
}
"""
AGAIN = """\
struct page *demo_get(struct demo *demo)
{
	struct page *page;

again:
	page = demo_read(demo);
	lock_page(page);
	if (unlikely(page->mapping != demo->mapping || !PageUptodate(page))) {
		unlock_page(page);
		put_page(page);
		goto again;
	}
	return page;
}
"""
WRITE = """\
int demo_write(struct demo *demo, int i)
{
	struct address_space *mapping;

	lock_page(demo->pages[i]);
	mapping = page_mapping(demo->pages[i]);
	if (mapping != demo->mapping) {
		unlock_page(demo->pages[i]);
		return -EAGAIN;
	}
	demo_fill(demo, demo->pages[i]);
	unlock_page(demo->pages[i]);
	return 0;
}
"""
PUT = """\
void demo_put(struct demo *demo, bool dirty)
{
	struct page *page;

	for_each_demo_page(page, demo) {
		if (dirty && trylock_page(page)) {
			set_page_dirty(page);
			unlock_page(page);
		}
		demo_count(demo);
	}
}
"""
UNMAP = """\
void demo_unmap(struct demo *demo, struct folio *folio)
{
	if (folio_mapped(folio)) {
		folio_lock(folio);
		try_to_unmap(folio, TTU_SYNC);
		folio_unlock(folio);
	}
	demo_count(demo);
}
"""
RELEASE = """\
void demo_release(struct demo *demo)
{
	int i;

	for (i = 0; i < demo->count; i++) {
		set_page_dirty_lock(demo->pages[i]);
		demo_count(demo);
	}
}
"""
HOST = """\
unsigned long demo_host(struct folio *folio)
{
	unsigned long number = 0;

	folio_lock(folio);
	if (folio->mapping)
		number = folio->mapping->host->i_ino;
	folio_unlock(folio);
	return number;
}
"""
ASSERTING = """\
static void demo_drop(struct folio *folio)
{
	VM_BUG_ON_FOLIO(!folio_test_locked(folio), folio);
	demo_forget(folio);
}

static void demo_leave(struct demo *demo, struct folio *folio)
{
	demo_count(demo);
	demo_drop(folio);
}

void demo_unmap(struct demo *demo, struct folio *folio)
{
		folio_lock(folio);
		demo_leave(demo, folio);
		folio_unlock(folio);
}
"""
MOVED = """\
bool demo_moved(struct demo *demo, struct folio *folio)
{
	bool moved = false;

	folio_lock(folio);
	if (folio->mapping != demo->mapping)
		moved = true;
	folio_unlock(folio);
	return moved;
}
"""
SHARED = """\
void demo_walk(struct folio *folio, struct rmap_walk_control *control)
{
	bool need = !folio_test_anon(folio);

	if (need && !folio_trylock(folio))
		return;
	rmap_walk(folio, control);
	if (need)
		folio_unlock(folio);
}
"""
LOCK, UNLOCK = "\t\tfolio_lock(folio);\n", "\t\tfolio_unlock(folio);\n"


@pytest.mark.parametrize(
    ("text", "parts", "rule", "line"),
    [
        (MKWRITE, ["\tif (folio->mapping != mapping)\n\t\tgoto unlock;\n"], "mapping-not-rechecked", 6),
        (AGAIN, ["page->mapping != demo->mapping || "], "mapping-not-rechecked", 7),
        (AGAIN, [" || !PageUptodate(page)"], "stale-fact-after-unlock", 7),
        (
            WRITE,
            [
                "\tif (mapping != demo->mapping) {\n\t\tunlock_page(demo->pages[i]);\n\t\treturn -EAGAIN;\n\t}\n",
            ],
            "mapping-not-rechecked",
            5,
        ),
        (PUT, [" && trylock_page(page)", "\t\t\tunlock_page(page);\n"], "page-lock-required", 7),
        (UNMAP, [LOCK, UNLOCK], "page-lock-required", 4),
        (RELEASE, ["_lock"], "page-lock-required", 6),
        (HOST, [LOCK[1:], UNLOCK[1:]], "page-lock-required", 6),
        (ASSERTING, [LOCK, UNLOCK], "page-lock-required", 15),
        (
            SHARED,
            ["\tif (need && !folio_trylock(folio))\n\t\treturn;\n", "\tif (need)\n\t\tfolio_unlock(folio);\n"],
            "page-lock-required",
            5,
        ),
        (MOVED, [LOCK[1:], UNLOCK[1:]], "page-lock-required", 5),
    ],
)
def test_guard_is_gone(tmp_path: Path, text: str, parts: list[str], rule: str, line: int) -> None:
    after = text
    for part in parts:
        assert part in after
        after = after.replace(part, "", 1)

    found = new_findings(tmp_path, text, after)

    assert [(f.rule, f.line) for f in found] == [(rule, line)]
    assert "any more" in found[0].message


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MKWRITE, "folio->mapping != mapping", "folio_mapping(folio) != mapping"),
        (MKWRITE, "folio->mapping != mapping", "demo_moved(folio, mapping)"),
        (MKWRITE, "folio->mapping != mapping", "mapping_moved(mapping)"),
        (MKWRITE, "folio", "locked"),
        (AGAIN, "page = demo_read(demo);\n\tlock_page(page);\n", "page = find_lock_page(demo->mapping, 0);\n"),
        (AGAIN, "\tlock_page(page);\n", "\tif (page->mapping != demo->mapping)\n\t\tgoto again;\n\tlock_page(page);\n"),
        (ASSERTING, "\t\tfolio_lock(folio);\n", "\t\tif (!folio_trylock(folio))\n\t\t\treturn;\n"),
        (ASSERTING, "\t\tdemo_leave(demo, folio);\n\t\tfolio_unlock(folio);\n", "\t\tfolio_unlock(folio);\n"),
        (PUT, "trylock_page(page)", "!lock_page_killable(page)"),
        (UNMAP, "\t\tfolio_lock(folio);\n\t\ttry_to", "\t\tdemo_count(demo);\n\t\tfolio_lock(folio);\n\t\ttry_to"),
        (RELEASE, "set_page_dirty_lock(demo->pages[i])", "demo_dirty(demo->pages[i])"),
        (
            RELEASE,
            "\t\tset_page_dirty_lock(demo->pages[i]);\n",
            "\t\tlock_page(demo->pages[i]);\n\t\tset_page_dirty(demo->pages[i]);\n\t\tunlock_page(demo->pages[i]);\n",
        ),
    ],
)
def test_guard_is_elsewhere(tmp_path: Path, text: str, old: str, new: str) -> None:
    assert old in text

    assert new_findings(tmp_path, text, text.replace(old, new)) == []


@pytest.mark.parametrize(
    ("text", "parts", "added"),
    [
        (ASSERTING, [LOCK, UNLOCK, "\tVM_BUG_ON_FOLIO(!folio_test_locked(folio), folio);\n"], ""),
        (UNMAP, [LOCK, UNLOCK], "\tif (!demo_guard(demo))\n\t\treturn;\n"),
    ],
)
def test_lock_may_have_been_for_nothing(tmp_path: Path, text: str, parts: list[str], added: str) -> None:
    before = text
    after = text.replace("\tif (folio_mapped", added + "\tif (folio_mapped")
    for part in parts:
        after = after.replace(part, "", 1)
        before = before if part in (LOCK, UNLOCK) else before.replace(part, "", 1)

    assert new_findings(tmp_path, before, after) == []
    found = new_findings(tmp_path, before, after, Confidence.LOW)

    assert [(f.rule, f.confidence) for f in found] == [("page-lock-required", Confidence.LOW)]


def test_callee_that_changes_too_may_look(tmp_path: Path) -> None:
    callee = "int demo_prepare(struct folio *folio)\n{\n\treturn 0;\n}\n\n"
    before = callee + MKWRITE
    look = "\tif (folio->mapping != mapping)\n\t\tgoto unlock;\n"
    after = before.replace("return 0", "return folio->mapping ? 0 : -EAGAIN").replace(look, "")

    assert new_findings(tmp_path, before, after) == []
