"""Rules: a question asked of facets at some point of a function.

`at` names the point, or several in a list:

    event        one of `events` is about to happen to a page (its facets are those before it)
    exit         the function returns; asked once for each page that still matters
    lost         the last name of a page is overwritten, or a loop goes round without it
    ignored      the result of a conditional event is not looked at
    misread      a result is tested for something that it can never be in this tree
    callback     a function bound in an operations table breaks its contract
    document     a documented operations table lacks a row
    protocol     asked by the module named in `question` of the interleaving search
"""

import re
from collections.abc import Mapping

import msgspec

from analyzer.findings import Confidence, Severity
from analyzer.rulespec.when import Condition, Facts, holds, parse_when
from analyzer.source import RuleError

_WORD = re.compile(r"[A-Za-z_][\w-]*")

POINTS = ("event", "exit", "lost", "ignored", "misread", "callback", "document", "protocol")
FLAGS = frozenset(
    {
        "acquired-here",
        "reachable-by-caller",
        "handed-over",
        "inconsistent",
        "on-error",
        "event",
        "in-callback",
        "operation",
        "same-page",
        "after-wait",
        "loop",
        "fresh",
        "through-call",
        "bound",
        "reason",
        "last-event",
        "core",
        "returned",
        "collected",
        "maybe-alias",
        "plain-result",
        "by-flag",
        "from-memory",
        "by-callee",
        "went-round",
        "special",
        "through-field",
        "settled-elsewhere",
        "retaken",
    }
)
_KEYS = frozenset(
    {
        "id",
        "summary",
        "severity",
        "confidence",
        "at",
        "events",
        "facet",
        "when",
        "doubt",
        "suspect",
        "suspect-message",
        "gone-message",
        "gone-events",
        "unchecked-message",
        "unchecked-events",
        "unguarded-message",
        "unguarded-events",
        "self-guarded-events",
        "test-events",
        "message",
        "related",
        "despite-receivers",
        "note",
    }
)


class Rule(msgspec.Struct, frozen=True):
    """One rule; `page` is its Markdown page, `condition` its parsed `when`."""

    id: str
    summary: str
    severity: Severity
    confidence: Confidence
    points: tuple[str, ...]
    events: tuple[str, ...]
    facet: str
    when: str
    message: str
    related: str
    page: str
    condition: Condition
    doubt_text: str = ""
    doubt: Condition = ()
    """When it holds, the finding's confidence is low; () never does."""
    suspect_text: str = ""
    suspect: Condition = ()
    """When it holds, whether `when` does or not, there is a suspicion: a finding only where a change brought it."""
    suspect_message: str = ""
    gone_message: str = ""
    """Said where a change takes away the call that met the obligation of the rule's facet; "" says nothing."""
    gone_events: tuple[str, ...] = ()
    """Events that meet that obligation beside those which bring the facet to `free`."""
    unchecked_message: str = ""
    """Said where a change takes away the only one of the `unchecked_events` that was asked under a lock."""
    unchecked_events: tuple[str, ...] = ()
    unguarded_message: str = ""
    """Said where a change takes away the lock under which one of the `unguarded_events` always happened."""
    unguarded_events: tuple[str, ...] = ()
    self_guarded_events: tuple[str, ...] = ()
    """Calls that take that lock themselves for one of the `unguarded_events`."""
    test_events: tuple[str, ...] = ()
    """Calls that ask for that lock: a function that asserts it needs it."""
    despite_receivers: bool = False
    """Whether a callee that keeps the page is no answer: what the rule asks of is not given away with the page."""

    @property
    def at(self) -> str:
        """Return the point that the rule names first."""
        return self.points[0]

    def asks_of(self, facets: frozenset[str]) -> frozenset[str]:
        """Return which of `facets` the rule names."""
        return frozenset(_WORD.findall(f"{self.facet} {self.when} {self.doubt_text} {self.suspect_text}")) & facets

    def doubtful(self, facts: Facts) -> bool:
        """Tell whether the rule's `doubt` is true of the facts."""
        return bool(self.doubt) and holds(self.doubt, facts)

    def suspects(self, facts: Facts) -> bool:
        """Tell whether the rule's `suspect` is true of the facts."""
        return bool(self.suspect) and holds(self.suspect, facts)

    def holds(self, facts: Facts) -> bool:
        """Tell whether the rule's `when` is true of the facts."""
        return holds(self.condition, facts)


def read_rule(document: Mapping[str, object], page: str, file: str, facets: frozenset[str]) -> Rule:
    """Return the rule of one TOML document; raise RuleError naming file and key."""
    for key in document:
        if key not in _KEYS:
            raise RuleError(f"{file}: {key}: unknown key (known: {', '.join(sorted(_KEYS))})")

    def text(key: str, default: str | None = None) -> str:
        value = document.get(key, default)
        if not isinstance(value, str):
            raise RuleError(f"{file}: {key}: {'is missing' if value is None else 'must be a string'}")
        return value

    def event_names(key: str) -> tuple[str, ...]:
        value = document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(e, str) for e in value):
            raise RuleError(f"{file}: {key}: must be a list of event names")
        return tuple(value)

    facet = text("facet", "")
    points = document.get("at")
    points = [points] if isinstance(points, str) else points
    if not isinstance(points, list) or not points:
        raise RuleError(f"{file}: at: {'is missing' if points is None else 'must be a point or a list of points'}")
    for point in points:
        if point not in POINTS:
            raise RuleError(f"{file}: at: {point!r} is not one of {', '.join(POINTS)}")
    if facet and facet not in facets:
        raise RuleError(f"{file}: facet: no facet is called {facet!r}")
    try:
        severity, confidence = Severity(text("severity")), Confidence(text("confidence"))
    except ValueError as error:
        raise RuleError(f"{file}: {error}") from error
    condition = text("when", "")
    parsed = parse_when(condition, FLAGS | facets, f"{file}: when") if condition else ()
    doubt, suspect = text("doubt", ""), text("suspect", "")
    despite_receivers = document.get("despite-receivers", False)
    if not isinstance(despite_receivers, bool):
        raise RuleError(f"{file}: despite-receivers: must be true or false")
    return Rule(
        id=text("id"),
        summary=text("summary"),
        severity=severity,
        confidence=confidence,
        points=tuple(points),
        events=event_names("events"),
        facet=facet,
        when=condition,
        message=text("message"),
        related=text("related", ""),
        page=page,
        condition=parsed,
        doubt_text=doubt,
        doubt=parse_when(doubt, FLAGS | facets, f"{file}: doubt") if doubt else (),
        suspect_text=suspect,
        suspect=parse_when(suspect, FLAGS | facets, f"{file}: suspect") if suspect else (),
        suspect_message=text("suspect-message") if suspect else "",
        gone_message=text("gone-message", ""),
        gone_events=event_names("gone-events"),
        unchecked_message=text("unchecked-message", ""),
        unchecked_events=event_names("unchecked-events"),
        unguarded_message=text("unguarded-message", ""),
        unguarded_events=event_names("unguarded-events"),
        self_guarded_events=event_names("self-guarded-events"),
        test_events=event_names("test-events"),
        despite_receivers=despite_receivers,
    )
