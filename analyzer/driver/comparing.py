"""What a change does to findings: the sets before and after, compared function by function.

Findings are compared by identity (rule, file, function, page, events), with
multiplicity, never by the lines that a patch shows: a patch that only deletes an
unlock makes a finding on a line that it does not touch. What is left over is
compared again with names left out, so that neither a renamed page, a renamed
function nor code that moved into a function of its own makes a new finding.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

import msgspec

from analyzer.findings import Confidence, Finding, Status
from analyzer.source import SourceText
from analyzer.syntax import FunctionText, Outline, outline

MAX_COMPARED_LINES = 4000
"""A change longer than this is taken to leave no line as it was."""

Key = Callable[[Finding], Hashable]


@dataclass(frozen=True)
class FileImage:
    """One file on one side of a change; `data` is b"" where there is no such file."""

    path: str
    data: bytes

    @cached_property
    def source(self) -> SourceText:
        """Return the text with its lines."""
        return SourceText(self.path, self.data)

    @cached_property
    def outline(self) -> Outline:
        """Return the functions."""
        return outline(self.source)

    @cached_property
    def functions(self) -> dict[str, list[bytes]]:
        """Return the texts of all functions by name."""
        found: dict[str, list[bytes]] = {}
        for item in self._items:
            found.setdefault(item.name, []).append(self.data[item.start : item.end].strip())
        return found

    @cached_property
    def spans(self) -> dict[str, list[tuple[int, int]]]:
        """Return first and last line of all functions by name."""
        found: dict[str, list[tuple[int, int]]] = {}
        for item in self._items:
            first = self.source.position(item.name_offset)[0]
            found.setdefault(item.name, []).append((first, self.source.position(item.end)[0]))
        return found

    @property
    def _items(self) -> tuple[FunctionText, ...]:
        return (*self.outline.functions, *self.outline.macros)


class FileChange:
    """One file before and after."""

    def __init__(self, before: FileImage, after: FileImage) -> None:
        self.before = before
        self.after = after

    @cached_property
    def touched(self) -> frozenset[str]:
        """Return the names of the functions whose text differs between the sides."""
        return frozenset(filter(self.touches, self.before.functions.keys() | self.after.functions.keys()))

    def touches(self, function: str) -> bool:
        """Tell whether the text of a function differs between the sides."""
        return self.before.functions.get(function) != self.after.functions.get(function)

    def is_rename(self, before: str, after: str) -> bool:
        """Tell whether one function may be what became of another: either is on one side only."""
        return before != after and (before not in self.after.functions or after not in self.before.functions)

    @cached_property
    def line_after(self) -> dict[int, int]:
        """Return by line before the line after, for the lines that the change leaves as they are.

        A brace at an end of a line does not count: it comes and goes with the number of statements that follow.
        """
        old, new = (list(map(_statement, side.data.splitlines())) for side in (self.before, self.after))
        start = 0
        while start < min(len(old), len(new)) and old[start] == new[start]:
            start += 1
        tail = 0
        while tail < min(len(old), len(new)) - start and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        same = {number: number for number in range(1, start + 1)}
        shift = len(new) - len(old)
        same |= {number: number + shift for number in range(len(old) - tail + 1, len(old) + 1)}
        middle_old, middle_new = old[start : len(old) - tail], new[start : len(new) - tail]
        if len(middle_old) + len(middle_new) <= MAX_COMPARED_LINES:
            matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=False)
            for a, b, size in matcher.get_matching_blocks():
                same |= {start + a + i + 1: start + b + i + 1 for i in range(size)}
        return same

    @cached_property
    def line_before(self) -> dict[int, int]:
        """Return the opposite of `line_after`."""
        return {after: before for before, after in self.line_after.items()}

    def same_line(self, before: Finding, after: Finding) -> bool:
        """Tell whether two findings stand on one line that the change leaves alone."""
        return self.line_after.get(before.line) == after.line

    def contradicts(self, before: Finding, after: Finding) -> bool:
        """Tell whether both findings stand on lines that are left alone, and not on the same one.

        A line of one character says nothing: any brace equals any other.
        """
        telling = len(before.line_text.strip()) > 1 and len(after.line_text.strip()) > 1
        return telling and self.line_after.get(before.line, after.line) != after.line and after.line in self.line_before


def _statement(line: bytes) -> bytes:
    """Return a line without the braces around what else stands in it; its indentation stays."""
    text = line.lstrip()
    inner = text.rstrip().removesuffix(b"{").removeprefix(b"}").strip()
    return line[: len(line) - len(text)] + (inner if len(inner) > 1 else text)


def compare_findings(before: Iterable[Finding], after: Iterable[Finding], change: FileChange) -> list[Finding]:
    """Return the findings of one file with their status.

    Those of functions that the change does not touch are there only when they are new or fixed.
    """
    left, right = list(before), list(after)
    before_all, after_all = tuple(left), tuple(right)
    pairs: list[tuple[Finding, Finding]] = []
    for key, fits in _passes(change):
        matched = _match(left, right, key, fits, change)
        pairs += matched
        gone = {id(one) for one, _ in matched}
        come = {id(one) for _, one in matched}
        left = [f for f in left if id(f) not in gone]
        right = [f for f in right if id(f) not in come]
    judged = [_with(_surer(f, after_all, change.after, change.line_after, change), Status.FIXED) for f in left]
    judged += [_with(_surer(f, before_all, change.before, change.line_before, change), Status.NEW) for f in right]
    judged += [_with(f, Status.EXISTING) for _, f in pairs if change.touches(f.function)]
    return judged


def _surer(
    finding: Finding, opposite: Sequence[Finding], image: FileImage, lines: Mapping[int, int], change: FileChange
) -> Finding:
    """Return a finding of one side with medium confidence when it is low and its function had none on the other side.

    What a function does on purpose it does on both sides of the change. So does a line that the change leaves
    alone: `lines` has its number on the other side, whose findings are `opposite` and whose file is `image`. A
    variable that the other side does not have was not judged there: the page may have had a name that says less.
    """
    if finding.confidence is not Confidence.LOW or not change.touches(finding.function):
        return finding
    faulty = {f.line for f in opposite if (f.rule, f.function) == (finding.rule, finding.function)}
    line = lines.get(finding.line)
    if _is_judged(finding, image) and (not faulty or (line is not None and line not in faulty)):
        return msgspec.structs.replace(finding, confidence=Confidence.MEDIUM)
    return finding


def _is_judged(finding: Finding, image: FileImage) -> bool:
    """Tell whether a file has the function of a finding, and the variable that it is about."""
    variable = re.search(r"[A-Za-z_]\w*", finding.subject or "")
    texts = image.functions.get(finding.function or "", ())
    return any(variable is None or re.search(rb"\b%b\b" % variable[0].encode(), text) for text in texts)


def event_words(finding: Finding) -> tuple[str, ...]:
    """Return what happens in a trace, without the page's name."""
    return tuple(step.message.removeprefix(f"{finding.subject}: ") for step in finding.trace)


