"""The function-pointer fields of a struct, found in the tree's headers."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from analyzer.program.blanking import blank_comments
from analyzer.program.locking_document import Place
from analyzer.source import SourceError, Tree

HEADER_FOLDER = "include/linux"
_FIELD = re.compile(r"\(\s*\*\s*(\w+)\s*\)\s*\(")
_BRACKET = re.compile(r"[{}()]")
_DEFINED = re.compile(r"\bstruct\s+(\w+)\s*\{")
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
