"""The abstract state: one disjunct of what may hold at a program point.

A disjunct has values for variables (`env`) and stored fields (`heap`), facts
about values (a mask of classes, sometimes the exact number), and for each
value that met an event the states of its facets (`objects`).

Disjuncts with the same `key` are joined (property simulation; Das, Lerner,
Seigle, ESP, PLDI 2002): the key holds what happened to the pages and which
variables name those that are held; all else is merged, and what the two sides
disagree about becomes unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from analyzer.dataflow.values import (
    FALSE_VALUE,
    Key,
    Value,
    brought,
    class_of_number,
    flag_name,
    flag_value,
    replace_value,
)
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO

UNKNOWN = "?"
"""State of a facet about which nothing may be concluded."""


ROUND = "(round)"
"""Event name of a trail step that says that a loop went round."""


_BITS = ("&", "0 or &")
"""Operators of facts about bits: a bit of the mask is set or not; one is set unless the value is zero."""


_TRUTHS = frozenset({"!", "==", "!="})
"""Operators whose result is 0 or 1, and is known where their operands are."""


class Trail(NamedTuple):
    """What happened to an object, newest first."""

    before: Trail | None
    at: int
    text: str
    event: str
    callee: str = ""
    argument: int = -1
    place: tuple[str, int, str] | None = None
    """(file, line, function) inside a callee, when the event happened there."""
    facet: int = -1
    """The facet of which it says for sure what it is from then on."""


class Object(NamedTuple):
    """The facets of one page. Index i of each tuple belongs to facet i of the model.

    states: None = untouched since entry (unknown); UNKNOWN = given up; else a value of the facet.
    first: (event, required value) of the first event on each facet, or None; what a caller must bring.
    acquired: bit i is set when the held value of facet i was reached by an event of this function.
    escaped: somebody else may now be responsible for the page.
    """

    states: tuple[str | None, ...]
    acquired: int = 0
    escaped: bool = False
    first: tuple[tuple[str, str] | None, ...] = ()
    trail: Trail | None = None

    def key(self, value: Value, taken: tuple[str, ...]) -> tuple[object, ...]:
        """Return what distinguishes objects of one value at a join; the trail does not.

        taken: the held value of each facet. How a page that the caller did not bring was first met does not matter,
        but whether it was held then.
        """
        if brought(value):
            return (value, self.states, self.acquired, self.escaped, self.first)
        held_at_first = tuple(met and met[1] == held for met, held in zip(self.first, taken, strict=True))
        return (value, self.states, self.acquired, self.escaped, held_at_first)


class State:
    """One disjunct; mutable while a block is run, never shared between blocks without `copy`."""

    __slots__ = ("env", "exclusive", "facts", "heap", "mixed", "objects", "shaky")

    def __init__(self) -> None:
        """Start with nothing known."""
        self.env: dict[str, Value] = {}
        self.heap: dict[tuple[Value, Key], Value] = {}
        self.facts: dict[Value, int] = {}
        self.objects: dict[Value, Object] = {}
        self.mixed: Mapping[Value, frozenset[Value]] = {}
        """For what joins merged, what it may be among what was there before the function; never changed in place."""
        self.exclusive = 0
        """Bits of facets that two names cannot both hold of one object."""
        self.shaky = False
        """Set when something was not understood on the way here; no finding may rest on it."""

    def copy(self) -> State:
        """Return an independent copy."""
        new = State.__new__(State)
        new.env = self.env.copy()
        new.heap = self.heap.copy()
        new.facts = self.facts.copy()
        new.objects = self.objects.copy()
        new.shaky = self.shaky
        new.exclusive = self.exclusive
        new.mixed = self.mixed
        return new

    def may_be(self, value: Value) -> frozenset[Value]:
        """Return what a value may be among what was there before the function."""
        return frozenset({value}) if brought(value) else self.mixed.get(value, frozenset())

    # -- facts

    def mask(self, value: Value) -> int:
        """Return the classes that a value may be in."""
        kind = value[0]
        if kind == "c":
            return class_of_number(value[1])
        if kind == "k":
            known = NEGATIVE if str(value[1]).startswith("-") else POSITIVE
            return self.facts.get(value, known)
        if kind in ("L", "G", "A"):
            return POSITIVE
        known = self.facts.get(value, ANY)
        if kind == "o":
            known &= self._operation_mask(value)
        return known

    def _operation_mask(self, value: Value) -> int:
        op = value[1]
        if op == "!" or (op in ("==", "!=") and value[3] == ("c", 0)):
            inner = self.mask(value[2])
            zero, other = (POSITIVE, ZERO) if op != "!=" else (ZERO, POSITIVE)
            return (zero if inner & ZERO else 0) | (other if inner & ~ZERO else 0)
        if op in ("==", "!="):
            equal = self.facts.get(equality(value[2], value[3]), ZERO | POSITIVE)
            swapped = {ZERO: POSITIVE, POSITIVE: ZERO}
            return equal if op == "==" else swapped.get(equal, equal)
        if op in ("<", "<=", ">", ">=", "is-err", "is-err-or-null"):
            return ZERO | POSITIVE
        if op == "error-or-zero":
            inner = self.mask(value[2])
            return (inner & NEGATIVE) | (ZERO if inner & (ZERO | POSITIVE) else 0)
        operands: list[Value] = list(value[2:])
        if op == "|" and any(not self.mask(v) & ZERO for v in operands):
            return POSITIVE | NEGATIVE
        return ANY

    def truth(self, value: Value) -> int | None:
        """Return the number of a comparison whose outcome is known, None for anything else."""
        if value[0] != "o" or value[1] not in _TRUTHS:
            return None
        return {ZERO: 0, POSITIVE: 1}.get(self.mask(value))

    def assume_mask(self, value: Value, wanted: int) -> bool:
        """Add that `value` is in one of the classes `wanted`; return False when it cannot be."""
        if value[0] == "o" and value[1] == "error-or-zero":
            classes = (wanted & NEGATIVE) | (ZERO | POSITIVE if wanted & ZERO else 0)
            return self.assume_mask(value[2], classes)
        known = self.mask(value) & wanted
        if not known:
            return False
        if value[0] != "c" and known != self.mask(value):
            self.facts[value] = known
        return True

    def assume(self, value: Value, truth: bool) -> bool:
        """Add that a C condition is true (or false); return False when that contradicts what is known."""
        if value[0] != "o":
            return self.assume_mask(value, POSITIVE | NEGATIVE if truth else ZERO)
        op = value[1]
        if op == "!":
            return self.assume(value[2], not truth)
        if op in ("==", "!="):
            return self._assume_equal(value[2], value[3], truth == (op == "=="))
        if op in ("<", "<=", ">", ">="):
            return self._assume_order(value, truth)
        if op == "is-err":
            return self.assume_mask(value[2], NEGATIVE if truth else ZERO | POSITIVE)
        if op == "is-err-or-null":
            return self.assume_mask(value[2], NEGATIVE | ZERO if truth else POSITIVE)
        if op == "&":
            name = flag_name(value[3])
            flag = flag_value(name) if name else value[3]
            known = self.bit(value[2], flag)
            if known is not None:
                return known == truth
            if truth and not self.assume_mask(value[2], POSITIVE | NEGATIVE):
                return False
            value = ("o", "&", value[2], flag)
        return self.assume_mask(value, POSITIVE | NEGATIVE if truth else ZERO)

    def differs(self, value: Value, constant: Value) -> bool:
        """Tell whether a value is surely not a constant."""
        if value[0] in ("c", "k"):
            return value != constant and (value[0] == constant[0] or not self.mask(value) & self.mask(constant))
        return self.facts.get(equality(value, constant)) == ZERO

    def bit_or_zero(self, value: Value, flag: Value) -> bool:
        """Tell whether a value is zero or has one of some bits, as far as is known."""
        if self.mask(value) == ZERO or ("o", _BITS[1], value, flag) in self.facts:
            return True
        return self.bit(value, flag) is True

    def bit(self, value: Value, flag: Value) -> bool | None:
        """Tell whether `value & flag` is non-zero, when `value` is built from named flags; None = unknown."""
        if self.mask(value) == ZERO:
            return False
        if value == flag:
            return True if self.mask(value) & ZERO == 0 else None
        if value[0] == "c" and flag[0] == "c":
            return bool(value[1] & flag[1])
        if value == FALSE_VALUE:
            return False
        if value[0] == "o" and value[1] == "|":
            sides = [self.bit(v, flag) for v in value[2:]]
            if True in sides:
                return True
            return False if sides == [False, False] else None
        if value[0] == "k" and flag_name(flag):
            return bool(named_bits(value) & named_bits(flag))  # differently named bits are different bits
        known = self.facts.get(("o", "&", value, flag))
        if known is not None:
            return None if known & ZERO and known != ZERO else known != ZERO
        if ("o", _BITS[1], value, flag) in self.facts and not self.mask(value) & ZERO:
            return True
        wanted = set(flag_name(flag).split("|"))
        if wanted == {""}:
            return None
        absent: set[str] = set()
        for fact, mask in self.facts.items():
            if fact[0] == "o" and fact[1] == "&" and fact[2] == value:
                names = set(flag_name(fact[3]).split("|"))
                if mask == ZERO:
                    absent |= names
                elif not mask & ZERO and names <= wanted and names != {""}:
                    return True
        return False if wanted <= absent else None

    def _assume_equal(self, left: Value, right: Value, truth: bool) -> bool:
        if left[0] in ("c", "k") and right[0] not in ("c", "k"):
            left, right = right, left
        if left == right:
            return truth
        if right[0] == "c":
            number = right[1]
            if left[0] == "c":
                return bool(left[1] == number) is truth
            if left[0] == "k":
                return not truth or bool(self.mask(left) & class_of_number(number))
            if number == 0:
                return self.assume(left, not truth)
            if left[0] == "o" and left[1] in ("==", "!=", "!", "<", "<=", ">", ">=") and number == 1:
                return self.assume(left, truth)
        if right[0] == "k" and left[0] in ("c", "k"):
            return not truth
        relation = equality(left, right)
        known = self.facts.get(relation, ZERO | POSITIVE) & (POSITIVE if truth else ZERO)
        if not known:
            return False
        if truth:
            if right[0] in ("c", "k") and self._excluded(left, right):
                return False
            both = self.mask(left) & self.mask(right)
            if not both or not self.assume_mask(left, both) or not self.assume_mask(right, both):
                return False
        self.facts[relation] = known
        if truth:
            ours, theirs = self.objects.get(left), self.objects.get(right)
            if ours is not None and theirs is not None and ours.acquired & theirs.acquired & self.exclusive:
                return False
            self._unify(left, right)
        return True

    def _unify(self, left: Value, right: Value) -> None:
        """Let two names that were found equal be one object."""
        if left[0] in ("c", "k", "o") or right[0] in ("c", "k", "o"):
            return
        ours, theirs = self.objects.get(left), self.objects.get(right)
        if ours is None and theirs is None:
            return
        old, new = (left, right) if theirs is not None else (right, left)
        if ours is not None and theirs is not None:
            self.objects[new] = _as_one(ours, theirs)
            del self.objects[old]
        elif old[0] == "j" and not brought(new):  # what happened to the pages that it stands for is not known any more
            self.objects[new] = self.objects[new]._replace(escaped=True)
        self.env = {name: replace_value(v, old, new) for name, v in self.env.items()}
        self.heap = {(replace_value(b, old, new), k): replace_value(v, old, new) for (b, k), v in self.heap.items()}

    def _excluded(self, value: Value, constant: Value) -> bool:
        """Tell whether `value` is already known to equal another constant."""
        for fact, mask in self.facts.items():
            if mask == POSITIVE and fact[0] == "o" and fact[1] == "==" and value in fact[2:]:
                other = fact[3] if fact[2] == value else fact[2]
                if other[0] in ("c", "k") and other != constant:
                    return True
        return False

    def _assume_order(self, value: Value, truth: bool) -> bool:
        op, left, right = value[1], value[2], value[3]
        if left[0] == "c" and right[0] == "c":
            a, b = left[1], right[1]
            return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]) is truth
        if right == FALSE_VALUE:
            classes = {"<": NEGATIVE, "<=": NEGATIVE | ZERO, ">": POSITIVE, ">=": POSITIVE | ZERO}[op]
            return self.assume_mask(left, classes if truth else ANY & ~classes)
        return self.assume_mask(value, POSITIVE if truth else ZERO)

    # -- names

    def name_of(self, value: Value) -> str | None:
        """Return a variable that holds the value; named variables before temporaries."""
        found = None
        for name, held in self.env.items():
            if held == value:
                if not name.startswith("%"):
                    return name
                found = name
        return found

    def refers_to(self, value: Value) -> bool:
        """Tell whether a variable or a stored field still holds the value or something built on it."""
        return any(contains_root(v, value) for v in self.env.values()) or any(
            contains_root(v, value) for v in self.heap.values()
        )

    def key(self, taken: tuple[str, ...]) -> tuple[object, ...]:
        """Return what must agree for two disjuncts to be joined; `taken` is the held value of each facet."""
        objects = self.objects
        if not objects:
            return (self.shaky,)
        held = {v for v, o in objects.items() if o.acquired and not o.escaped}
        names: tuple[object, ...] = ()
        if held:
            names = (
                *sorted(n for n, v in self.env.items() if v in held),
                *sorted((k for k, v in self.heap.items() if v in held), key=repr),
            )
        return (self.shaky, frozenset(o.key(v, taken) for v, o in objects.items()), names)


def equality(left: Value, right: Value) -> Value:
    """Return the value of `left == right` in the one order that facts are kept in."""
    return ("o", "==", left, right) if repr(left) <= repr(right) else ("o", "==", right, left)


def _as_one(left: Object, right: Object) -> Object:
    """Return the history of one page that went under two names.

    Where the events of one name begin with what the other one's left behind, they came after those. Else the
    order is not known, and neither is the state.
    """
    states: list[str | None] = []
    acquired = 0
    for index, (a, b) in enumerate(zip(left.states, right.states, strict=True)):
        first_a, first_b = left.first[index], right.first[index]
        if b is None or (a is not None and first_a is not None and first_a[1] == b):
            winner = left
        elif a is None or (first_b is not None and first_b[1] == a):
            winner = right
        else:
            states.append(UNKNOWN)
            continue
        states.append(winner.states[index])
        acquired |= winner.acquired & 1 << index
    first = tuple(b if a is None else a for a, b in zip(left.first, right.first, strict=True))
    trail = right.trail if left.trail is None or not left.acquired else left.trail
    return Object(tuple(states), acquired, left.escaped or right.escaped, first, trail)


def contains_root(value: Value, wanted: Value) -> bool:
    """Tell whether `value` is `wanted` or an address or load rooted at it."""
    while True:
        if value == wanted:
            return True
        if value[0] not in ("A", "l"):
            return False
        value = value[1]


def join(old: State, new: State, block: int, constants: frozenset[Value] = frozenset()) -> tuple[State, bool]:
    """Return the least upper bound of two disjuncts of one key, and whether it is weaker than `old`.

    A variable on which the two differ gets a value that stands for the disagreement at this block; its
    classes are those of both sides. Variables that are equal on both sides stay equal. What both sides are
    not is kept, of `constants` too: those that matter.
    """
    changed = False
    result = State.__new__(State)
    result.shaky = old.shaky
    result.exclusive = old.exclusive
    result.objects = old.objects
    env: dict[str, Value] = {}
    disagreements: dict[Value, int] = {}
    pairs: dict[tuple[Value, Value], Value] = {}
    mixed: dict[Value, frozenset[Value]] = {}
    same_env = old.env == new.env
    if same_env:
        env = old.env
    else:
        old_notes, new_notes = _Notes(old.facts), _Notes(new.facts)
    for name, value in () if same_env else old.env.items():
        other_value = new.env.get(name)
        if other_value == value:
            env[name] = value
            continue
        if other_value is None:
            changed = True
            continue
        merged = pairs.setdefault((value, other_value), ("j", block, name))
        mask = old.mask(value) | new.mask(other_value)
        if value != merged or old.facts.get(merged, ANY) != mask:
            changed = True
        env[name] = merged
        disagreements[merged] = mask
        members = old.may_be(value) | new.may_be(other_value)
        if members:
            mixed[merged] = mixed.get(merged, frozenset()) | members
        for name_of_bits in old_notes.set_bits(value) | new_notes.set_bits(other_value):
            flag: Value = ("k", name_of_bits)
            if old.bit(value, flag) and new.bit(other_value, flag):
                disagreements[("o", "&", merged, flag)] = POSITIVE | NEGATIVE
            elif old.bit_or_zero(value, flag) and new.bit_or_zero(other_value, flag):
                disagreements[("o", _BITS[1], merged, flag)] = POSITIVE
        for constant in old_notes.unequal(value, constants) | new_notes.unequal(other_value, constants):
            if old.differs(value, constant) and new.differs(other_value, constant):
                disagreements[equality(merged, constant)] = ZERO
    facts: dict[Value, int] = {}
    for value, mask in old.facts.items():
        if value in disagreements:
            continue
        other = new.facts.get(value)
        if other is None or mask | other == ANY:
            changed = True
            continue
        facts[value] = mask | other
        changed = changed or (mask | other) != mask
    facts |= {value: mask for value, mask in disagreements.items() if mask != ANY}
    heap = old.heap
    if old.heap != new.heap:
        heap, heap_changed = _join_heaps(old.heap, new.heap, block)
        changed = changed or heap_changed
    if old.mixed or new.mixed or mixed:
        held = {*env.values(), *heap.values()}
        for value in (old.mixed.keys() | new.mixed.keys()) & held:
            mixed[value] = mixed.get(value, frozenset()) | old.may_be(value) | new.may_be(value)
        changed = changed or mixed != {v: members for v, members in old.mixed.items() if v in held}
    result.env, result.heap, result.facts, result.mixed = env, heap, facts, mixed
    return result, changed


class _Notes:
    """The facts of one disjunct by the value that they are about."""

    def __init__(self, facts: Mapping[Value, int]) -> None:
        self._unequal: dict[Value, set[Value]] = {}
        self._bits: dict[Value, set[str]] = {}
        for fact, mask in facts.items():
            if fact[0] != "o":
                continue
            if fact[1] == "==" and mask == ZERO:
                for value, other in ((fact[2], fact[3]), (fact[3], fact[2])):
                    if other[0] in ("c", "k"):
                        self._unequal.setdefault(value, set()).add(other)
            elif fact[1] in _BITS and fact[3][0] == "k" and not mask & ZERO:
                self._bits.setdefault(fact[2], set()).add(str(fact[3][1]))

    def unequal(self, value: Value, constants: frozenset[Value]) -> Set[Value]:
        """Return the constants that a value may be known to differ from."""
        return constants if value[0] in ("c", "k") else self._unequal.get(value, frozenset())

    def set_bits(self, value: Value) -> Set[str]:
        """Return the named bits of which at least one is known to be set in a value, each as `A` or `A|B`."""
        return named_bits(value) | self._bits.get(value, frozenset())


def _join_heaps(
    old: dict[tuple[Value, Key], Value], new: dict[tuple[Value, Key], Value], block: int
) -> tuple[dict[tuple[Value, Key], Value], bool]:
    changed = False
    heap: dict[tuple[Value, Key], Value] = {}
    for key in {**old, **new}:
        value = old.get(key)
        if value is not None and new.get(key) == value:
            heap[key] = value
            continue
        merged: Value = ("j", block, str(key[1]) + show_key(key[0]))
        changed = changed or value != merged
        heap[key] = merged
    return heap, changed


def named_bits(value: Value) -> set[str]:
    """Return the named bits that are surely set in a value built with `|`."""
    if value[0] == "k":
        return set(str(value[1]).split("|"))
    if value[0] == "o" and value[1] == "|":
        return named_bits(value[2]) | named_bits(value[3])
    return set()


def show_key(value: Value) -> str:
    """Return a short stable text for the base of a stored field, to name a join by."""
    return "." + "".join(str(item) for item in value if not isinstance(item, tuple))
