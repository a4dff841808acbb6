"""Which parameters a function may keep: store where somebody else finds them after it returns.

Flow-insensitive over the IR of one function. A store counts when its target is
memory behind a pointer (not a field of a local struct); a parameter that is
passed on is listed, for the caller to look up, unless the model or a contract
says what the call makes of it. A local struct that holds a parameter ends with
the function: who stores its address keeps nothing, who stores what is in it does.
Over-approximates keeping: a store that is undone later still counts, and keeping
what a parameter points to is keeping the parameter. Under-approximates: a struct
that is copied as a whole, a call of which the model speaks for another facet.
"""

from collections.abc import Iterator, Set
from typing import NamedTuple

from analyzer.dataflow.knowledge import Knowledge
from analyzer.ir import Addr, Assign, Call, Deref, Expr, Field, Function, Index, Name


class Source(NamedTuple):
    """What a value may be: a parameter, a field of what it points to (`loaded`), in a local struct (`wrapped`)."""

    parameter: int
    loaded: bool = False
    wrapped: bool = False


class Passed(NamedTuple):
    """A parameter that is passed on as an argument of a call, loaded and wrapped as in `Source`."""

    callee: str
    argument: int
    source: Source


class Escapes(NamedTuple):
    """Which parameters a function keeps, of which it keeps a field's value (`inside`), and which it passes on."""

    kept: frozenset[int] = frozenset()
    inside: frozenset[int] = frozenset()
    passed: frozenset[Passed] = frozenset()

    def join(self, other: "Escapes") -> "Escapes":
        """Return what either of two definitions does."""
        return Escapes(self.kept | other.kept, self.inside | other.inside, self.passed | other.passed)

    def keeps(self, parameter: int, inside: bool) -> bool:
        """Tell whether the function itself keeps a parameter; or only what is in the struct that it points to."""
        return parameter in self.inside or (parameter in self.kept and not inside)

    def asks(self, parameter: int, inside: bool) -> Iterator[tuple[str, int, bool]]:
        """Yield the (callee, argument, inside) of which the same must be asked."""
        for callee, argument, source in self.passed:
            if source.parameter == parameter:
                yield callee, argument, source.wrapped or (inside and not source.loaded)


def escapes(function: Function, knowledge: Knowledge, finished: Set[tuple[str, int]] = frozenset()) -> Escapes:
    """Return which parameters a function may keep or pass on.

    finished: (field, argument) of calls through a field that are done with it when they return.
    """
    origin: dict[str, frozenset[Source]] = {p.name: frozenset({Source(i)}) for i, p in enumerate(function.parameters)}
    parameters = frozenset(origin)
    types = knowledge.model.types
    carriers = frozenset(p.name for p in function.parameters if p.type.replace("const ", "") not in types)
    stored: set[Source] = set()
    passed: set[Passed] = set()
    for _ in range(2):  # copies made late in the text are seen by the second round
        for block in function.blocks:
            for instruction in block.instructions:
                if isinstance(instruction, Assign):
                    sources = _origins(instruction.value, origin, carriers)
                    if not sources:
                        continue
                    if isinstance(instruction.target, Name):
                        origin[instruction.target.name] = sources
                    elif (container := _local_container(instruction.target)) is not None:
                        origin[container] = origin.get(container, frozenset()) | sources
                    elif _behind_pointer(instruction.target):
                        stored |= sources
                elif isinstance(instruction, Call):
                    _call(instruction, parameters, carriers, knowledge, finished, origin, stored, passed)
    kept = {source for source in stored if not source.wrapped}
    return Escapes(
        frozenset(source.parameter for source in kept if not source.loaded),
        frozenset(source.parameter for source in kept if source.loaded),
        frozenset(passed),
    )


def _call(
    call: Call,
    parameters: frozenset[str],
    carriers: frozenset[str],
    knowledge: Knowledge,
    finished: Set[tuple[str, int]],
    origin: dict[str, frozenset[Source]],
    stored: set[Source],
    passed: set[Passed],
) -> None:
    name = call.callee.name if isinstance(call.callee, Name) else ""
    for position, argument in enumerate(call.arguments):
        sources = _origins(argument, origin, carriers)
        if not sources or (isinstance(call.callee, Field) and (call.callee.name, position) in finished):
            continue
        if name in knowledge.same:
            origin[call.result] = sources
        elif (
            name in parameters
            or any(position in p.subject_positions for p in knowledge.handovers.get(name, ()))
            or not name
        ):
            stored |= {source._replace(wrapped=False) for source in sources}
        elif (name, position) not in knowledge.model.told:
            passed |= {Passed(name, position, source) for source in sources}


def _local_container(target: Expr) -> str | None:
    """Return the local variable of which a field is stored to, when no pointer is followed."""
    if not isinstance(target, Field):
        return None
    while isinstance(target, Field | Index):
        target = target.base
    return target.name if isinstance(target, Name) else None


def _origins(expression: Expr, origin: dict[str, frozenset[Source]], carriers: frozenset[str]) -> frozenset[Source]:
    """Return the parameters that an expression may be, or whose field's address it is, or that a struct holds."""
    nothing: frozenset[Source] = frozenset()
    wrapped = False
    while isinstance(expression, Addr):
        expression = expression.base
        wrapped = True
        while isinstance(expression, Field | Deref):
            wrapped = wrapped and isinstance(expression, Field)
            expression = expression.base
    followed = False
    while not isinstance(expression, Name):
        if not isinstance(expression, Field | Index | Deref) or (followed and isinstance(expression, Deref)):
            return nothing
        followed = followed or isinstance(expression, Deref)
        expression = expression.base
    found = origin.get(expression.name, nothing)
    if followed:  # a page that came in a request object, not a field of a page
        known = expression.name in carriers
        return frozenset(source._replace(loaded=True) for source in found) if known else nothing
    return frozenset(source._replace(wrapped=True) for source in found) if wrapped else found


def _behind_pointer(target: Expr) -> bool:
    while isinstance(target, Field | Index):
        target = target.base
    return isinstance(target, Deref)