def _passes(change: FileChange) -> tuple[tuple[Key, Callable[[Finding, Finding], bool]], ...]:
    def always(_: Finding, __: Finding) -> bool:
        return True

    def renamed(before: Finding, after: Finding) -> bool:
        return change.is_rename(before.function, after.function)

    return (
        (lambda f: (f.rule, f.function, f.subject, f.message, tuple(s.message for s in f.trace)), always),
        (lambda f: (f.rule, f.function, event_words(f)), always),
        (lambda f: (f.rule, f.function, f.subject), change.same_line),
        (lambda f: (f.rule, f.line_text.strip()), renamed),
        (lambda f: (f.rule, event_words(f)), renamed),
    )


def _match(
    left: Sequence[Finding],
    right: Sequence[Finding],
    key: Key,
    fits: Callable[[Finding, Finding], bool],
    change: FileChange,
) -> list[tuple[Finding, Finding]]:
    """Return pairs of equal key, the nearest first."""
    groups: dict[Hashable, list[Finding]] = {}
    for after in right:
        groups.setdefault(key(after), []).append(after)
    candidates = []
    for i, before in enumerate(left):
        for j, after in enumerate(groups.get(key(before), ())):
            if fits(before, after) and not change.contradicts(before, after):
                distance = abs(change.line_after.get(before.line, before.line) - after.line)
                other_text = before.line_text.strip() != after.line_text.strip()
                far = (not change.same_line(before, after), other_text, distance)
                candidates.append((far, i, j, before, after))
    pairs = []
    used: set[int] = set()
    for _, _, _, before, after in sorted(candidates, key=lambda c: c[:3]):
        if id(before) not in used and id(after) not in used:
            used |= {id(before), id(after)}
            pairs.append((before, after))
    return pairs


def _with(finding: Finding, status: Status) -> Finding:
    return msgspec.structs.replace(finding, status=status)
