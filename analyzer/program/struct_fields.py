"""Function-pointer fields: those of one struct, found in the tree's headers, and the structs that have one field."""

import re
from collections.abc import Iterable, Iterator, Set
from itertools import chain

from analyzer.program.blanking import blank_comments, blank_directives
from analyzer.program.locking_document import Place
from analyzer.source import SourceError, Tree

HEADER_FOLDER = "include/linux"
_FIELD = re.compile(r"\(\s*\*\s*(\w+)\s*\)\s*\(")
_BRACKET = re.compile(r"[{}()]")
_DEFINED = re.compile(r"\bstruct\s+(\w+)\s*\{")
_NESTING = r"(?P<open>(?:\bstruct\s+(?P<struct>\w+)\s*)?\{)|(?P<close>\})|(?P<end>\))|(?P<start>\()"
_POINTER = re.compile(rf"\(\s*\*\s*(?P<pointer>\w+)\s*\)\s*\(|{_NESTING}")
_MEMBER = re.compile(
    rf"\bstruct\s+(?P<type>\w+)(?:\s|\*|\bconst\b)+(?P<member>\w+)\s*(?:\[[^]]*\]\s*)?(?=[;,])|{_NESTING}"
)
_LANDMARK = re.compile(f"{_DEFINED.pattern}|{_FIELD.pattern}")


def defined_structs(text: str) -> frozenset[str]:
    """Return the structs whose definitions begin in a text; comments count, so this over-approximates."""
    return frozenset(_DEFINED.findall(text))


def landmarks(text: str) -> list[tuple[str, str]]:
    """Return the beginnings of structs and the function pointers of a text, in order: (struct, "") and ("", name).

    Texts with the same landmarks have the same operations; comments count.
    """
    return [(struct, pointer) for struct, pointer in _LANDMARK.findall(text)]


def struct_operations(tree: Tree, struct: str, headers: Iterable[str] = ()) -> dict[str, Place]:
    """Return the function-pointer fields in the definition of `struct`, with file and line.

    The files of `headers` are tried first, then all of include/linux; the first
    definition found is taken. Empty when there is none. Both arms of an #ifdef
    count, so this over-approximates what one configuration has.
    """
    opening = re.compile(r"\bstruct\s+" + re.escape(struct) + r"\s*\{")
    for path in chain(headers, tree.files(HEADER_FOLDER, (".h",))):
        try:
            data = tree.read(path)
        except SourceError:
            continue
        if struct.encode() in data:
            text = blank_comments(data.decode("utf-8", "replace"))
            if found := opening.search(text):
                return {name: (path, line) for name, line in _pointer_fields(text, found.end())}
    return {}


def pointer_owners(text: str, fields: Set[str]) -> frozenset[tuple[str, str]]:
    """Return (field, struct) for the function pointers of these names that a text declares in structs.

    `struct` is "" for a nested struct without a name. Fields of a typedef's type are missed.
    """
    members = _members(text, _POINTER)
    return frozenset((match["pointer"], structs[-1]) for structs, match in members if match["pointer"] in fields)


def struct_members(text: str, types: Set[str]) -> frozenset[tuple[str, str, str]]:
    """Return (type, struct, member) for the members of these struct types, or pointers to them, that structs have.

    What stands in a nested struct without a name is taken to be a member of the struct around it.
    """
    found = set()
    for structs, match in _members(text, _MEMBER):
        if match["type"] in types:
            found.add((match["type"], next(struct for struct in reversed(structs) if struct), match["member"]))
    return frozenset(found)


def _members(text: str, wanted: re.Pattern[str]) -> Iterator[tuple[list[str], re.Match[str]]]:
    """Yield what is found directly in the body of a struct, with the structs around it, "" for one without a name."""
    structs: list[str] = []
    parens = 0
    for match in wanted.finditer(blank_directives(blank_comments(text))):
        kind = match.lastgroup
        if kind == "open":
            structs.append(match["struct"] or "")
        elif kind == "close":
            del structs[-1:]
            parens = 0
        elif kind == "end":
            parens = max(0, parens - 1)
        else:
            if kind != "start" and not parens and any(structs):
                yield structs, match
            parens += kind != "member"


def _pointer_fields(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Yield name and line of the function pointers of the struct body that begins at `start`."""
    depth, parens = 1, 0
    for bracket in _BRACKET.finditer(text, start):
        if bracket[0] == "(" and not parens and depth == 1 and (found := _FIELD.match(text, bracket.start())):
            yield found[1], text.count("\n", 0, found.start(1)) + 1
        depth += {"{": 1, "}": -1}.get(bracket[0], 0)
        parens += {"(": 1, ")": -1}.get(bracket[0], 0)
        if depth == 0:
            return
