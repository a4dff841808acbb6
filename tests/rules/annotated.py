"""Annotated fixtures: C files whose comments say what a rule must find.

    // expect: ID "text"      this line carries a finding of ID whose message holds the text
    // known-fp: ID "text"    it does today, and should not
    // known-fn: ID           it does not today, and should
    // trace: "text"          a finding of this function has a step on this line whose message holds the text

A line without a marker is an expectation too: nothing is found there. The
rules of a folder see one file at a time, in a tree that holds nothing else,
in that of a generation (`// tree: v4`), or with the files below the folder's
own `tree/`.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of, skipped_of
from analyzer.findings import Finding, Skipped
from analyzer.rulespec import Model, Rule, load_model, load_rules
from analyzer.source import EmptyTree, FolderTree, OverlayTree, SourceText, Tree
from analyzer.syntax import outline

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
FIXTURES = ROOT / "fixtures"
NOT_RULES = frozenset({"generations", "mail", "demo", "pieces"})

_MARKER = re.compile(r"//\s*(expect|known-fp|known-fn|trace):\s*(?:([a-z][\w-]*))?\s*(?:\"([^\"]*)\")?\s*$")


@dataclass(frozen=True)
class Marker:
    """One comment: `kind` is expect, known-fp, known-fn or trace; `rule` is "" for a trace."""

    kind: str
    line: int
    rule: str
    text: str


@dataclass(frozen=True)
class Case:
    """One function of a fixture: the lines it covers and the markers on them."""

    rule: str
    path: Path
    name: str
    first: int
    last: int
    markers: tuple[Marker, ...]

    @property
    def prefix(self) -> str:
        """Return bad, ok, fp or fn; "" for a function that only serves the others."""
        word = self.name.split("_", 1)[0]
        return word if word in ("bad", "ok", "fp", "fn") else ""

    def of_kind(self, *kinds: str) -> list[Marker]:
        """Return the markers of some kinds."""
        return [marker for marker in self.markers if marker.kind in kinds]


@cache
def built_in_model() -> Model:
    """Return the model that ships."""
    return load_model()


@cache
def built_in_rules() -> tuple[Rule, ...]:
    """Return the rules that ship, sorted by id."""
    return load_rules(built_in_model())


def fixture_files(rule: str) -> list[Path]:
    """Return the C files of a rule's folder."""
    return sorted((FIXTURES / rule).glob("*.c"))


@cache
def cases_of(path: Path) -> tuple[Case, ...]:
    """Return the functions of one fixture in source order; raise ValueError for a comment that is nearly a marker."""
    data = path.read_bytes()
    source = SourceText(path.name, data)
    markers = []
    for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
        if not re.search(r"//.*\b(expect|known-fp|known-fn|trace)\b", line):
            continue
        match = _MARKER.search(line)
        if match is None:
            raise ValueError(f"{path.name}:{number}: not a marker: {line.strip()}")
        markers.append(Marker(match[1], number, match[2] or "", match[3] or ""))
    found = []
    for item in sorted(outline(source).functions, key=lambda f: f.start):
        first, last = source.position(item.start)[0], source.position(item.end - 1)[0]
        own = tuple(marker for marker in markers if first <= marker.line <= last)
        found.append(Case(path.parent.name, path, item.name, first, last, own))
    claimed = sum(len(case.markers) for case in found)
    if claimed != len(markers):
        raise ValueError(f"{path.name}: {len(markers) - claimed} marker(s) outside every function")
    return tuple(found)


def all_cases() -> list[Case]:
    """Return every function of every fixture of every rule that asks about C."""
    return [case for rule in built_in_rules() for path in fixture_files(rule.id) for case in cases_of(path)]


@cache
def analyse_fixture(path: Path) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    """Return what the rule that owns the folder finds in one file, and what could not be analysed."""
    rules = tuple(rule for rule in built_in_rules() if rule.id == path.parent.name)
    named = re.search(r"^// tree: (\S+)$", path.read_text("utf-8"), re.MULTILINE)
    headers = FIXTURES / "generations" / named[1] if named is not None else path.parent / "tree"
    base: Tree = FolderTree(headers) if headers.is_dir() else EmptyTree()
    tree = OverlayTree(base, {path.name: path.read_bytes()})
    knobs = Knobs(built_in_model(), rules, with_tree=headers.is_dir())
    snapshot = update(Snapshot(), tree, knobs, Workers([], 1), tree.files(), [])
    return findings_of(snapshot, path.name), skipped_of(snapshot, path.name)
