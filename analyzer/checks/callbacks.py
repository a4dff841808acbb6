"""Questions about the functions in a table of movable operations.

Paths are those of the control-flow graph: a condition that always fails is
taken to be able to hold. What a function outside this file does to a page is
not known here; it is given the benefit of the doubt.
"""

from collections.abc import Iterator

from analyzer.checks.shape import (
    FileShape,
    callee_name,
    calls_of,
    copies_of,
    derived,
    names_in,
    reachable,
    test_of,
)
from analyzer.findings import Finding
from analyzer.ir import Addr, Assign, Branch, Call, Deref, Expr, Field, Function, Jump, Name, Num, Return, Unary
from analyzer.rulespec import ZERO

_DEPTH = 4


def callback_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield what is wrong with the isolation and migration callbacks of one file."""
    operations = shape.protocol.operations
    for function in shape.bound_to(operations.isolate):
        if shape.knows("isolate-released"):
            yield from _accepts_released(shape, function)
    for function in shape.bound_to(operations.migrate):
        page = _moved_page(shape, function)
        if page is None:
            continue
        if shape.knows("mark-movable"):
            yield from _incomplete_success(shape, function, page)
        yield from _final_error(shape, function, page)
        yield from _touched_list(shape, function, page)


def _moved_page(shape: FileShape, function: Function) -> str | None:
    """Return the parameter that is moved away: the second of two pages, in every signature so far."""
    pages = [p.name for p in function.parameters if p.type.replace("const ", "") in shape.model.types]
    return pages[1] if len(pages) == 2 else None


def _accepts_released(shape: FileShape, function: Function) -> Iterator[Finding]:
    """Find a way to a true result on which nothing that belongs to the page was looked at."""
    if not function.parameters:
        return
    page = function.parameters[0].name
    known = derived(function, (page,), shape.protocol.callback.no_liveness_test)

    def tests(number: int) -> bool:
        terminator = function.blocks[number].terminator
        return isinstance(terminator, Branch) and bool(names_in(terminator.condition) & known)

    for number in sorted(reachable(function, 0, tests)):
        terminator = function.blocks[number].terminator
        if not isinstance(terminator, Return) or terminator.value is None:
            continue
        if names_in(terminator.value) & known or _is_zero(shape, _returned(function, number)):
            continue
        yield from shape.finding("isolate-accepts-dead-page", terminator.at, function.name, page)


def _returned(function: Function, number: int) -> Expr | None:
    """Return what a block returns, a variable followed to its last assignment in the block."""
    block = function.blocks[number]
    value = block.terminator.value if isinstance(block.terminator, Return) else None
    for instruction in reversed(block.instructions):
        if isinstance(instruction, Assign) and instruction.target == value:
            value = instruction.value
    return value


def _is_zero(shape: FileShape, value: Expr | None) -> bool:
    if isinstance(value, Name):
        return value.name in shape.protocol.callback.success or value.name == "false"
    return value == Num(0)


# -- migration


def _incomplete_success(shape: FileShape, function: Function, page: str) -> Iterator[Finding]:
    """Find a way to success on which the mark of the old page is never cleared, or its reference never dropped."""
    clearing = shape.callees_of("clear-movable")
    dropping = shape.callees_of("put")
    for wanted, duty in ((clearing, "movable mark is not cleared"), (dropping, "reference is not dropped")):
        done = _blocks_that_may(shape, function, page, wanted)
        for number in sorted(reachable(function, 0, done.__contains__) - done):
            terminator = function.blocks[number].terminator
            if isinstance(terminator, Return) and _is_zero(shape, _returned(function, number)):
                yield from shape.finding(
                    "migrate-success-incomplete", terminator.at, function.name, page, expected=duty
                )


def _blocks_that_may(
    shape: FileShape, function: Function, page: str, wanted: frozenset[str], depth: int = _DEPTH
) -> frozenset[int]:
    """Return the blocks with a call that may do what `wanted` does to the page, helpers of this file included."""
    aliases = copies_of(function, page, {p.callee for p in shape.model.same})
    return frozenset(number for number, call in calls_of(function) if _may(shape, call, aliases, wanted, depth))


def _may(shape: FileShape, call: Call, aliases: frozenset[str], wanted: frozenset[str], depth: int) -> bool:
    positions = [i for i, argument in enumerate(call.arguments) if names_in(argument) & aliases]
    name = callee_name(call)
    if not positions:
        return False
    if name in wanted:
        return True
    helpers = [f for f in shape.functions.get(name, ()) if not f.is_macro]
    if not helpers or not depth:
        known = name in shape.protocol.callback.harmless or name in {p.callee for p in shape.model.same}
        return not known and not any(word in name for word in ("Page", "folio_test"))
    return any(
        _blocks_that_may(shape, helper, helper.parameters[i].name, wanted, depth - 1)
        for helper in helpers
        for i in positions
        if i < len(helper.parameters)
    )


def _final_error(shape: FileShape, function: Function, page: str) -> Iterator[Finding]:
    """Find a failed attempt to take a lock that is reported as an error for good."""
    words = shape.protocol.callback.try_words
    for number, block in enumerate(function.blocks):
        test = test_of(function, number)
        if test is None or not isinstance(block.terminator, Branch):
            continue
        if not any(word in callee_name(test.call) for word in words):
            continue
        if test.true_mask == ZERO:
            failed = block.terminator.true
        elif not test.true_mask & ZERO:
            failed = block.terminator.false
        else:
            continue
        value, at = _straight_return(function, number, failed)
        if value is not None and _is_final(shape, value):
            yield from shape.finding("migrate-error-final", at, function.name, page)


def _straight_return(function: Function, source: int, start: int) -> tuple[Expr | None, int]:
    """Return what is returned when control runs from `start` to a return without another decision.

    A variable that is not written on the way has the value of its last assignment in the block before.
    """
    assigned: dict[str, Expr] = {}
    seen = {source}
    number = start
    for instruction in function.blocks[source].instructions:
        if isinstance(instruction, Assign) and isinstance(instruction.target, Name):
            assigned[instruction.target.name] = instruction.value
    while number not in seen:
        seen.add(number)
        block = function.blocks[number]
        for instruction in block.instructions:
            if isinstance(instruction, Assign) and isinstance(instruction.target, Name):
                assigned[instruction.target.name] = instruction.value
        if isinstance(block.terminator, Return):
            value = block.terminator.value
            if isinstance(value, Name):
                value = assigned.get(value.name, value)
            return value, block.terminator.at
        if not isinstance(block.terminator, Jump):
            break
        number = block.terminator.to
    return None, 0


def _is_final(shape: FileShape, value: Expr) -> bool:
    """Tell whether a constant result means that the page must not be tried again."""
    match value:
        case Unary("-", Name(errno)):
            return errno.isupper() and errno != shape.protocol.callback.retry
        case Num(number):
            return number > 0
        case Name("true"):
            return True
        case _:
            return False


def _touched_list(shape: FileShape, function: Function, page: str) -> Iterator[Finding]:
    """Find a change of the list node that belongs to the core while the page is isolated."""
    words = shape.protocol.callback
    aliases = copies_of(function, page, {p.callee for p in shape.model.same})
    tests = shape.callees_of("test-isolated")
    if any(callee_name(call) in tests for _, call in calls_of(function)):
        return
    for _, call in calls_of(function):
        if callee_name(call) not in words.list_changes:
            continue
        for argument in call.arguments:
            match argument:
                case Addr(Field(Deref(Name(name)), field)) if name in aliases and field == words.list_field:
                    yield from shape.finding("lru-touched-while-isolated", call.at, function.name, page)
