"""Operations tables across files: from the bindings of each file to what a call through a field does.

A file tells which of its bindings matter (`read_entries`): those of functions that do
something to a page, and all of a field that is asked for. `make_operation` joins
them; `struct_of` tells from a function's text what struct a call's receiver points to.

A call is taken to reach the functions bound to the field in the receiver's struct.
Where neither the function's text nor the struct that a variable points to tells that,
the one struct that declares a function pointer of that name is meant; when there are
several, nothing is known. What a file binds that does not speak of pages at all, and
fields of a typedef's type that no initialiser names, are missed (under-approximation).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import msgspec

from analyzer.dataflow import Summary, join_bound
from analyzer.ir import Deref, Expr, Field, Name
from analyzer.program import OperationBinding, pointer_owners, struct_members
from analyzer.source import Tree, search_names


class TableEntry(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A function in a field of a struct ("" when the text does not say which); `summary` is None for being there."""

    struct: str
    field: str
    function: str
    summary: Summary | None = None

    @property
    def matters(self) -> bool:
        """Tell whether the function is known to do something to a page."""
        return self.summary is not None and not self.summary.trivial


class Operation(msgspec.Struct, frozen=True):
    """What a call through a field does, by struct and in each view; `sole` is the only struct with that field or "".

    members: (type, struct, member) for members of the types that are in `effects`, unless there is a sole one.
    """

    effects: dict[str, tuple[Summary, ...]]
    sole: str = ""
    members: tuple[tuple[str, str, str], ...] = ()

    def effect(self, struct: str, view: str) -> Summary | None:
        """Return the summary for a receiver of a struct, "" when that is not known; None for no known effect."""
        return next((s for s in self.effects.get(struct or self.sole, ()) if s.view == view), None)

    @property
    def views(self) -> frozenset[str]:
        """Return the views in which a call does something."""
        return frozenset(s.view for found in self.effects.values() for s in found)


def stored_names(data: bytes, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that stand in a text as a value, and not as what is called or declared there."""
    for name in names:
        word = name.encode()
        at = data.find(word)
        while at >= 0:
            end = at + len(word)
            if _VALUE_AFTER.match(data, end) and _is_value(data[data.rfind(b"\n", 0, at) + 1 : at]):
                yield name
                break
            at = data.find(word, end)


def _is_value(before: bytes) -> bool:
    """Tell whether a name that stands behind this on its line is a value; `EXPORT(name)` is a remark about it."""
    text = before.rstrip()
    return not text or (text[-1:] in b"=,{?:&()" and not _REMARK.fullmatch(text))


_REMARK = re.compile(rb"\w+\s*\(")
_VALUE_AFTER = re.compile(rb"\s*[,;}):]")


def read_entries(
    bindings: Iterable[OperationBinding], summaries: Mapping[str, Summary], asked: frozenset[str], plain: bool
) -> tuple[TableEntry, ...]:
    """Return the entries for functions with a summary in the view at hand, in fields asked for trivial ones too.

    With `plain` there is also an entry without a summary for each function in a field asked for.
    """
    found = set()
    for binding in bindings:
        if plain and binding.field in asked:
            found.add(TableEntry(binding.struct, binding.field, binding.function))
        summary = summaries.get(binding.function)
        if summary is not None and (binding.field in asked or not summary.trivial):
            found.add(TableEntry(binding.struct, binding.field, binding.function, summary))
    return tuple(sorted(found, key=lambda e: (e.struct, e.field, e.function, e.summary is not None)))


def find_owners(tree: Tree, paths: Iterable[str], fields: frozenset[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """Return (field, struct) for the function pointers of some names that files declare in structs, by path."""
    declaring = search_names(tree, paths, [f"(*{field})" for field in fields])
    found = {path: pointer_owners(tree.read(path).decode("latin-1"), fields) for path in declaring}
    return {path: owners for path, owners in found.items() if owners}


def find_members(tree: Tree, paths: Iterable[str], types: frozenset[str]) -> dict[str, frozenset[tuple[str, str, str]]]:
    """Return (type, struct, member) for the members of some struct types that files declare in structs, by path."""
    naming = search_names(tree, paths, types)
    found = {path: struct_members(tree.read(path).decode("latin-1"), types) for path in naming}
    return {path: members for path, members in found.items() if members}


def make_operation(field: str, entries: Iterable[TableEntry], declaring: frozenset[str]) -> Operation:
    """Return what is known of calls through a field.

    declaring: the structs that declare a function pointer of that name.
    """
    known = list(entries)
    owners = declaring | {e.struct for e in known if e.struct}
    sole = next(iter(owners)) if len(owners) == 1 else ""
    effects: dict[str, tuple[Summary, ...]] = {}
    for struct in sorted(owners - {""}):
        mine = [e for e in known if e.struct == struct or (not e.struct and struct == sole)]
        functions = sorted({e.function for e in mine})
        joined = []
        for view in sorted({e.summary.view for e in mine if e.summary is not None}):
            summaries = [s for f in functions for s in _summaries(f, mine, view)]
            effect = join_bound(field, summaries)
            if effect is not None:
                joined.append(effect)
        if joined:
            effects[struct] = tuple(joined)
    return Operation(effects, sole)


def _summaries(function: str, entries: list[TableEntry], view: str) -> list[Summary]:
    """Return what functions of one name do in one view: several when several files have one, trivial when none does."""
    found = [e.summary for e in entries if e.function == function and e.summary is not None and e.summary.view == view]
    return list(dict.fromkeys(found)) or [Summary(function, "", view=view)]


def struct_of(receiver: Expr, text: str, members: Iterable[tuple[str, str, str]] = ()) -> str:
    """Return the struct that a receiver is or points to, "" when that is not known.

    Known are variables, as the function's text declares them, and the members of a variable that `members` lists
    as (type, struct, member).
    """
    base = receiver.base if isinstance(receiver, Deref) else receiver
    if isinstance(base, Field):
        outer = struct_of(base.base, text)
        return next((kind for kind, struct, name in members if (struct, name) == (outer, base.name)), "")
    if not isinstance(base, Name):
        return ""
    found = _declaration(base.name).search(text)
    return found[1] if found else ""


@cache
def _declaration(name: str) -> re.Pattern[str]:
    return re.compile(rf"\bstruct\s+(\w+)(?:\s|\*|\bconst\b|\w++\s*+,)*\b{re.escape(name)}\b")
