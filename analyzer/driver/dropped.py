"""Releases that a change takes away, as findings: what `checks.dropped` finds in two versions of a file."""

from collections.abc import Callable, Iterable

from analyzer.cfg import build_cfg
from analyzer.checks.dropped import Dropped, dropped_releases
from analyzer.checks.versions import Certainty, Obligations, Version, obligations_of
from analyzer.driver.comparing import FileChange, FileImage
from analyzer.driver.fileanalysis import idioms_of
from analyzer.driver.releasing import Releasing
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.suspicions import agreed_anew
from analyzer.findings import Confidence, Finding, Status
from analyzer.ir import Function
from analyzer.rulespec import Model, Rule
from analyzer.source import AnalyzerError
from analyzer.syntax import parse_function


def dropped_findings(
    change: FileChange,
    touched: frozenset[str],
    known: Iterable[Finding],
    model: Model,
    rules: Iterable[Rule],
    snapshots: tuple[Snapshot, Snapshot],
) -> list[Finding]:
    """Return the releases that one file's change takes away, as new findings, the first one of each function.

    touched: names of all functions that the whole change touches; known: what is reported of the file already, which
    is not said again; snapshots: what other functions do, before and after. Where the change also fixes something in
    a function, nothing is said of that function.
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
    told = {
        f.function
        for f in known
        if f.status is Status.FIXED or (f.status is Status.NEW and f.confidence is not Confidence.LOW)
    }
    found = []
    for name in sorted(change.touched - told):
        texts = change.before.functions.get(name, []), change.after.functions.get(name, [])
        if len(texts[0]) != len(texts[1]) or not any(_mentions(text, obligations, sides[0]) for text in texts[0]):
            continue
        if agreed_anew(change, name, touched - {name}):
            continue
        dropped = _dropped_in(change, name, model, obligations, sides)
        if dropped is not None:
            found.append(_finding(asked[dropped.facet], dropped, name, change.after))
    return found


def _mentions(text: bytes, obligations: Obligations, others: Releasing) -> bool:
    return any(name.encode() in text for names in (obligations.releases, others.found) for name in names)


def _dropped_in(
    change: FileChange, name: str, model: Model, obligations: Obligations, others: tuple[Releasing, Releasing]
) -> Dropped | None:
    """Return the first release that is gone from one function."""
    try:
        before, after = (_lower(image, name, model) for image in (change.before, change.after))
    except (AnalyzerError, RecursionError):
        return None
    if len(before) != len(after) or any(f.unparsed for f in (*before, *after)):
        return None
    lines = change.line_after
    old_line, new_line = _line_of(change.before), _line_of(change.after)
    for old, new in zip(before, after, strict=True):
        sides = (
            Version(old, old_line, obligations, others[0], Certainty.MUST),
            Version(new, new_line, obligations, others[1], Certainty.MAY),
        )
        found = sorted(dropped_releases(*sides, lines), key=lambda d: (d.line, d.facet, d.subject))
        if found:
            return found[0]
    return None


def _line_of(image: FileImage) -> Callable[[int], int]:
    return lambda at: image.source.position(max(at, 0))[0]


def _lower(image: FileImage, name: str, model: Model) -> tuple[Function, ...]:
    idioms = idioms_of(model)
    return tuple(
        build_cfg(parsed, image.path, idioms)
        for item in image.outline.functions
        if item.name == name
        for parsed in parse_function(image.source, item)
    )


def _finding(rule: Rule, dropped: Dropped, function: str, image: FileImage) -> Finding:
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=Confidence.MEDIUM,
        file=image.path,
        line=dropped.line,
        column=1,
        function=function,
        subject=dropped.subject,
        message=rule.gone_message.replace("{page}", dropped.subject),
        status=Status.NEW,
        line_text=image.source.line(dropped.line),
    )
