"""What the shape of a function says by itself, before anything is run."""

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.dataflow.liveness import live_in
from analyzer.dataflow.values import Value
from analyzer.ir import Binary, BlockId, Branch, Expr, Function, Jump, Name, Num, Return, Stop, Switch, Unary, Unknown


@dataclass(frozen=True)
class Anatomy:
    """A function with what its text says by itself, to be asked for in several views.

    live: for each block the names that it may still read; returned: the variables that are returned as they are;
    for `constants` and `stopping` see `compared_constants` and `stopping_results`.
    """

    function: Function
    live: tuple[frozenset[str], ...]
    constants: frozenset[Value]
    stopping: frozenset[str]
    returned: tuple[str, ...]


def anatomy_of(function: Function) -> Anatomy:
    """Return a function ready to be analysed."""
    return Anatomy(
        function, live_in(function), compared_constants(function), stopping_results(function), returned(function)
    )


def returned(function: Function) -> tuple[str, ...]:
    """Return the variables that are returned as they are."""
    ends = [block.terminator for block in function.blocks]
    return tuple(sorted({end.value.name for end in ends if isinstance(end, Return) and isinstance(end.value, Name)}))


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


def tested_expression(condition: Expr) -> tuple[Expr, bool]:
    """Return what a condition asks to be non-zero, and whether the condition is true when that is."""
    truth = True
    while True:
        match condition:
            case Unary("!", operand) | Binary("==", operand, Num(0)):
                condition, truth = operand, not truth
            case Binary("!=", operand, Num(0)):
                condition = operand
            case _:
                return condition, truth


def tested_name(condition: Expr) -> tuple[str, bool]:
    """Return the name that a condition tests, and whether the condition is true when the name is; "" for no name."""
    expression, truth = tested_expression(condition)
    return (expression.name, truth) if isinstance(expression, Name) else ("", truth)


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
