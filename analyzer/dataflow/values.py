"""Symbolic values: what a C expression is, written as nested tuples.

    ("c", n)            the number n
    ("k", NAME)         a named constant whose number is not known; "-NAME" is its negative, "A|B" several bits
    ("p", name)         what a parameter held on entry
    ("g", name)         what a global variable held on entry
    ("l", base, key)    what stood on entry in field `key` of the object at `base` ("*" for `*base`)
    ("r", at)           what the call at offset `at` returned
    ("u", at, name)     a value that is not known: uninitialised, havocked
    ("j", block, name)  what two paths disagree about at a join
    ("x", value)        a value of an earlier round of a loop, whose name has been used again
    ("L", name)         the address of a local variable
    ("G", name)         the address of a global variable
    ("A", base, key)    the address of field `key` of the object at `base`
    ("o", op, a, b)     an operation

Equal tuples are the same value within one disjunct. Two different tuples may
still be one object (no alias analysis), so nothing is concluded from two
values being different.
"""

from functools import lru_cache
from typing import Any

from analyzer.rulespec import NEGATIVE, POSITIVE, ZERO

Value = tuple[Any, ...]
Key = object

MAX_DEPTH = 5

FALSE_VALUE: Value = ("c", 0)


def depth(value: Value) -> int:
    """Return how many loads and operations are nested in the value."""
    kind = value[0]
    if kind in ("l", "A", "x"):
        return 1 + depth(value[1])
    if kind == "o":
        return 1 + max((depth(v) for v in value[2:] if isinstance(v, tuple)), default=0)
    return 0


@lru_cache(maxsize=200_000)
def parts(value: Value) -> frozenset[Value]:
    """Return the value and all values nested in it; a value of an earlier round is one piece."""
    found = {value}
    if value[0] != "x":
        for item in value:
            if isinstance(item, tuple):
                found |= parts(item)
    return frozenset(found)


def contains(value: Value, part: Value) -> bool:
    """Tell whether `part` stands somewhere inside `value`, or is it; a value of an earlier round is one piece."""
    return part in parts(value)


def built_on(value: Value, part: Value) -> bool:
    """Tell whether `value` is `part`, its address, or computed from it; what is read through it does not count."""
    if value == part:
        return True
    if value[0] in ("l", "x"):
        return False
    return any(isinstance(item, tuple) and bool(item) and built_on(item, part) for item in value)


def replace_value(value: Value, old: Value, new: Value) -> Value:
    """Return `value` with every occurrence of `old` replaced."""
    if value == old:
        return new
    if value[0] == "x" or old not in parts(value):
        return value
    return tuple(replace_value(item, old, new) if isinstance(item, tuple) else item for item in value)


@lru_cache(maxsize=100_000)
def loaded_keys(value: Value) -> frozenset[object]:
    """Return the fields ("*" for a dereference) that the value was read from."""
    return frozenset(part[2] for part in parts(value) if part[0] == "l")


def flag_name(value: Value) -> str:
    """Return named bits as text, `A|B` for several; "" for anything else."""
    if value[0] == "k":
        return str(value[1])
    if value[0] == "o" and value[1] == "|":
        names = [flag_name(side) for side in value[2:]]
        return "|".join(sorted(set("|".join(names).split("|")))) if all(names) else ""
    return ""


def flag_value(name: str) -> Value:
    """Return the value of `A|B`, in the one order that facts are kept in."""
    return ("k", "|".join(sorted(set(name.split("|")))))


def root(value: Value) -> Value:
    """Return the innermost base of a load or address."""
    while value[0] in ("l", "A"):
        value = value[1]
    return value


def brought(value: Value) -> bool:
    """Tell whether a page was there before the function: it is found from a parameter or a global."""
    return root(value)[0] in ("p", "g", "G")


def class_of_number(number: int) -> int:
    """Return the mask of the class of a number."""
    return ZERO if number == 0 else POSITIVE if number > 0 else NEGATIVE


def show_value(value: Value) -> str:
    """Return the value in C's words, as far as there are any."""
    match value:
        case ("p" | "g" | "L" | "G", str(name)):
            return name
        case ("u" | "j", _, str(name)):
            return name
        case ("l", tuple(base), "*"):
            return f"*{show_value(base)}"
        case ("l", ("A", tuple(outer), str(inner)), str(key)):
            return f"{show_value(outer)}->{inner}.{key}"
        case ("l", ("L" | "G", str(name)), str(key)):
            return f"{name}.{key}"
        case ("l", tuple(base), str(key)):
            return f"{show_value(base)}->{key}"
        case ("l", tuple(base), _):
            return f"{show_value(base)}[]"
        case ("x", tuple(inner)):
            return show_value(inner)
        case _:
            return "page"
