"""Questions about lists of isolated pages: are they put back.

A list that a function declares, or gets as a parameter and drains itself, is
followed through the function: it may hold pages after a call that got it, and
holds none after it was put back, migrated with success, or found empty.
"""

from collections import deque
from collections.abc import Iterator

from analyzer.checks.shape import FileShape, callee_name, calls_of, reachable, test_of
from analyzer.findings import Finding
from analyzer.ir import Addr, Branch, Call, Expr, Function, Name, Return, successors
from analyzer.rulespec import NEGATIVE, POSITIVE, ZERO


def list_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield lists of isolated pages that a return leaves behind."""
    words = shape.protocol.lists
    for function in shape.variants():
        callees = {callee_name(call) for _, call in calls_of(function)}
        if callees & words.put_back:
            yield from _left_behind(shape, function)
        if callees & words.pages and callees & words.empty_test:
            yield from _not_drained(shape, function)


def _list_of(argument: Expr) -> str | None:
    match argument:
        case Addr(Name(name)):
            return name
        case _:
            return None


def _left_behind(shape: FileShape, function: Function) -> Iterator[Finding]:
    """Find returns where a list that this function puts back on other ways may still hold pages."""
    words = shape.protocol.lists
    parameters = {p.name for p in function.parameters}
    lists = {
        name
        for _, call in calls_of(function)
        if callee_name(call) in words.put_back
        for name in map(_list_of, call.arguments)
        if name is not None and name not in parameters
    }
    for name in sorted(lists):
        for at in _filled_returns(shape, function, name):
            yield from shape.finding("isolated-page-lost", at, function.name, name)


def _filled_returns(shape: FileShape, function: Function, name: str) -> list[int]:
    """Return the offsets of the returns that may be reached with pages on the list."""
    words = shape.protocol.lists
    filled: dict[int, set[bool]] = {0: {False}}
    work = deque([0])
    found: set[int] = set()
    while work:
        number = work.popleft()
        block = function.blocks[number]
        after = set()
        for state in filled[number]:
            for instruction in block.instructions:
                if isinstance(instruction, Call) and any(_list_of(a) == name for a in instruction.arguments):
                    callee = callee_name(instruction)
                    if callee in words.put_back | words.reset:
                        state = False
                    elif callee not in words.empty_test | words.migrate:
                        state = True
            after.add(state)
        if isinstance(block.terminator, Return) and True in after:
            found.add(block.terminator.at)
        empty = _empty_edge(shape, function, number, name)
        for successor in successors(block.terminator):
            states = {False} if successor == empty else after
            known = filled.setdefault(successor, set())
            if not states <= known:
                known |= states
                work.append(successor)
    return sorted(found)


def _empty_edge(shape: FileShape, function: Function, number: int, name: str) -> int | None:
    """Return the successor on which the list is empty: it was tested, all of it was migrated, or nothing was listed.

    A call that got the list and came to nothing (0, false) is taken to have listed nothing.
    """
    words = shape.protocol.lists
    terminator = function.blocks[number].terminator
    test = test_of(function, number)
    if test is None or not isinstance(terminator, Branch) or terminator.true == terminator.false:
        return None
    callee = callee_name(test.call)
    if not any(name in (_list_of(a), getattr(a, "name", None)) for a in test.call.arguments):
        return None
    if callee in words.empty_test:
        return terminator.false if test.true_mask == ZERO else terminator.true
    if test.true_mask in (ZERO, POSITIVE | NEGATIVE):
        return terminator.true if test.true_mask == ZERO else terminator.false
    return None


def _not_drained(shape: FileShape, function: Function) -> Iterator[Finding]:
    """Find a return that leaves a list parameter as it was, in a function that drains it on every other way.

    The first test for an empty list does not count as a way.
    """
    words = shape.protocol.lists
    for parameter in function.parameters:
        if parameter.type == words.type:
            for at in _untouched_returns(shape, function, parameter.name):
                yield from shape.finding("isolated-page-lost", at, function.name, parameter.name)


def _untouched_returns(shape: FileShape, function: Function, name: str) -> list[int]:
    """Return the offsets of returns that come before every use of the list; none when no loop drains it."""
    words = shape.protocol.lists
    used: set[int] = set()
    tests: set[int] = set()
    for number, call in calls_of(function):
        if any(isinstance(a, Name) and a.name == name for a in call.arguments):
            (tests if callee_name(call) in words.empty_test else used).add(number)
    if not used or not any(n in reachable_after(function, n) for n in tests):
        return []
    settled = used | {e for n in tests if (e := _empty_edge(shape, function, n, name)) is not None}
    terminators = [
        function.blocks[n].terminator for n in sorted(reachable(function, 0, settled.__contains__) - settled)
    ]
    return [t.at for t in terminators if isinstance(t, Return)]


def reachable_after(function: Function, number: int) -> frozenset[int]:
    """Return the blocks that may run after a block, itself only when it stands in a loop."""
    found: frozenset[int] = frozenset()
    for successor in successors(function.blocks[number].terminator):
        found |= reachable(function, successor, lambda _: False)
    return found
