"""What the solver saw: the raw material of findings, without any judgement."""

import msgspec

from analyzer.dataflow.state import Trail
from analyzer.rulespec import ANY


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One page at one point of one function.

    point: event | exit | lost | ignored | misread | callback, as rules name it in `at`.
    facts: facet name -> state (None = not known for sure), and the flags that rules may ask.
    """

    point: str
    event: str
    facet: str
    at: int
    subject: str
    facts: dict[str, str | bool | None]
    trail: tuple[tuple[int, str, tuple[str, int, str] | None, str], ...] = ()
    note: str = ""
    results: int = ANY
    """At an exit, the classes in which the result may be."""
    asks: tuple[tuple[str, int], ...] = ()
    """Callees (name, argument) that got the page and must be known not to keep it."""


def unwind(trail: Trail | None, limit: int = 12) -> tuple[tuple[int, str, tuple[str, int, str] | None, str], ...]:
    """Return a trail's steps, oldest first, at most `limit` of the newest; (offset, text, place, event)."""
    steps: list[tuple[int, str, tuple[str, int, str] | None, str]] = []
    while trail is not None and len(steps) < limit:
        if trail.text:
            steps.append((trail.at, trail.text, trail.place, trail.event))
        trail = trail.before
    return tuple(reversed(steps))


def receivers(trail: Trail | None, facet: int = -1) -> tuple[tuple[str, int], ...]:
    """Return the callees of unknown effect that were given the object, since a facet became what it is.

    Under-approximates: who was given it before may still have it (a page that is put into a request, then locked).
    """
    found = []
    while trail is not None and (facet < 0 or trail.facet != facet):
        if trail.callee:
            found.append((trail.callee, trail.argument))
        trail = trail.before
    return tuple(dict.fromkeys(reversed(found)))
