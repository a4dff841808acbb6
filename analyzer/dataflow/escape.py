"""Which parameters a function may keep: store where somebody else finds them after it returns.

Flow-insensitive over the IR of one function. A store counts when its target is
memory behind a pointer (not a field of a local struct); a parameter that is
passed on is listed, for the caller to look up. Over-approximates keeping: a
store that is undone later still counts.
"""

from analyzer.dataflow.knowledge import Knowledge
from analyzer.ir import Addr, Assign, Call, Deref, Expr, Field, Function, Index, Name


def kept_parameters(function: Function, knowledge: Knowledge) -> tuple[frozenset[int], frozenset[tuple[str, int, int]]]:
    """Return (parameters kept, {(callee, argument position, parameter)} for parameters passed on)."""
    origin: dict[str, frozenset[int]] = {p.name: frozenset({i}) for i, p in enumerate(function.parameters)}
    parameters = frozenset(origin)
    types = knowledge.model.types
    carriers = frozenset(p.name for p in function.parameters if p.type.replace("const ", "") not in types)
    kept: set[int] = set()
    passed: set[tuple[str, int, int]] = set()
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
                        kept |= sources
                elif isinstance(instruction, Call):
                    _call(instruction, parameters, carriers, knowledge, origin, kept, passed)
    return frozenset(kept), frozenset(passed)


def _call(
    call: Call,
    parameters: frozenset[str],
    carriers: frozenset[str],
    knowledge: Knowledge,
    origin: dict[str, frozenset[int]],
    kept: set[int],
    passed: set[tuple[str, int, int]],
) -> None:
    name = call.callee.name if isinstance(call.callee, Name) else ""
    for position, argument in enumerate(call.arguments):
        sources = _origins(argument, origin, carriers)
        if not sources:
            continue
        if name in knowledge.same:
            origin[call.result] = sources
        elif (
            name in parameters
            or any(position in p.subject_positions for p in knowledge.handovers.get(name, ()))
            or not name
        ):
            kept |= sources
        else:
            passed |= {(name, position, source) for source in sources}


def _local_container(target: Expr) -> str | None:
    """Return the local variable of which a field is stored to, when no pointer is followed."""
    if not isinstance(target, Field):
        return None
    while isinstance(target, Field | Index):
        target = target.base
    return target.name if isinstance(target, Name) else None


def _origins(expression: Expr, origin: dict[str, frozenset[int]], carriers: frozenset[str]) -> frozenset[int]:
    """Return the parameters that an expression may be, or whose field's address it is, or that a struct holds."""
    nothing: frozenset[int] = frozenset()
    while isinstance(expression, Addr):
        expression = expression.base
        while isinstance(expression, Field | Deref):
            expression = expression.base
    if isinstance(expression, Field) and isinstance(expression.base, Deref) and isinstance(expression.base.base, Name):
        carrier = expression.base.base.name  # a page that came in a request object, not a field of a page
        return origin.get(carrier, nothing) if carrier in carriers else nothing
    return origin.get(expression.name, nothing) if isinstance(expression, Name) else nothing


def _behind_pointer(target: Expr) -> bool:
    while isinstance(target, Field | Index):
        target = target.base
    return isinstance(target, Deref)
