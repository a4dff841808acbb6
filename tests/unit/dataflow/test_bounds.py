"""What goes beyond a bound is said: a function in which held pages were lumped together does not look clean."""

from pathlib import Path

import pytest

from analyzer.cfg import build_cfg
from analyzer.dataflow import Analysis, analyse, anatomy_of, make_knowledge
from analyzer.driver.fileanalysis import idioms_of
from analyzer.rulespec import load_model
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function
from tests.cli.running import report, write_tree

MODEL = load_model()
KNOWLEDGE = make_knowledge(MODEL.select(None), lambda *_: None, lambda *_: None, lambda *_: False)


def many_pages(count: int, call: str) -> str:
    """Return a function in which any of `count` pages may have met `call`, and is given back in the end."""
    pages = [f"p{number}" for number in range(count)]
    heads = ", ".join(f"struct page *{page}, int n{page}" for page in pages)
    takes = "".join(f"\tif (n{page})\n\t\t{call}({page});\n" for page in pages)
    gives = "".join(f"\tif (n{page})\n\t\tunlock_page({page});\n" for page in pages) if call == "lock_page" else ""
    return f"void demo_many({heads})\n{{\n{takes}{gives}}}\n"


def own_pages(count: int) -> str:
    """Return a function that looks up `count` pages, one after the other, and is done with each at once."""
    looks = "".join(
        f"\tq[{n}] = demo_next(x);\n\tif (x & {n}) {{\n\t\tlock_page(q[{n}]);\n\t\tunlock_page(q[{n}]);\n\t}}\n"
        for n in range(count)
    )
    return f"void demo_own(int x, struct page **q)\n{{\n{looks}}}\n"


ARRAY_LOOP = """static int demo_write(struct page *page, struct writeback_control *wbc)
{
	if (wbc->for_reclaim)
		return AOP_WRITEPAGE_ACTIVATE;
	unlock_page(page);
	return 0;
}

static bool demo_flush(struct page *page)
{
	if (!page->index)
		return false;
	unlock_page(page);
	return true;
}

int demo_array(struct address_space *mapping, struct writeback_control *wbc, int nr)
{
	struct pagevec pvec;
	pgoff_t index = 0;
	int i, ret = 0;

	while ((nr = pagevec_lookup_tag(&pvec, mapping, &index, 1))) {
		for (i = 0; i < nr; i++) {
			struct page *page = pvec.pages[i];
again:
			if (wbc->sync_mode == WB_SYNC_ALL)
				lock_page(page);
			else if (!trylock_page(page))
				continue;
			if (page->mapping != mapping) {
				unlock_page(page);
				continue;
			}
			if (demo_flush(page))
				goto again;
			ret = demo_write(page, wbc);
			if (--wbc->nr_to_write == 0)
				break;
		}
		pagevec_release(&pvec);
	}
	return ret;
}
"""


def analysis_of(text: str) -> Analysis:
    source = SourceText("demo.c", text.encode())
    parsed = parse_function(source, outline(source).functions[0])
    return analyse(anatomy_of(build_cfg(parsed[0], "demo.c", idioms_of(MODEL))), KNOWLEDGE)


@pytest.mark.parametrize(
    ("count", "call", "lumped"), [(2, "lock_page", False), (6, "lock_page", True), (6, "f", False)]
)
def test_lumped_states_are_told_of_when_a_page_was_held(count: int, call: str, lumped: bool) -> None:
    analysis = analysis_of(many_pages(count, call))

    assert (analysis.lumped, analysis.bounded) == (lumped, False)


def test_pages_that_are_done_with_are_forgotten_where_there_are_many() -> None:
    analysis = analysis_of(own_pages(7))

    assert (analysis.lumped, analysis.bounded) == (False, False)


def test_leak_among_many_pages_that_are_done_with_is_seen() -> None:
    analysis = analysis_of(own_pages(7).replace("\tunlock_page(q[5]);\n", ""))

    assert not analysis.lumped
    assert any(s.point == "exit" and s.facts["lock"] == "locked" for s in analysis.sights)


def test_what_one_block_splits_too_often_is_told_of_too() -> None:
    tries = "".join(f"x |= trylock_page(q[{n}]);" for n in range(8))

    assert analysis_of(f"int f(int x, struct page **q) {{ {tries} return x; }}").lumped


def test_function_that_was_followed_in_part_is_named(tmp_path: Path) -> None:
    found = report("scan", write_tree(tmp_path, {"demo.c": many_pages(6, "lock_page")}))

    assert [(s["function"], s["reason"]) for s in found["skipped"]] == [
        ("demo_many", "many paths: what follows from them was not all followed")
    ]


def test_pages_of_earlier_rounds_that_stayed_locked_are_one(tmp_path: Path) -> None:
    found = report("scan", "--strict", write_tree(tmp_path, {"demo.c": ARRAY_LOOP}))

    assert found["skipped"] == []
    assert {(f["rule"], f["function"]) for f in found["findings"]} == {("page-lock-leak", "demo_array")}
