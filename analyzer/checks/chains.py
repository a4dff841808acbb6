"""Questions about walks along a chain of pages, each of which is locked on the way."""

from collections.abc import Iterator, Mapping

from analyzer.checks.lists import reachable_after
from analyzer.checks.shape import FileShape, callee_name, calls_of, reachable, single_values
from analyzer.findings import Finding
from analyzer.ir import Assign, Call, Deref, Expr, Field, Function, Name


def chain_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield loops that sleep for the lock of a page that was reached through the page before it.

    While it sleeps the chain can be rewritten and the page freed. A reference to the page, or any other
    lock taken before the loop, is taken to protect the chain.
    """
    sleeping = frozenset(
        p.callee for e in shape.model.events if e.name == "lock" and not e.conditional for p in e.calls
    )
    for function in shape.variants():
        for number, call in calls_of(function):
            if callee_name(call) not in sleeping or not call.arguments or not isinstance(call.arguments[0], Name):
                continue
            page = call.arguments[0].name
            if _walks(shape, function, number, page) and not _protected(shape, function, number, page, sleeping):
                yield from shape.finding("page-chain-lock-race", call.at, function.name, page)


def _walks(shape: FileShape, function: Function, number: int, page: str) -> bool:
    """Tell whether the page gets its next value from itself in a loop around the block."""
    around = reachable_after(function, number)
    if number not in around:
        return False
    values = single_values(function)
    same = {p.callee for p in shape.model.same}
    steps = {
        other
        for other in around
        for instruction in function.blocks[other].instructions
        if isinstance(instruction, Assign) and _steps(instruction, page, values, same)
    }
    return any(number in reachable_after(function, other) for other in steps)


def _steps(assign: Assign, page: str, values: Mapping[str, Expr | Call], same: set[str]) -> bool:
    """Tell whether an assignment makes a page the one after it: `page = next(page)`, `page = page->next`."""
    if assign.target != Name(page) or assign.value == Name(page):
        return False
    source = values.get(assign.value.name) if isinstance(assign.value, Name) else assign.value
    if isinstance(source, Call):
        return callee_name(source) not in same and any(a == Name(page) for a in source.arguments)
    while isinstance(source, Field):
        source = source.base
    return source == Deref(Name(page))


def _protected(shape: FileShape, function: Function, number: int, page: str, sleeping: frozenset[str]) -> bool:
    words = shape.protocol.chains
    page_locks = sleeping | shape.callees_of("unlock", "trylock")
    for other, call in calls_of(function):
        name = callee_name(call)
        if name in words.pins and any(a == Name(page) for a in call.arguments):
            return True
        takes_lock = words.lock_word in name and name not in page_locks and words.unlock_word not in name
        if takes_lock and number in reachable(function, other, lambda _: False):
            return True
    return False
