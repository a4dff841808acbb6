"""Questions about the file that owns movable pages as a whole: what it marks it must unmark before it frees it."""

from collections.abc import Iterable, Iterator

from analyzer.checks.shape import FileShape, callee_name, calls_of, derived_from_calls, has_word
from analyzer.findings import Finding
from analyzer.ir import Call, Function, Name


def owner_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield where an owner frees its pages, when it marks pages movable and clears no mark but in migration.

    Such an owner has its table, its marking and its freeing in one file; one that frees elsewhere is passed over. A
    function of another file that may clear the mark, by its name, is taken to do so.
    """
    operations = shape.protocol.operations
    if not shape.knows("mark-movable") or not shape.bound_to(operations.isolate):
        return
    functions = tuple(shape.variants())
    if not any(_calls(function, shape.callees_of("set-movable")) for function in functions):
        return
    migrating = _reached(functions, {f.name for f in shape.bound_to(operations.migrate)})
    freeing = [function for function in functions if function.name not in migrating]
    if any(_may_clear(shape, function) for function in _with_callees(functions, freeing)):
        return
    dropping = shape.callees_of("put", "free")
    for function in freeing:
        if not any(_calls(function, shape.callees_of("unlock"))):
            continue
        own = _own_pages(shape, function)
        for call in _calls(function, dropping):
            subject = call.arguments[0] if call.arguments else None
            if isinstance(subject, Name) and subject.name not in own:
                yield from shape.finding("movable-kept-on-free", call.at, function.name, subject.name)


def _calls(function: Function, names: frozenset[str]) -> list[Call]:
    return [call for _, call in calls_of(function) if callee_name(call) in names]


def _reached(functions: Iterable[Function], roots: set[str]) -> frozenset[str]:
    """Return the functions of the file that only the roots lead to, themselves included."""
    callers: dict[str, set[str]] = {}
    for function in functions:
        for _, call in calls_of(function):
            callers.setdefault(callee_name(call), set()).add(function.name)
    found = set(roots)
    while True:
        more = {name for name, by in callers.items() if by <= found} | found
        if more == found:
            return frozenset(found)
        found = more


def _with_callees(functions: tuple[Function, ...], roots: list[Function]) -> list[Function]:
    names = {f.name for f in roots} | {callee_name(call) for f in roots for _, call in calls_of(f)}
    return [f for f in functions if f.name in names]


def _may_clear(shape: FileShape, function: Function) -> bool:
    words = shape.protocol.callback
    for _, call in calls_of(function):
        name = callee_name(call)
        if name in shape.callees_of("clear-movable"):
            return True
        known = name in shape.functions or name in words.harmless or name in shape.callees_of("put", "free")
        if known or any(word in name for word in words.accessor_words):
            continue
        if has_word(name, (words.page_word,)) and has_word(name, words.hints.clear):
            return True
    return False


def _own_pages(shape: FileShape, function: Function) -> frozenset[str]:
    """Return the variables with a page that the function allocated, or to which it took the reference itself."""
    allocated = derived_from_calls(function, shape.callees_of("allocate"))
    taken = {
        a.name
        for call in _calls(function, shape.callees_of("get", "pin"))
        for a in call.arguments
        if isinstance(a, Name)
    }
    return frozenset(allocated | taken)
