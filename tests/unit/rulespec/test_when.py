import pytest

from analyzer.rulespec.when import Facts, holds, parse_when
from analyzer.source import RuleError

NAMES = frozenset({"lock", "event", "fresh", "acquired-here", "not-really"})


def _holds(text: str, facts: Facts) -> bool:
    return holds(parse_when(text, NAMES, "rule.toml: when"), facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lock == locked", True),
        ("lock != locked", False),
        ("lock != unlocked", True),
        ("lock in (locked, refused)", True),
        ("not lock in (unlocked, refused)", True),
        ("fresh and lock == locked", True),
        ("not fresh or lock == unlocked", False),
        ("acquired-here", False),
        ("fresh and (acquired-here or event == find-locked)", True),
        ("lock", True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    facts: Facts = {"lock": "locked", "event": "find-locked", "fresh": True, "acquired-here": False}

    assert _holds(text, facts) is expected


@pytest.mark.parametrize("text", ["lock == locked", "lock != locked", "lock in (locked, unlocked)", "lock"])
def test_what_is_not_known_for_sure_makes_no_rule_fire(text: str) -> None:
    assert not _holds(text, {"lock": None})
    assert not _holds(text, {})


def test_empty_condition_always_holds() -> None:
    assert holds((), {})


@pytest.mark.parametrize(
    "text",
    [
        "lock ==",
        "lock = locked",
        "unheard == of",
        "lock < locked",
        "f(lock)",
        "lock == locked == locked",
        "1",
        "lock in locked",
    ],
)
def test_bad_condition_names_its_place(text: str) -> None:
    with pytest.raises(RuleError, match=r"^rule\.toml: when: "):
        parse_when(text, NAMES, "rule.toml: when")
