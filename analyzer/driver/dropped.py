"""Releases that a change takes away, as findings: what `checks.dropped` finds in two versions of a file."""

from collections.abc import Iterable

from analyzer.checks.dropped import Dropped, dropped_releases
from analyzer.checks.versions import Certainty, Obligations, Version, obligations_of
from analyzer.driver.comparing import FileChange
from analyzer.driver.fileanalysis import idioms_of
from analyzer.driver.releasing import Releasing
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.versions import asked_functions, lines_of, lower_functions, new_finding
from analyzer.findings import Confidence, Finding
from analyzer.rulespec import Model, Rule
from analyzer.source import AnalyzerError


def dropped_findings(
    change: FileChange,
    touched: frozenset[str],
    known: Iterable[Finding],
    model: Model,
    rules: Iterable[Rule],
    snapshots: tuple[Snapshot, Snapshot],
) -> list[Finding]:
    """Return the releases that one file's change takes away, as new findings, the first one of each function.

    touched, known: as for `asked_functions`; snapshots: what other functions do, before and after.
    """
    asked = {rule.facet: rule for rule in rules if rule.gone_message}
    if not asked:
        return []
    obligations = obligations_of(model, {facet: rule.gone_events for facet, rule in asked.items()})
    facets = frozenset(asked)
    sides = (
        Releasing(model, facets, snapshots[0], change.before.path),
        Releasing(model, facets, snapshots[1], change.after.path),
    )
    found = []
    for name in asked_functions(change, touched, known, lambda text: _mentions(text, obligations, sides[0])):
        dropped = _dropped_in(change, name, model, obligations, sides)
        if dropped is not None:
            rule = asked[dropped.facet]
            line, subject = dropped.line, dropped.subject
            found.append(new_finding(rule, rule.gone_message, change.after, name, line, subject, Confidence.MEDIUM))
    return found


def _mentions(text: bytes, obligations: Obligations, others: Releasing) -> bool:
    return any(name.encode() in text for names in (obligations.releases, others.found) for name in names)


def _dropped_in(
    change: FileChange, name: str, model: Model, obligations: Obligations, others: tuple[Releasing, Releasing]
) -> Dropped | None:
    """Return the first release that is gone from one function."""
    try:
        before, after = (lower_functions(image, name, idioms_of(model)) for image in (change.before, change.after))
    except (AnalyzerError, RecursionError):
        return None
    if len(before) != len(after) or any(f.unparsed for f in (*before, *after)):
        return None
    lines = change.line_after
    old_line, new_line = lines_of(change.before), lines_of(change.after)
    for old, new in zip(before, after, strict=True):
        sides = (
            Version(old, old_line, obligations, others[0], Certainty.MUST),
            Version(new, new_line, obligations, others[1], Certainty.MAY),
        )
        found = sorted(dropped_releases(*sides, lines), key=lambda d: (d.line, d.facet, d.subject))
        if found:
            return found[0]
    return None
