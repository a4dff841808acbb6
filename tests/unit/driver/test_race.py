"""Races extracted from the C of the fixture trees: each generation, each mutant, and what a run says of itself."""

import io
import re
from itertools import groupby
from pathlib import Path

import pytest

from analyzer.driver.race import RaceOptions, check_races
from analyzer.findings import Result
from analyzer.patch import apply_patch, parse_patch, read_messages
from analyzer.source import FolderTree, OverlayTree, SourceError, Tree
from tests.unit.interleave.oracle import GENERATIONS, MUTANT_PATCHES, MUTANTS, TREES

EXPECTED = {entry.get("id", entry["base"]): entry for entry in (*TREES, *MUTANT_PATCHES)}


def tree_of(name: str) -> Tree:
    entry = EXPECTED[name]
    tree = FolderTree(GENERATIONS / entry["base"])
    if "patch" not in entry:
        return tree
    (message,) = read_messages(io.BytesIO((MUTANTS / entry["patch"]).read_bytes()), entry["patch"])
    applied = apply_patch(parse_patch(message), tree)
    assert not applied.rejects
    return OverlayTree(tree, applied.overlay)


def broken(result: Result) -> set[str]:
    named = (re.search(r"\(([a-z-]+);", finding.message) for finding in result.findings)
    return {match[1] for match in named if match is not None}


@pytest.mark.parametrize("name", EXPECTED)
def test_race_in_c_breaks_what_is_stated(name: str) -> None:
    expected = EXPECTED[name]

    result = check_races(tree_of(name))

    assert broken(result) >= set(expected["breaks"])
    assert broken(result) <= {*expected["breaks"], *expected["follows"]}
    assert result.skipped == ()


