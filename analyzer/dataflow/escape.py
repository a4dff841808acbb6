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
    origin: dict[str, int] = {p.name: i for i, p in enumerate(function.parameters)}
    parameters = frozenset(origin)
    types = knowledge.model.types
    carriers = frozenset(p.name for p in function.parameters if p.type.replace("const ", "") not in types)
    kept: set[int] = set()
    passed: set[tuple[str, int, int]] = set()
    for _ in range(2):  # copies made late in the text are seen by the second round
        for block in function.blocks:
            for instruction in block.instructions:
                if isinstance(instruction, Assign):
                    source = _origin(instruction.value, origin, carriers)
                    if source is None:
                        continue
                    if isinstance(instruction.target, Name):
                        origin[instruction.target.name] = source
                    elif (container := _local_container(instruction.target)) is not None:
                        origin.setdefault(container, source)
                    elif _behind_pointer(instruction.target):
                        kept.add(source)
                elif isinstance(instruction, Call):
                    _call(instruction, parameters, carriers, knowledge, origin, kept, passed)
    return frozenset(kept), frozenset(passed)


def _call(
    call: Call,
    parameters: frozenset[str],
    carriers: frozenset[str],
    knowledge: Knowledge,
    origin: dict[str, int],
    kept: set[int],
    passed: set[tuple[str, int, int]],
) -> None:
    name = call.callee.name if isinstance(call.callee, Name) else ""
    for position, argument in enumerate(call.arguments):
        source = _origin(argument, origin, carriers)
        if source is None:
            continue
        if name in knowledge.same:
            origin[call.result] = source
        elif (
            name in parameters
            or any(position in p.subject_positions for p in knowledge.handovers.get(name, ()))
            or not name
        ):
            kept.add(source)
        else:
            passed.add((name, position, source))


def _local_container(target: Expr) -> str | None:
    """Return the local variable of which a field is stored to, when no pointer is followed."""
    if not isinstance(target, Field):
        return None
    while isinstance(target, Field | Index):
        target = target.base
    return target.name if isinstance(target, Name) else None


def _origin(expression: Expr, origin: dict[str, int], carriers: frozenset[str]) -> int | None:
    """Return the parameter that an expression is, or whose field's address it is."""
    while isinstance(expression, Addr):
        expression = expression.base
        while isinstance(expression, Field | Deref):
            expression = expression.base
    if isinstance(expression, Field) and isinstance(expression.base, Deref) and isinstance(expression.base.base, Name):
        carrier = expression.base.base.name  # a page that came in a request object, not a field of a page
        return origin.get(carrier) if carrier in carriers else None
    return origin.get(expression.name) if isinstance(expression, Name) else None


def _behind_pointer(target: Expr) -> bool:
    while isinstance(target, Field | Index):
        target = target.base
    return isinstance(target, Deref)
