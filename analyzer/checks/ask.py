"""From sights to findings.

A rule that matches a sight makes a candidate: a finding, and the callees that
must be known not to keep the page before it may be shown (`asks`).
"""

from collections.abc import Iterable

import msgspec

from analyzer.dataflow import Sight
from analyzer.findings import Confidence, Finding, Step
from analyzer.rulespec import Rule
from analyzer.source import SourceText


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """A finding that holds unless one of `asks` (callee, argument position) keeps the page."""

    finding: Finding
    asks: tuple[tuple[str, int], ...] = ()


def ask_rules(
    sights: Iterable[Sight], rules: tuple[Rule, ...], source: SourceText, function: str
) -> tuple[Candidate, ...]:
    """Return the candidates of one function, sorted, at most one a rule, line and page."""
    found: dict[tuple[object, ...], Candidate] = {}
    for sight in sights:
        for rule in rules:
            if sight.point not in rule.points or (rule.facet and rule.facet != sight.facet):
                continue
            if rule.events and sight.point == "event" and sight.event not in rule.events:
                continue
            if not rule.holds(sight.facts):
                continue
            finding = _finding(rule, sight, source, function)
            key = (finding.rule, finding.line, finding.subject)
            known = found.get(key)
            if known is None or (len(known.asks), known.finding.identity) > (len(sight.asks), finding.identity):
                found[key] = Candidate(finding, sight.asks)
    return tuple(sorted(found.values(), key=lambda c: (c.finding.sort_key, c.asks)))


def _finding(rule: Rule, sight: Sight, source: SourceText, function: str) -> Finding:
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
    message = rule.message
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
