"""From sights to findings: which rule a sight answers, and which of two findings on one line stays."""

import msgspec

from analyzer.checks import ask_rules
from analyzer.dataflow import Sight
from analyzer.findings import Confidence
from analyzer.rulespec import Rule
from analyzer.rulespec.rules import read_rule
from analyzer.source import SourceText

SOURCE = SourceText("mm/demo.c", b"void f(void)\n{\n\tunlock_page(page);\n\treturn;\n}\n")
AT = SOURCE.data.index(b"unlock_page")
SIGHT = Sight(
    point="event",
    event="unlock",
    facet="lock",
    at=AT,
    subject="page",
    facts={"lock": "unlocked", "fresh": True},
    trail=((2, "locked", None, "lock"), (AT, "unlocked", None, "unlock")),
)


def _rule(**changes: object) -> Rule:
    document: dict[str, object] = {
        "id": "unlock-twice",
        "summary": "page unlocked twice",
        "severity": "error",
        "confidence": "high",
        "at": "event",
        "events": ["unlock"],
        "facet": "lock",
        "when": "lock == unlocked",
        "message": "{page} is {state} at {event}",
    }
    return read_rule(document | changes, "", "r.toml", frozenset({"lock", "refs"}))


def test_a_sight_that_answers_a_rule_is_a_finding() -> None:
    (candidate,) = ask_rules([SIGHT], (_rule(),), SOURCE, "f")

    finding = candidate.finding
    assert (finding.rule, finding.file, finding.line, finding.column) == ("unlock-twice", "mm/demo.c", 3, 2)
    assert finding.message == "page is unlocked at unlock"
    assert finding.line_text == "\tunlock_page(page);"
    assert [(step.line, step.message) for step in finding.trace] == [(1, "page: locked"), (3, "page: unlocked")]


def test_point_event_facet_and_condition_must_agree() -> None:
    others = (
        _rule(at="exit"),
        _rule(events=["lock"]),
        _rule(facet="refs"),
        _rule(when="lock == locked"),
        _rule(when="not fresh"),
    )

    assert ask_rules([SIGHT], others, SOURCE, "f") == ()


def test_a_rule_without_events_takes_all() -> None:
    assert len(ask_rules([SIGHT], (_rule(events=[]),), SOURCE, "f")) == 1


def test_one_finding_a_line_and_page_with_the_fewest_questions() -> None:
    asking = msgspec.structs.replace(SIGHT, asks=(("demo_use", 0),))

    (candidate,) = ask_rules([asking, SIGHT], (_rule(),), SOURCE, "f")

    assert candidate.asks == ()


def test_a_rule_may_stand_despite_who_keeps_the_page() -> None:
    sight = msgspec.structs.replace(SIGHT, asks=(("demo_submit", 1),))
    (asking,) = ask_rules([sight], (_rule(),), SOURCE, "f")
    (standing,) = ask_rules([sight], (_rule(**{"despite-receivers": True}),), SOURCE, "f")

    assert asking.asks == (("demo_submit", 1),)
    assert standing.asks == ()
    assert standing.finding == asking.finding


def test_two_pages_on_a_line_are_two_findings() -> None:
    other = msgspec.structs.replace(SIGHT, subject="other")

    assert [c.finding.subject for c in ask_rules([SIGHT, other], (_rule(),), SOURCE, "f")] == ["other", "page"]


def test_doubt_lowers_the_confidence() -> None:
    (candidate,) = ask_rules([SIGHT], (_rule(doubt="fresh"),), SOURCE, "f")

    assert candidate.finding.confidence is Confidence.LOW


def test_order_of_sights_does_not_matter() -> None:
    sights = [SIGHT, msgspec.structs.replace(SIGHT, subject="other"), msgspec.structs.replace(SIGHT, at=0)]

    assert ask_rules(sights, (_rule(),), SOURCE, "f") == ask_rules(sights[::-1], (_rule(),), SOURCE, "f")
