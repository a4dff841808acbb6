"""From sights to findings.

A rule that matches a sight makes a candidate: a finding, and the callees that
must be known not to keep the page before it may be shown (`asks`). One that a
rule suspects makes a suspicion, which is nothing by itself: whoever compares
the two sides of a change asks whether the change brought it.
"""

from collections.abc import Iterable

import msgspec

from analyzer.dataflow import Sight
from analyzer.findings import Confidence, Finding, Step
from analyzer.rulespec import ANY, Rule
from analyzer.source import SourceText


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """A finding that holds unless one of `asks` (callee, argument position) keeps the page."""

    finding: Finding
    asks: tuple[tuple[str, int], ...] = ()


class Suspicion(msgspec.Struct, frozen=True, array_like=True):
    """A finding, if a change brought it; `results`: in which classes the function's result can be when it happens."""

    finding: Finding
    results: int = ANY


def ask_rules(
    sights: Iterable[Sight], rules: tuple[Rule, ...], source: SourceText, function: str
) -> tuple[Candidate, ...]:
    """Return the candidates of one function, sorted, at most one a rule, line and page."""
    found: dict[tuple[object, ...], Candidate] = {}
    for sight in sights:
        for rule in rules:
            if not (_concerns(rule, sight) and rule.holds(sight.facts)):
                continue
            finding = _finding(rule, sight, source, function, rule.message)
            key = (finding.rule, finding.line, finding.subject)
            known = found.get(key)
            asks = () if rule.despite_receivers else sight.asks
            if known is None or (len(known.asks), known.finding.identity) > (len(asks), finding.identity):
                found[key] = Candidate(finding, asks)
    return tuple(sorted(found.values(), key=lambda c: (c.finding.sort_key, c.asks)))


def ask_suspicions(
    sights: Iterable[Sight], rules: tuple[Rule, ...], source: SourceText, function: str
) -> tuple[Suspicion, ...]:
    """Return the suspicions of one function, sorted, at most one a rule and line."""
    found: dict[tuple[str, int], Suspicion] = {}
    for sight in sights:
        for rule in rules:
            if not (_concerns(rule, sight) and rule.suspects(sight.facts)):
                continue
            finding = _finding(rule, sight, source, function, rule.suspect_message)
            known = found.get((rule.id, finding.line))
            results = sight.results
            if known is not None:
                finding = min(finding, known.finding, key=_order)
                results |= known.results
            found[rule.id, finding.line] = Suspicion(finding, results)
    return tuple(sorted(found.values(), key=lambda s: _order(s.finding)))


def _order(finding: Finding) -> tuple[object, ...]:
    return (finding.sort_key, finding.identity)


def _concerns(rule: Rule, sight: Sight) -> bool:
    return (
        sight.point in rule.points
        and (not rule.facet or rule.facet == sight.facet)
        and (not rule.events or sight.point != "event" or sight.event in rule.events)
    )


def _finding(rule: Rule, sight: Sight, source: SourceText, function: str, message: str) -> Finding:
    line, column = source.position(max(sight.at, 0))
    steps = []
    for at, text, _, _ in sight.trail:
        step_line = source.position(max(at, 0))[0]
        steps.append(Step(file=source.path, line=step_line, function=function, message=f"{sight.subject}: {text}"))
    words = {
        "page": sight.subject,
        "operation": str(sight.facts.get("operation", "")),
        "state": str(sight.facts.get(sight.facet) or ""),
        "expected": sight.note,
        "event": sight.event,
    }
    for name, word in words.items():
        message = message.replace("{" + name + "}", word)
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=Confidence.LOW if rule.doubtful(sight.facts) else rule.confidence,
        file=source.path,
        line=line,
        column=column,
        function=function,
        subject=sight.subject,
        message=message,
        trace=tuple(steps),
        line_text=source.line(line),
    )
