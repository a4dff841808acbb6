"""What operators make of the little that an extraction knows of a value."""

import pytest

from analyzer.interleave.symbols import NONZERO, ONE, OTHER_PAGE, THE_PAGE, ZERO, Value, binary, truth, unary


@pytest.mark.parametrize(
    ("operator", "left", "right", "result"),
    [
        ("==", "=-EAGAIN", "=-EAGAIN", ONE),
        ("==", "=-EAGAIN", "=-ENOMEM", ZERO),
        ("!=", THE_PAGE, ZERO, ONE),
        ("==", THE_PAGE, OTHER_PAGE, ZERO),
        ("==", NONZERO, NONZERO, None),
        ("==", NONZERO, ZERO, ZERO),
        ("==", None, ZERO, None),
        ("<", "=-EAGAIN", ZERO, ONE),
        (">=", "=EAGAIN", ZERO, ONE),
        ("<", NONZERO, ZERO, None),
        ("<", "=1", "=3", ONE),
        (">", "=1", "=3", ZERO),
        ("+", ZERO, ONE, NONZERO),
        ("+", NONZERO, ONE, NONZERO),
        ("-", ONE, ONE, None),
        ("|", None, NONZERO, NONZERO),
        ("&", None, ZERO, ZERO),
    ],
)
def test_binary(operator: str, left: Value | None, right: Value | None, result: Value | None) -> None:
    assert binary(operator, left, right) == result


@pytest.mark.parametrize(
    ("operator", "value", "result"),
    [("!", ZERO, ONE), ("!", THE_PAGE, ZERO), ("!", None, None), ("-", "=EAGAIN", "=-EAGAIN"), ("-", "=1", "=-1")],
)
def test_unary(operator: str, value: Value | None, result: Value | None) -> None:
    assert unary(operator, value) == result


def test_only_zero_is_false_and_the_unknown_is_neither() -> None:
    assert [truth(value) for value in (ZERO, ONE, THE_PAGE, "&list", None)] == [False, True, True, True, None]
