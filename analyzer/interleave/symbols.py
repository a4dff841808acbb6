"""What a variable is known to hold during an extraction (the page, a list, a constant), and operators on that."""

THE_PAGE, OTHER_PAGE, NONZERO, ZERO, ONE = "T", "O", "N", "=0", "=1"

Value = str
"""THE_PAGE, OTHER_PAGE, NONZERO, `=constant`, `&list`, `&->member list`, or `fn:name`; None is an unknown value."""


def truth(value: Value | None) -> bool | None:
    """Tell what a condition makes of a value; None if either way is possible."""
    return None if value is None else value != ZERO


def _integer(value: Value | None) -> int | None:
    digits = value[1:] if value is not None and value.startswith("=") else ""
    return int(digits) if digits.lstrip("-").isdigit() else None


def _negative(value: Value | None) -> bool | None:
    """Tell whether a constant is below zero: a number, or a named one with a minus."""
    if value is None or not value.startswith("="):
        return None
    return value.startswith("=-")


def equal(left: Value | None, right: Value | None) -> bool | None:
    """Tell whether two values are equal; None if that is not known."""
    if left is None or right is None:
        return None
    if left == right:
        return None if left == NONZERO else True
    if NONZERO in (left, right):
        return False if ZERO in (left, right) else None
    return False


def unary(operator: str, value: Value | None) -> Value | None:
    """Return what a unary operator makes of a value."""
    if value is None:
        return None
    if operator == "!":
        return ONE if value == ZERO else ZERO
    if operator == "-" and value.startswith("="):
        number = _integer(value)
        return f"={-number}" if number is not None else f"=-{value[1:]}"
    return None


def binary(operator: str, left: Value | None, right: Value | None) -> Value | None:
    """Return what a binary operator makes of two values."""
    if operator in ("==", "!="):
        same = equal(left, right)
        return None if same is None else ONE if same == (operator == "==") else ZERO
    if operator in ("<", ">="):
        below = _below(left, right)
        return None if below is None else ONE if below == (operator == "<") else ZERO
    if operator in (">", "<="):
        below = _below(right, left)
        return None if below is None else ONE if below == (operator == ">") else ZERO
    if operator == "+" and left in (ZERO, NONZERO, ONE) and right in (ZERO, NONZERO, ONE):
        return ZERO if left == right == ZERO else NONZERO  # counters are never told apart: a loop's rounds are alike
    if operator == "|" and (truth(left) or truth(right)):
        return NONZERO
    if operator == "&" and ZERO in (left, right):
        return ZERO
    return None


def _below(left: Value | None, right: Value | None) -> bool | None:
    first, second = _integer(left), _integer(right)
    if first is not None and second is not None:
        return first < second
    if right == ZERO:
        return _negative(left)
    return None
