"""Pieces of functions, for when there is no tree: analysed with an unknown start, and only what is certain is told.

A piece is compared with the same piece before the patch. What is said to be new
is certain after the patch and was not even possible before it; what is said to be
fixed was certain before it and is not even possible after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from analyzer.cfg import build_cfg
from analyzer.checks import ask_rules
from analyzer.checks.certainty import POINTS, certain_sights, settled_variables
from analyzer.dataflow import analyse, anatomy_of, make_knowledge
from analyzer.driver.comparing import FileChange, FileImage, compare_findings
from analyzer.driver.fileanalysis import Setting, ViewSetting, idioms_of, view_settings
from analyzer.driver.fixpoint import Knobs
from analyzer.findings import Confidence, Finding, Status
from analyzer.source import AnalyzerError, SourceText
from analyzer.syntax import FunctionText, outline, parse_function
from analyzer.syntax.completing import complete_end, complete_piece

UNNAMED = "piece_%d"


@dataclass(frozen=True)
class Cut:
    """A run of lines (inclusive, from 1) that shows a function in part; `headed` when it starts with the head.

    `name` is "" when the hunk does not tell the function's name.
    """

    first: int
    last: int
    name: str
    headed: bool


@dataclass(frozen=True)
class Pieces:
    """One side of a file with its pieces made functions; other lines are blank.

    `settled` are (function, variable) of locks that are seen to be given back.
    """

    image: FileImage
    possible: tuple[Finding, ...] = ()
    certain: tuple[Finding, ...] = ()
    analysed: frozenset[Cut] = frozenset()
    settled: frozenset[tuple[str, str]] = frozenset()


@dataclass
class _Sheet:
    """The lines of a side while it is made, and what is put before and behind them."""

    lines: list[bytes]
    before: dict[int, bytes] = field(default_factory=dict)
    behind: dict[int, bytes] = field(default_factory=dict)
    shifts: dict[int, int] = field(default_factory=dict)

    def text(self) -> bytes:
        rows = range(1, len(self.lines) + 1)
        return b"".join(
            self.before.get(n, b"") + self.lines[n - 1].rstrip(b"\n") + self.behind.get(n, b"") + b"\n" for n in rows
        )


def analyse_pieces(
    path: str,
    lines: Sequence[bytes],
    cuts: Sequence[Cut],
    shown: frozenset[int],
    knobs: Knobs,
    settled: frozenset[tuple[str, str]] = frozenset(),
) -> Pieces:
    """Return what the pieces of one side of a file tell.

    lines: the side as the hunks show it, each with its newline; shown: the numbers of lines that some hunk shows;
    settled: what is known of the locks of these functions from before the patch.
    """
    sheet = _Sheet([b"\n"] * (len(lines) + 1))
    made = [cut for number, cut in enumerate(cuts) if _put(sheet, lines, cut, shown, cut.name or UNNAMED % number)]
    image = FileImage(path, sheet.text())
    found = _Findings(image.source, lines, sheet.shifts, knobs, settled)
    functions = outline(image.source).functions
    analysed = set()
    for cut in made:
        at = image.source.line_starts[cut.last - 1]
        item = next((f for f in functions if f.start <= at < f.end), None)
        if item is not None and found.add(item):
            analysed.add(cut)
    return Pieces(image, tuple(found.possible), tuple(found.certain), frozenset(analysed), frozenset(found.settled))


def judge_pieces(before: Pieces | None, after: Pieces | None) -> list[Finding]:
    """Return what a patch does to the findings of the pieces of one file."""
    old = before or Pieces(FileImage(after.image.path if after else "", b""))
    new = after or Pieces(FileImage(old.image.path, b""))
    change = FileChange(old.image, new.image)
    judged = [f for f in compare_findings(old.possible, new.certain, change) if f.status is not Status.FIXED]
    judged += [f for f in compare_findings(old.certain, new.possible, change) if f.status is Status.FIXED]
    return [msgspec.structs.replace(f, function="") if f.function.startswith(UNNAMED % 0) else f for f in judged]


def _put(sheet: _Sheet, lines: Sequence[bytes], cut: Cut, shown: frozenset[int], name: str) -> bool:
    """Put a piece on the sheet as a function; False when it cannot be made one."""
    text = b"".join(lines[cut.first - 1 : cut.last])
    above = cut.first - 1
    if not cut.headed and (above < 1 or above in shown):
        return False
    completed = complete_end(text) if cut.headed else complete_piece(text, name)
    if completed is None:
        return False
    rows = completed.text.removesuffix(b"\n").split(b"\n")
    sheet.lines[cut.first - 1 : cut.last] = rows
    sheet.before[cut.last + 1] = completed.tail
    if completed.head:
        sheet.behind[above] = completed.head
    for row, shift in completed.shifts.items():
        sheet.shifts[cut.first + row] = shift
    return True


class _Findings:
    """The findings of the completed functions of one side."""

    def __init__(
        self,
        source: SourceText,
        lines: Sequence[bytes],
        shifts: Mapping[int, int],
        knobs: Knobs,
        settled: frozenset[tuple[str, str]],
    ) -> None:
        self.source = source
        self.shown = SourceText(source.path, b"".join(lines))
        self.shifts = shifts
        self.settled = set(settled)
        self.possible: list[Finding] = []
        self.certain: list[Finding] = []
        model = knobs.model.select(None)
        self.idioms = idioms_of(model)
        self.harmless = frozenset(
            p.callee for e in model.events if e.facet != Setting.contract_facet for p in e.calls if not p.indirect
        )
        self.views = [view for view in view_settings(model, knobs.rules) if _about_locks(view)]
        self.rules = tuple(
            r
            for r in knobs.rules
            if POINTS.intersection(r.points)
            and r.facet == Setting.contract_facet
            and r.confidence is not Confidence.LOW
        )

    def add(self, item: FunctionText) -> bool:
        """Analyse one function; False when it could not be."""
        try:
            parsed = parse_function(self.source, item)
            if any(one.errors for one in parsed):
                return False
            variants = [build_cfg(one, self.source.path, self.idioms) for one in parsed]
        except (AnalyzerError, RecursionError):
            return False
        for view in self.views:
            knowledge = make_knowledge(view.model)
            for function in variants:
                analysis = analyse(anatomy_of(function), knowledge)
                if analysis.bounded:
                    return False
                for variable in settled_variables(function, knowledge, Setting.contract_facet):
                    self.settled.add((function.name, variable))
                settled = {variable for name, variable in self.settled if name == function.name}
                certain = list(certain_sights(analysis.sights, function, knowledge, self.harmless, settled))
                for sights, found in ((analysis.sights, self.possible), (certain, self.certain)):
                    found += [
                        self._as_shown(c.finding) for c in ask_rules(sights, self.rules, self.source, function.name)
                    ]
        return True

    def _as_shown(self, finding: Finding) -> Finding:
        """Return the finding with the line and column that the hunk shows."""
        return msgspec.structs.replace(
            finding,
            confidence=Confidence.MEDIUM,
            column=max(1, finding.column - self.shifts.get(finding.line, 0)),
            line_text=self.shown.line(finding.line),
        )


def _about_locks(view: ViewSetting) -> bool:
    return any(view.model.facets[number].name == Setting.contract_facet for number in view.own)
