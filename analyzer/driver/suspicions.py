"""Suspicions that a change confirms: the same lines, and a page that is in another state there than before.

Alone, an unlock of a page that nobody is seen to lock says nothing: a caller
may have locked it. When the code on both sides of a change is the same but for
the lock that the change drops, it says everything. The idea is differential
analysis (Lahiri, McMillan, Sharma, Hawblitzel, "Differential Assertion
Checking", FSE 2013): the old version is the specification of the new one.

Under-approximate: only functions on both sides, only lines that the change
leaves alone, and nothing when the change touches a caller or callee too, since
then the two may have got a new agreement.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from analyzer.checks import Suspicion
from analyzer.driver.comparing import FileChange
from analyzer.findings import Confidence, Finding, Status

_WORD = re.compile(rb"[A-Za-z_]\w*")


def confirmed(
    before: Iterable[Suspicion],
    after: Iterable[Suspicion],
    change: FileChange,
    touched: frozenset[str],
    known: Iterable[Finding],
    unread: frozenset[str],
) -> list[Finding]:
    """Return the suspicions of `after` that the change brought, as new findings; the first one of each function.

    touched: names of all functions that the whole change touches; known: what is reported of the file already;
    unread: functions whose analysis before the change was given up.
    """
    old = {(s.finding.rule, s.finding.function, s.finding.line): s.results for s in before}
    told = {f.function for f in known if f.status is Status.NEW and f.confidence is not Confidence.LOW}
    told |= unread
    found = []
    for suspicion in sorted(after, key=lambda s: s.finding.sort_key):
        finding = suspicion.finding
        name = finding.function
        if name in told or not change.touches(name) or name not in change.before.functions:
            continue
        lines = [change.line_before.get(line) for line in _lines(finding)]
        if None in lines or not _inside(change, name, lines[0] or 0):
            continue
        if not suspicion.results & ~old.get((finding.rule, name, lines[0] or 0), 0):
            continue
        if agreed_anew(change, name, touched - {name}):
            continue
        told.add(name)
        found.append(msgspec.structs.replace(finding, status=Status.NEW, confidence=Confidence.MEDIUM))
    return found


def _lines(finding: Finding) -> Iterator[int]:
    yield finding.line
    for step in finding.trace:
        yield step.line


def _inside(change: FileChange, name: str, line: int) -> bool:
    return any(first <= line <= last for first, last in change.before.spans.get(name, ()))


def agreed_anew(change: FileChange, name: str, others: frozenset[str]) -> bool:
    """Tell whether the change also touches a function that calls this one or that this one calls."""
    here = {word.decode() for text in change.after.functions.get(name, ()) for word in _WORD.findall(text)}
    return bool(here & others) or any(
        re.search(rb"\b%s\b" % re.escape(name.encode()), text)
        for other in others
        for text in change.after.functions.get(other, ())
    )
