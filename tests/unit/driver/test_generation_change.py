"""A change that moves a tree to another generation of the protocol is judged by the model of that generation."""

from functools import cache

import pytest

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of
from analyzer.findings import Finding
from analyzer.source import FolderTree, OverlayTree, Tree
from tests.rules.annotated import FIXTURES, built_in_model, built_in_rules

GENERATIONS = FIXTURES / "generations"
KNOBS = Knobs(built_in_model(), built_in_rules())
HEADER = "include/linux/page-flags.h"
STICKY = b"\nstatic inline bool page_has_movable_ops(const struct page *page)\n{\n\treturn page->type;\n}\n"


def make(snapshot: Snapshot, tree: Tree, changed: set[str]) -> Snapshot:
    return update(snapshot, tree, KNOBS, Workers([], 1), tree.files(), changed)


@cache
def snapshot_of(generation: str) -> Snapshot:
    return make(Snapshot(), FolderTree(GENERATIONS / generation), set())


def findings(snapshot: Snapshot) -> list[Finding]:
    return [finding for path in sorted(snapshot.results) for finding in findings_of(snapshot, path)]


def sticky_tree() -> OverlayTree:
    """Return a tree of 6.0 with the one function by which the generation of 6.17 is known."""
    base = FolderTree(GENERATIONS / "v6.0")
    old = base.read(HEADER) if base.exists(HEADER) else b""
    return OverlayTree(base, {HEADER: old + STICKY})


@pytest.mark.parametrize(("before", "after"), [("v6.0", "v6.17"), ("v6.17", "v6.0"), ("v4", "v6.0"), ("v3", "v4")])
def test_changed_generation_is_asked_for_again(before: str, after: str) -> None:
    tree, fresh = FolderTree(GENERATIONS / after), snapshot_of(after)
    there = {*tree.files(), *snapshot_of(before).files}
    moved = make(snapshot_of(before), tree, there)

    assert moved.conditions == fresh.conditions
    assert findings(moved) == findings(fresh)


def test_function_that_a_patch_brings_changes_what_other_files_are_asked() -> None:
    tree = sticky_tree()
    moved, fresh = make(snapshot_of("v6.0"), tree, {HEADER}), make(Snapshot(), tree, set())
    back = make(moved, tree.base, {HEADER})

    assert moved.conditions["defines page_has_movable_ops"] is True
    assert (moved.conditions, findings(moved)) == (fresh.conditions, findings(fresh))
    assert (back.conditions, findings(back)) == (snapshot_of("v6.0").conditions, findings(snapshot_of("v6.0")))


def test_change_that_defines_nothing_keeps_what_was_found() -> None:
    before = snapshot_of("v6.0")
    base = FolderTree(GENERATIONS / "v6.0")
    path = next(p for p in sorted(before.results) if p.startswith("mm/"))
    after = make(before, OverlayTree(base, {path: base.read(path) + b"\nstatic int demo_other;\n"}), {path})

    assert all(after.results[other] is before.results[other] for other in before.results if other != path)