@pytest.mark.parametrize("folder", sorted((GENERATIONS / "variants").iterdir()), ids=lambda folder: folder.name)
def test_race_is_seen_however_the_code_is_written(folder: Path) -> None:
    """Other names, other helpers, other control flow; the trace of the seed's bug, three contexts in it."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.c")}
    base = tree_of(folder.name.partition("-")[0])

    result = check_races(OverlayTree(base, files), ("mm/zpool_demo.c",))

    assert broken(result) == {"isolate-released-page", "page-on-two-lists", "callback-on-released-page"}
    assert result.skipped == ()
    (finding,) = (f for f in result.findings if "isolate-released-page" in f.message)
    assert finding.rule == "double-isolation"
    assert len({step.context for step in finding.trace}) == 3


@pytest.mark.parametrize(
    ("name", "text", "cure"),
    [
        ("v4-chain", b"ClearPageIsolated(page);", b"__ClearPageMovable(page);"),
        ("v6.0-folio", b"folio_clear_isolated(folio);", b"__ClearPageMovable(&folio->page);"),
        ("v6.0-wrappers", b"folio_clear_isolated(folio);", b"__ClearPageMovable(&folio->page);"),
    ],
)
def test_cured_variant_is_silent(name: str, text: bytes, cure: bytes) -> None:
    file = "mm/zpool_demo.c"
    data = (GENERATIONS / "variants" / name / file).read_bytes()
    assert data.count(text) == 1

    result = check_races(OverlayTree(tree_of(name.partition("-")[0]), {file: data.replace(text, cure)}), (file,))

    assert (broken(result), result.skipped) == (set(), ())


def test_reported_interleaving_is_the_shortest_and_stands_at_the_owners_write() -> None:
    result = check_races(tree_of("v3"))

    (finding,) = (f for f in result.findings if "isolate-released-page" in f.message)
    assert finding.rule == "double-isolation"
    assert (finding.file, finding.function) == ("mm/zpool_demo.c", "reset_page")
    assert finding.line_text.strip() == "ClearPageIsolated(page);"
    columns = [(context, [s.message for s in steps]) for context, steps in groupby(finding.trace, lambda s: s.context)]
    isolation = [
        "PageMovable(page) is true",
        "PageIsolated(page) is false",
        "get_page_unless_zero(page)",
        "PageMovable(page) is true",
        "trylock_page(page)",
        "PageMovable(page) is true",
        "PageIsolated(page) is false",
    ]
    assert columns == [
        (
            "A (compact_block)",
            [
                *isolation,
                "->isolate_page(page, mode)",
                "page_private(page) is set",
                "SetPageIsolated(page)",
                "PageIsolated(page) is true",
                "unlock_page(page)",
            ],
        ),
        (
            "C (zs_free)",
            [
                "trylock_page(page)",
                "PageIsolated(page) is true",
                "ClearPageIsolated(page)",
                "set_page_private(page, 0)",
                "unlock_page(page)",
            ],
        ),
        (
            "B (compact_block)",
            [*isolation, "->isolate_page(page, mode): isolate callback on a released page"],
        ),
    ]


def test_every_step_stands_on_a_line_that_says_it() -> None:
    tree = tree_of("v3")

    for finding in check_races(tree).findings:
        for step in finding.trace:
            line = tree.read(step.file).decode().splitlines()[step.line - 1]
            name = re.match(r"(?:->)?(\w+)", step.message)
            assert name is not None
            assert name[1] in line, step


def test_run_says_what_it_extracted_and_explored() -> None:
    notes = [note.message for note in check_races(tree_of("v6.0")).notes]

    assert any(
        re.search(r"^zs_mops: isolator A, B is compact_block\(\), \d+ steps out of .*mm/migrate\.c:\d+", n)
        for n in notes
    )
    assert any(n.startswith("zs_mops: owner C is async_free_zspage(), ") for n in notes)
    assert any(re.fullmatch(r"zs_mops: \d+ states explored \(all there are\), 0 invariants broken", n) for n in notes)


def test_kernel_before_the_protocol_has_no_race_that_is_known() -> None:
    result = check_races(FolderTree(GENERATIONS / "v3.8"))

    assert (result.findings, result.skipped) == ((), ())
    assert [note.message for note in result.notes] == ["this tree has no page isolation that is known here"]


def test_path_limits_the_owners() -> None:
    result = check_races(tree_of("v3"), ("mm/balloon_demo.c",))

    assert result.findings == ()
    assert {note.file for note in result.notes} == {"mm/balloon_demo.c"}


def test_unknown_path_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"mm/nothing\.c"):
        check_races(tree_of("v3"), ("mm/nothing.c",))


def test_search_that_hits_its_bound_is_skipped_and_says_so() -> None:
    result = check_races(tree_of("v4"), ("mm/zpool_demo.c",), RaceOptions(max_states=500))

    (entry,) = result.skipped
    assert (entry.file, entry.reason) == ("mm/zpool_demo.c", "zs_aops: the search hit its bound: more than 500 states")


def test_owner_that_never_releases_is_skipped() -> None:
    tree = tree_of("v6.17")
    text = tree.read("mm/zpool_demo.c").replace(b"set_page_private(page, 0)", b"page->index = 0")
    text = text.replace(b"put_page(page)", b"keep(page)")

    result = check_races(OverlayTree(tree, {"mm/zpool_demo.c": text}), ("mm/zpool_demo.c",))

    assert [entry.reason for entry in result.skipped] == [
        "zs_mops: no function of the owner was found to release a page"
    ]


def test_owner_that_drops_a_page_as_it_is_has_released_it() -> None:
    """What the next isolator goes by is left alone: the back-pointer of 6.17, the mark of before."""
    for generation, call in (("v6.17", b"set_page_private(page, 0)"), ("v6.0", b"__ClearPageMovable(page)")):
        tree = tree_of(generation)
        text = tree.read("mm/zpool_demo.c").replace(call, b"page->index = 0")

        result = check_races(OverlayTree(tree, {"mm/zpool_demo.c": text}), ("mm/zpool_demo.c",))

        assert "isolate-released-page" in " ".join(finding.message for finding in result.findings)


def test_core_that_is_not_understood_is_skipped() -> None:
    tree = tree_of("v4")

    result = check_races(OverlayTree(tree, {"mm/compaction.c": None}))

    assert result.findings == ()
    assert {entry.reason.split(": ", 1)[1] for entry in result.skipped} == {
        "no function isolates pages, migrates them and puts them back"
    }


def test_tree_without_isolation_gives_a_note() -> None:
    result = check_races(OverlayTree(FolderTree(GENERATIONS / "v4" / "include"), {"mm/a.c": b"int a;\n"}), ())

    assert (result.findings, result.skipped) == ((), ())
    assert len(result.notes) == 1


def test_callback_that_calls_what_is_not_there_is_skipped() -> None:
    tree = tree_of("v6.0")
    text = tree.read("mm/zpool_demo.c").replace(b"copy_highpage(newpage, page)", b"pool->copy(newpage, page)")

    result = check_races(OverlayTree(tree, {"mm/zpool_demo.c": text}), ("mm/zpool_demo.c",))

    assert len(result.skipped) == 1
    assert result.skipped[0].reason.endswith("what ->copy() calls was not found")
