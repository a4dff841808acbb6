"""Questions about lists of isolated pages: are they put back, and are only isolated pages put on them.

A list that a function declares, or gets as a parameter and drains itself, is
followed through the function: it may hold pages after a call that got it, and
holds none after it was put back, migrated with success, or found empty.
"""

from collections import deque
from collections.abc import Iterator

from analyzer.checks.shape import FileShape, callee_name, calls_of, reachable, test_of
from analyzer.findings import Finding
from analyzer.ir import Addr, Branch, Call, Deref, Expr, Field, Function, Name, Return, successors
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, Event


def list_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield lists of isolated pages that a return leaves behind, and pages listed after isolation failed."""
    words = shape.protocol.lists
    for function in shape.variants():
        callees = {callee_name(call) for _, call in calls_of(function)}
        if callees & words.put_back:
            yield from _left_behind(shape, function)
        if callees & words.pages and callees & words.empty_test:
            yield from _not_drained(shape, function)
        yield from _misread(shape, function)


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


def _misread(shape: FileShape, function: Function) -> Iterator[Finding]:
    """Find pages that are put on a list where their isolation failed, and only there."""
    events = {p.callee: e for e in shape.model.events if e.name == "isolate" for p in e.calls}
    if not any(callee_name(call) in events for _, call in calls_of(function)):
        return
    for number, block in enumerate(function.blocks):
        test = test_of(function, number)
        if test is None or not isinstance(block.terminator, Branch) or not test.call.arguments:
            continue
        event = events.get(callee_name(test.call))
        failed, succeeded = _edges(event, test.true_mask, block.terminator)
        page = test.call.arguments[0]
        if event is None or failed is None or succeeded is None or not isinstance(page, Name):
            continue
        listed = {n: call for n, call in calls_of(function) if _lists(shape, call, page.name)}
        back = {number}
        on_failure = reachable(function, failed, back.__contains__) & listed.keys()
        on_success = reachable(function, succeeded, back.__contains__)
        for wrong in sorted(on_failure - on_success):
            yield from shape.finding("isolate-result-misread", listed[wrong].at, function.name, page.name)


def _edges(event: Event | None, true_mask: int, branch: Branch) -> tuple[int | None, int | None]:
    """Return the successors for failed and successful isolation."""
    if event is None:
        return None, None
    success = event.when.mask
    if true_mask == success:
        return branch.false, branch.true
    if true_mask == ANY & ~success:
        return branch.true, branch.false
    return None, None


def _lists(shape: FileShape, call: Call, page: str) -> bool:
    words = shape.protocol.callback
    if callee_name(call) not in words.list_changes or not callee_name(call).startswith(("list_add", "list_move")):
        return False
    match call.arguments[0] if call.arguments else None:
        case Addr(Field(Deref(Name(name)), field)):
            return name == page and field == words.list_field
        case _:
            return False
