"""What the shape of a function says by itself, before anything is run."""

from collections.abc import Iterator

from analyzer.dataflow.values import Value
from analyzer.ir import Binary, BlockId, Branch, Expr, Function, Jump, Name, Num, Stop, Switch, Unary, Unknown


def stopping_results(function: Function) -> frozenset[str]:
    """Return the results of calls that, when they are true, end the function in a call that does not return.

    Under-approximates: only what is tested by itself (`if (f()) BUG();`, `BUG_ON(f() != 0)`), and stops at once.
    """
    found = set()
    for block in function.blocks:
        end = block.terminator
        if isinstance(end, Branch):
            name, truth = tested_name(end.condition)
            if name and _stops(function, end.true if truth else end.false):
                found.add(name)
    return frozenset(found)


def compared_constants(function: Function) -> frozenset[Value]:
    """Return the named constants (`-EAGAIN`) that the function's branches and switches compare something with."""
    found = set()
    for block in function.blocks:
        end = block.terminator
        if isinstance(end, Branch):
            found |= set(_compared(end.condition))
        elif isinstance(end, Switch):
            found |= {value for low, _, _ in end.cases if (value := _named(low)) is not None}
    return frozenset(found)


def _compared(condition: Expr) -> Iterator[Value]:
    match condition:
        case Unary("!", operand):
            yield from _compared(operand)
        case Binary("==" | "!=", left, right):
            for side in (left, right):
                value = _named(side)
                if value is not None:
                    yield value


def _named(expression: Expr) -> Value | None:
    match expression:
        case Name(name) if name.isupper():
            return ("k", name)
        case Unary("-", Name(name)) if name.isupper():
            return ("k", f"-{name}")
    return None


def tested_name(condition: Expr) -> tuple[str, bool]:
    """Return the name that a condition tests, and whether the condition is true when the name is; "" for no name."""
    truth = True
    while True:
        match condition:
            case Name(name):
                return name, truth
            case Unary("!", operand) | Binary("==", operand, Num(0)):
                condition, truth = operand, not truth
            case Binary("!=", operand, Num(0)):
                condition = operand
            case _:
                return "", truth


def _stops(function: Function, number: BlockId) -> bool:
    """Tell whether a block leads to a `Stop` and nowhere else, without a choice and with nothing unknown."""
    seen = set()
    while number not in seen:
        seen.add(number)
        block = function.blocks[number]
        if any(isinstance(instruction, Unknown) for instruction in block.instructions):
            return False
        if not isinstance(block.terminator, Jump):
            return isinstance(block.terminator, Stop)
        number = block.terminator.to
    return False
