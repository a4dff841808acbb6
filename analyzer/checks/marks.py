"""Questions about who writes the marks of the protocol, how, and where their bits lie."""

import re
from collections.abc import Iterator, Mapping

from analyzer.checks.shape import FileShape, callee_name, calls_of, derived_from_calls, names_in
from analyzer.findings import Finding
from analyzer.ir import Addr, Expr, Field, Name, show
from analyzer.program.blanking import blank_comments

_ENUM = re.compile(r"\benum\b[^;{}()]*\{([^{}]*)\}")
_ENUMERATOR = re.compile(r"^[ \t]*(\w+)[ \t]*(?:=[ \t]*(\w+)[ \t]*)?(?:,|$)", re.MULTILINE)


def mark_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield wrong writes of marks, and marks in the wrong place, of one file."""
    yield from _owner_writes(shape)
    yield from _nonatomic_writes(shape)
    yield from _bit_conflicts(shape)


def _owner_writes(shape: FileShape) -> Iterator[Finding]:
    """Find writes of the isolated mark in a file that owns movable pages.

    A file owns such pages when it has a table of movable operations, or sets and clears the movable mark,
    and does not call the operations itself.
    """
    written = shape.callees_of("write-isolated")
    if not written or not _owns_pages(shape):
        return
    for function in shape.variants():
        if function.name in written:
            continue
        for _, call in calls_of(function):
            if callee_name(call) in written and call.arguments:
                subject = show(call.arguments[0])
                yield from shape.finding("driver-writes-isolated", call.at, function.name, subject)


def _owns_pages(shape: FileShape) -> bool:
    operations = shape.protocol.operations
    called = frozenset(
        call.callee.name
        for function in shape.variants()
        for _, call in calls_of(function)
        if isinstance(call.callee, Field)
    )
    if called & (operations.isolate | operations.putback):
        return False
    if any(b.field in operations.isolate | operations.putback for b in shape.bindings):
        return True
    marking = shape.callees_of("set-movable", "clear-movable")
    return any(
        callee_name(call) in marking for function in shape.variants() for _, call in calls_of(function)
    ) and not any(name in shape.functions for name in marking)


def _nonatomic_writes(shape: FileShape) -> Iterator[Finding]:
    """Find writes of page flags that can undo a concurrent write of another flag of the same word.

    The protocol itself says that others may try the lock of a page with its marks at any time: asked are the
    writes of the marks' own bits, and all writes of flags in the functions that write marks. A page that the
    function allocated is nobody else's yet.
    """
    words = shape.protocol.flags
    marks = shape.callees_of("set-movable", "clear-movable", "set-isolated", "clear-isolated")
    split = shape.callees_of("write-isolated-nonatomic")
    for function in shape.variants():
        fresh = derived_from_calls(function, shape.callees_of("allocate"))
        for _, call in calls_of(function):
            name = callee_name(call)
            if name in split and function.name not in split and call.arguments:
                subject = show(call.arguments[0])
                yield from shape.finding("nonatomic-flag-on-shared-page", call.at, function.name, subject)
            if name not in words.nonatomic or len(call.arguments) != 2:
                continue
            bit, place = call.arguments
            if not isinstance(bit, Name) or not _is_flag_word(place, words.word) or names_in(place) & fresh:
                continue
            if bit.name in words.protocol or (function.name in marks and bit.name.startswith(words.prefix)):
                subject = next(iter(sorted(names_in(place))), "page")
                yield from shape.finding("nonatomic-flag-on-shared-page", call.at, function.name, subject)


def _is_flag_word(place: Expr, word: str) -> bool:
    return isinstance(place, Addr) and isinstance(place.base, Field) and place.base.name == word


def _bit_conflicts(shape: FileShape) -> Iterator[Finding]:
    """Find bits of the protocol that stand for the same bit as another, or as one that such pages use."""
    words = shape.protocol.flags
    data = shape.source.data
    if not any(flag.encode() in data for flag in words.protocol):
        return
    text = blank_comments(data.decode("latin-1"))
    for enum in _ENUM.finditer(text):
        places = {match[1]: match for match in _ENUMERATOR.finditer(text, enum.start(1), enum.end(1))}
        aliases = {name: match[2] for name, match in places.items() if match[2]}
        meaning = {name: _bit_of(name, aliases) for name in places}
        for name in sorted(words.protocol & places.keys()):
            others = (words.protocol | words.reserved) & places.keys() - {name}
            same = sorted(other for other in others if meaning[other] == meaning[name])
            first = next((o for o in same if o in words.reserved or places[o].start() < places[name].start()), None)
            if first is not None:
                at = places[name].start(1)
                yield from shape.finding("flag-bit-conflict", at, shape.enclosing(at), name, expected=first)


def _bit_of(name: str, aliases: Mapping[str, str]) -> str:
    """Follow `A = B` to the enumerator that has a bit of its own."""
    seen = {name}
    while name in aliases and aliases[name] not in seen:
        name = aliases[name]
        seen.add(name)
    return name
