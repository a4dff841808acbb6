"""The isolation rules on a tree of every generation of the protocol, on the mutants, and on their own fixtures.

A fixture that says `// generations: v4 v6.0` is put into each of these trees,
where its markers must hold as they do without a tree; in the trees of a line
`// silent: v6.17` the rule must find nothing in it.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of
from analyzer.findings import Finding
from analyzer.patch import apply_patch, parse_patch, read_messages
from analyzer.rulespec import Rule
from analyzer.source import FolderTree, OverlayTree, Tree
from tests.rules.annotated import FIXTURES, built_in_model, built_in_rules, cases_of

GENERATIONS = FIXTURES / "generations"
ORACLE = tomllib.loads((GENERATIONS / "mutants" / "mutants.toml").read_text("utf-8"))
ISOLATION = frozenset(
    {
        "isolated-cleared-movable-kept",
        "isolate-without-trylock",
        "isolate-without-recheck",
        "set-movable-unlocked",
        "movable-before-init",
        "movable-access-unlocked",
        "movable-kept-on-free",
        "driver-writes-isolated",
        "callback-drops-lock",
        "lru-touched-while-isolated",
        "isolate-accepts-dead-page",
        "migrate-success-incomplete",
        "migrate-error-final",
        "isolation-ref-leak",
        "isolated-page-lost",
        "isolate-result-misread",
        "page-chain-lock-race",
        "nonatomic-flag-on-shared-page",
        "movable-ops-incomplete",
        "flag-bit-conflict",
    }
)


POSTING, ASPACE, STRUCT, STICKY = {"v3"}, {"v4"}, {"v6.0"}, {"v6.17", "v2026"}
EVERY = POSTING | ASPACE | STRUCT | STICKY
APPLIES: dict[str, set[str]] = dict.fromkeys(ISOLATION, EVERY) | {
    "isolated-cleared-movable-kept": EVERY - STICKY,  # the movable mark stays to the end
    "set-movable-unlocked": EVERY - STICKY,  # the mark is atomic
    "movable-kept-on-free": EVERY - STICKY,
    "migrate-success-incomplete": EVERY - STICKY,  # a released page is a success without any duty
    "movable-access-unlocked": ASPACE | STRUCT,  # the operations hang on the page
    "driver-writes-isolated": EVERY - POSTING,  # the owner's duty in the posting
    "isolate-accepts-dead-page": STICKY,
    "isolated-page-lost": EVERY | {"v3.8"},  # LRU lists are older than the protocol
}
"""The generations in which each rule asks its question."""


@cache
def _rules() -> tuple[Rule, ...]:
    return tuple(rule for rule in built_in_rules() if rule.id in ISOLATION)


def _scan(tree: Tree, rules: tuple[Rule, ...]) -> list[Finding]:
    snapshot = update(Snapshot(), tree, Knobs(built_in_model(), rules), Workers([], 1), tree.files(), [])
    return [finding for path in sorted(snapshot.results) for finding in findings_of(snapshot, path)]


def _mutated(base: str, patch: str) -> Tree:
    """Return a generation's tree with one mutant's patch applied, every hunk of it."""
    with (GENERATIONS / "mutants" / patch).open("rb") as stream:
        (message,) = read_messages(stream, patch)
    tree = FolderTree(GENERATIONS / base)
    applied = apply_patch(parse_patch(message), tree)

    assert not applied.rejects
    return OverlayTree(tree, applied.overlay)


@cache
def _placed() -> tuple[tuple[Path, str, bool], ...]:
    """Return (fixture, generation, whether its markers hold there)."""
    found = []
    for rule in sorted(ISOLATION):
        for path in sorted((FIXTURES / rule).glob("*.c")):
            for word, holds in (("generations", True), ("silent", False)):
                match = re.search(rf"^// {word}: (.+)$", path.read_text("utf-8"), re.MULTILINE)
                found += [(path, name, holds) for name in (match[1].split() if match else ())]
    return tuple(found)


@cache
def _with_fixtures(generation: str) -> tuple[Finding, ...]:
    """Return what is found in a generation's tree with every fixture that names it put beside the kernel's folders."""
    files = {f"{path.parent.name}/{path.name}": path.read_bytes() for path, name, _ in _placed() if name == generation}
    return tuple(_scan(OverlayTree(FolderTree(GENERATIONS / generation), files), _rules()))


@pytest.mark.parametrize("entry", ORACLE["tree"], ids=lambda entry: entry["base"])
def test_tree_gets_what_the_oracle_says(entry: dict[str, object]) -> None:
    found = {finding.rule for finding in _scan(FolderTree(GENERATIONS / str(entry["base"])), _rules())}

    assert found == set(entry["rules"])  # type: ignore[call-overload]


def test_kernel_before_the_protocol_is_silent() -> None:
    """Balloons alone had such pages, and the core called them by name: no rule has an opinion on that."""
    assert _scan(FolderTree(GENERATIONS / "v3.8"), _rules()) == []


@pytest.mark.parametrize("entry", ORACLE["mutant"], ids=lambda entry: entry["id"])
def test_mutant_gets_what_the_oracle_says(entry: dict[str, object]) -> None:
    found = {finding.rule for finding in _scan(_mutated(str(entry["base"]), str(entry["patch"])), _rules())}
    wanted, related = set(entry["rules"]), set(entry["related"])  # type: ignore[call-overload]

    assert wanted <= found <= wanted | related


@pytest.mark.parametrize("folder", sorted((GENERATIONS / "variants").iterdir()), ids=lambda folder: folder.name)
def test_bug_is_seen_however_it_is_written(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.c")}
    base = folder.name.partition("-")[0]
    found = {f.rule for f in _scan(OverlayTree(FolderTree(GENERATIONS / base), files), _rules())}

    assert found == {"isolated-cleared-movable-kept"} | ({"driver-writes-isolated"} if base != "v3" else set())


@pytest.mark.parametrize(
    ("path", "generation", "holds"), _placed(), ids=lambda part: part.stem if isinstance(part, Path) else str(part)
)
def test_fixture_holds_in_a_generation(path: Path, generation: str, holds: bool) -> None:
    rule = path.parent.name
    found = {
        (f.function, f.line) for f in _with_fixtures(generation) if f.file == f"{rule}/{path.name}" and f.rule == rule
    }
    announced = {(case.name, m.line) for case in cases_of(path) for m in case.of_kind("expect", "known-fp")}

    assert found == (announced if holds else set())


@pytest.mark.parametrize("rule", sorted(ISOLATION))
def test_rule_has_fixtures_for_every_generation_that_it_applies_to(rule: str) -> None:
    """A fault, and something like it that is none, in each tree."""
    prefixes: dict[str, set[str]] = {}
    for path, generation, holds in _placed():
        if path.parent.name == rule and holds:
            prefixes.setdefault(generation, set()).update(case.prefix for case in cases_of(path))

    assert {generation for generation, found in prefixes.items() if {"bad", "ok"} <= found} == APPLIES[rule]


def test_one_fault_of_a_callback_is_one_finding() -> None:
    """The general rule on contracts of callbacks leaves those of the protocol to the rule that is about them."""
    both = tuple(r for r in built_in_rules() if r.id in ("callback-drops-lock", "callback-lock-contract"))
    for name, base in (("aops", "v4"), ("mops", "v6.0")):
        path = FIXTURES / "callback-drops-lock" / f"{name}.c"
        tree = OverlayTree(FolderTree(GENERATIONS / base), {path.name: path.read_bytes()})
        found = [(f.function, f.line) for f in _scan(tree, both) if f.file == path.name]

        assert sorted(found) == sorted(
            (case.name, marker.line) for case in cases_of(path) for marker in case.of_kind("expect")
        )


def test_every_isolation_rule_ships() -> None:
    assert {rule.id for rule in _rules()} == ISOLATION


def test_mark_that_is_defined_with_a_plain_bit_operation_is_reported() -> None:
    """Modelled on the flags header of the 2016 posting."""
    header = b"""static inline void __SetPageMovable(struct page *page, struct address_space *mapping)
{
	page->mapping = mapping;
	__set_bit(PG_movable, &page->flags);
}

static inline void __SetPageSwapBacked(struct page *page)
{
	__set_bit(PG_swapbacked, &page->flags);
}
"""
    tree = OverlayTree(FolderTree(GENERATIONS / "v3"), {"include/linux/page-flags.h": header})
    found = [f for f in _scan(tree, _rules()) if f.file.endswith("page-flags.h")]

    assert [(f.rule, f.function, f.line) for f in found] == [("nonatomic-flag-on-shared-page", "__SetPageMovable", 4)]
