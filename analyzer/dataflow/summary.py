"""Function summaries: what a call does to the pages that its caller can name.

A summary is a list of cases. A case holds under `guards` (facts about the
arguments), says what the return value is, and lists what became of each page:
the path by which the caller names it, what the function required of it on
entry, and the state that it is left in. At a call site the caller's state is
split, one disjunct a case.
"""

import msgspec

Path = tuple[int | str, ...]
"""Root (parameter index, "ret", or "global:NAME") followed by field keys; "*" is a dereference."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """What happened to one facet. `to` is None when the state was given up."""

    facet: int
    event: str
    requires: str
    to: str | None
    acquired: bool


class Effect(msgspec.Struct, frozen=True, array_like=True):
    """What became of one page. `stored`: the path names what the function stored there."""

    path: Path
    changes: tuple[Change, ...]
    stored: bool = False
    escaped: bool = False
    text: str = ""
    place: tuple[str, int, str] | None = None
    receivers: tuple[tuple[str, int], ...] = ()
    """Functions of unknown effect that got the page in there: (callee, argument position)."""


class Guard(msgspec.Struct, frozen=True, array_like=True):
    """A fact about an argument: its classes; or whether a named bit is set in it; or whether it equals a constant.

    `mask` is ZERO when the bit is clear, or when the argument is not equal.
    """

    parameter: int
    mask: int
    bit: str = ""
    equals: str | int | None = None


class Case(msgspec.Struct, frozen=True, array_like=True):
    """One way for a call to end. `returns`: a number, a named constant, or the index of an argument."""

    guards: tuple[Guard, ...]
    mask: int
    effects: tuple[Effect, ...]
    constant: int | str | None = None
    argument: int = -1
    bits: tuple[tuple[str, bool], ...] = ()
    excluded: tuple[str, ...] = ()
    """Named constants that the result is not."""
    writes: tuple[tuple[Path, int | None], ...] = ()
    """(path, number or None) where the function stored something else than a page that is in `effects`."""


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """All cases of one function.

    opaque: the function could not be analysed; its arguments are unknown after it.
    keeps: parameters that it may store where somebody else finds them.
    """

    name: str
    file: str
    cases: tuple[Case, ...] = ()
    opaque: bool = False
    keeps: frozenset[int] = frozenset()
    noreturn: bool = False
    view: str = ""
    """The view of the model that the facet numbers belong to."""

    @property
    def trivial(self) -> bool:
        """Tell whether a call of it does nothing to any page (what it keeps aside)."""
        return not self.opaque and not any(case.effects for case in self.cases)


MAX_CASES = 14


def merge_cases(cases: list[Case]) -> tuple[Case, ...]:
    """Join cases with the same effects and guards; over `MAX_CASES`, drop guards, then results.

    The result over-approximates: a caller may see a way to end that does not exist.
    """
    for blur in (_exact, _without_constant, _without_guards):
        merged: dict[object, Case] = {}
        for case in map(blur, cases):
            key = _key(case)
            other = merged.get(key)
            merged[key] = case if other is None else _union(other, case)
        if len(merged) <= MAX_CASES:
            break
    return tuple(sorted(merged.values(), key=repr))


def _key(case: Case) -> object:
    effects = tuple((e.path, e.changes, e.stored, e.escaped) for e in case.effects)
    return (case.guards, effects, case.argument, case.bits, case.excluded, case.writes)


def _union(left: Case, right: Case) -> Case:
    constant = left.constant if left.constant == right.constant else None
    return msgspec.structs.replace(left, mask=left.mask | right.mask, constant=constant)


def _exact(case: Case) -> Case:
    return case


def _without_constant(case: Case) -> Case:
    return msgspec.structs.replace(case, constant=None, bits=())


def _without_guards(case: Case) -> Case:
    return msgspec.structs.replace(case, guards=(), constant=None, bits=(), argument=-1, writes=())


def join_summaries(name: str, summaries: list[Summary]) -> Summary:
    """Return one summary for a call that may reach any of several functions.

    A definition that does nothing (the stub of a configuration) yields to one that does.
    """
    effective = [s for s in summaries if not s.trivial] or summaries[:1]
    if len(effective) == 1:
        return effective[0]
    return Summary(
        name=name,
        file=effective[0].file,
        cases=merge_cases([case for s in effective for case in s.cases]),
        opaque=any(s.opaque for s in effective),
        keeps=frozenset().union(*(s.keeps for s in effective)),
    )
