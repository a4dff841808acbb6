"""Questions about the functions in a table of movable operations.

Paths are those of the control-flow graph: a condition that always fails is
taken to be able to hold. What a function outside this file does to a page is
not known here: it is given the benefit of the doubt where its name allows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.checks.shape import (
    FileShape,
    callee_name,
    calls_of,
    copies_of,
    derived,
    has_word,
    names_in,
    reachable,
    test_of,
)
from analyzer.findings import Finding
from analyzer.ir import (
    Addr,
    Assign,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Function,
    Jump,
    Name,
    Num,
    Return,
    Unary,
    successors,
)
from analyzer.rulespec import ZERO

_DEPTH = 4


def callback_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield what is wrong with the isolation and migration callbacks of one file."""
    operations = shape.protocol.operations
    for function in shape.bound_to(operations.isolate):
        if shape.knows("isolate-released"):
            yield from _accepts_released(shape, function)
    for function in shape.bound_to(operations.migrate):
        pages = _moved_pages(shape, function)
        if pages is None:
            continue
        new, old = pages
        if shape.knows("mark-movable"):
            yield from _incomplete_success(shape, function, new, old)
        yield from _final_error(shape, function, old)
        yield from _touched_list(shape, function, old)


def _moved_pages(shape: FileShape, function: Function) -> tuple[str, str] | None:
    """Return the two page parameters of a migration callback, new and old in this order in every signature so far."""
    pages = [p.name for p in function.parameters if p.type.replace("const ", "") in shape.model.types]
    return (pages[0], pages[1]) if len(pages) == 2 else None


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
        return value.name in shape.protocol.callback.success
    return value == Num(0)


# -- migration


@dataclass(frozen=True)
class _Duty:
    """What a successful migration owes: a call of one of `wanted` on a page; `words` as the message has them.

    A function of another file may do it when its name has one of `hints`. A mark that is not set loses nothing
    but a page that could be moved: `slight`.
    """

    page: str
    wanted: frozenset[str]
    hints: tuple[str, ...]
    words: str
    slight: bool = False


def _incomplete_success(shape: FileShape, function: Function, new: str, old: str) -> Iterator[Finding]:
    """Find a way to success on which one of the duties is never done: the marks of both pages, and their references."""
    hints = shape.protocol.callback.hints
    duties = (
        _Duty(old, shape.callees_of("clear-movable"), hints.clear, "movable mark is not cleared"),
        _Duty(old, shape.callees_of("put"), hints.put, "reference is not dropped"),
        _Duty(new, shape.callees_of("set-movable"), hints.mark, "movable mark is not set", slight=True),
        _Duty(new, shape.callees_of("get"), hints.get, "reference is not taken"),
    )
    for duty in duties:
        done = _blocks_that_may(shape, function, duty.page, duty, _DEPTH)
        for number in sorted(reachable(function, 0, done.__contains__) - done):
            terminator = function.blocks[number].terminator
            if isinstance(terminator, Return) and _is_zero(shape, _returned(function, number)):
                yield from shape.finding(
                    "migrate-success-incomplete",
                    terminator.at,
                    function.name,
                    duty.page,
                    doubt=duty.slight,
                    expected=duty.words,
                )


def _blocks_that_may(shape: FileShape, function: Function, page: str, duty: _Duty, depth: int) -> frozenset[int]:
    """Return the blocks with a call that may do a duty to the page, helpers of this file included."""
    aliases = copies_of(function, page, {p.callee for p in shape.model.same})
    return frozenset(number for number, call in calls_of(function) if _may(shape, call, aliases, duty, depth))


def _may(shape: FileShape, call: Call, aliases: frozenset[str], duty: _Duty, depth: int) -> bool:
    positions = [i for i, argument in enumerate(call.arguments) if names_in(argument) & aliases]
    name = callee_name(call)
    if not positions:
        return False
    if name in duty.wanted or not name:
        return True
    helpers = [f for f in shape.functions.get(name, ()) if not f.is_macro]
    if not helpers or not depth:
        words = shape.protocol.callback
        known = name in words.harmless or name in {p.callee for p in shape.model.same}
        accessor = any(word in name for word in words.accessor_words)
        return not known and not accessor and has_word(name, duty.hints)
    return any(
        _blocks_that_may(shape, helper, helper.parameters[i].name, duty, depth - 1)
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
        case _:
            return False


def _touched_list(shape: FileShape, function: Function, page: str) -> Iterator[Finding]:
    """Find a change of the list node that belongs to the core while the page is isolated.

    A change that is only reached where the page was found not to be isolated does not count.
    """
    words = shape.protocol.callback
    aliases = copies_of(function, page, {p.callee for p in shape.model.same})
    within = _isolated_blocks(shape, function, aliases)
    for number, call in calls_of(function):
        if callee_name(call) not in words.list_changes or number not in within:
            continue
        for argument in call.arguments:
            match argument:
                case Addr(Field(Deref(Name(name)), field)) if name in aliases and field == words.list_field:
                    yield from shape.finding("lru-touched-while-isolated", call.at, function.name, page)


def _isolated_blocks(shape: FileShape, function: Function, aliases: frozenset[str]) -> frozenset[int]:
    """Return the blocks that are entered without finding that the page is not isolated."""
    tests = shape.callees_of("test-isolated")

    def ways(number: int) -> tuple[int, ...]:
        terminator = function.blocks[number].terminator
        test = test_of(function, number)
        if (
            isinstance(terminator, Branch)
            and test is not None
            and callee_name(test.call) in tests
            and any(names_in(argument) & aliases for argument in test.call.arguments)
        ):
            return (terminator.true,) if not test.true_mask & ZERO else (terminator.false,)
        return tuple(successors(terminator))

    seen = {0}
    work = [0]
    while work:
        for successor in ways(work.pop()):
            if successor not in seen:
                seen.add(successor)
                work.append(successor)
    return frozenset(seen)
