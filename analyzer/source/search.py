"""Which files mention which identifiers: an Aho-Corasick pass over whole trees.

Over-approximate: a name in a comment or string counts. A name must stand
between characters that cannot be part of an identifier.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from analyzer.source.errors import SourceError
from analyzer.source.tree import Tree

BINARY = "binary file"
BINARY_WITHIN = 65536

PADDED = 5
"""How many identifiers are searched for without padding: so few first bytes may be worth a look."""

_PADDING = [bytes([control, control]) for control in range(1, 6)]
"""Patterns that no text has. With so many first bytes the library does not look for first bytes before it asks the
automaton: those of names are frequent, and some dozen names are found two and a half times as fast."""

_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_HEADER = re.compile(rb"\n(?:#[ \t]*define[ \t]+|[A-Za-z_][\w \t*]*?[ \t*]|)([A-Za-z_]\w*)[ \t]*\(")


class NameSearch:
    """Finds a fixed set of names in file after file."""

    def __init__(self, names: Iterable[str]) -> None:
        """Compile the search; a name may be an identifier or `->identifier`."""
        self.names = sorted(set(names))
        self._patterns = [name.encode("utf-8") for name in self.names]
        self._automaton = _automaton(self._patterns) if self.names else None

    def names_in(self, data: bytes) -> frozenset[str]:
        """Return the names that stand in the text as whole words."""
        found: set[int] = set()
        for index, start, end in self._matches(data):
            if index not in found and index < len(self.names) and _is_word(data, start, end):
                found.add(index)
        return frozenset(self.names[i] for i in found)

    def _matches(self, data: bytes) -> list[tuple[int, int, int]]:
        """Return (number of the name, start, end) wherever a name stands, inside of longer words too.

        Numbers behind the last name's are of `_PADDING`.
        """
        return [] if self._automaton is None else self._automaton.find_matches_as_indexes(data, overlapping=True)


def _is_word(data: bytes, start: int, end: int) -> bool:
    """Tell whether a match is not a part of a longer word."""
    if end < len(data) and data[end] in _WORD:
        return False
    return not (start and data[start - 1] in _WORD and data[start] in _WORD)


def _automaton(patterns: list[bytes]) -> BytesAhoCorasick:
    """Return an automaton of some patterns, as a DFA: three times as fast as the library's own choice."""
    words = sum(pattern[0] in _WORD for pattern in patterns)
    padded = [*patterns, *_PADDING] if words > PADDED else patterns
    return BytesAhoCorasick(padded, matchkind=MatchKind.Standard, implementation=Implementation.DFA)


def _readable(tree: Tree, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files that can be read with their bytes; `look_at_files` tells which cannot."""
    for path in paths:
        try:
            yield path, tree.read(path)
        except SourceError:
            continue


def search_names(tree: Tree, paths: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names found by path, for the paths where there are any; `look_at_files` tells of unreadable files."""
    search = NameSearch(names)
    found = {}
    for path, data in _readable(tree, paths):
        here = search.names_in(data)
        if here:
            found[path] = here
    return found


class Look(NamedTuple):
    """One file: whether it holds one of some texts, as words or inside of words; which names stand in it.

    unread: why nobody can say for sure, "" for a text that could be read.
    """

    path: str
    holds: bool
    names: frozenset[str] = frozenset()
    unread: str = ""


def is_binary(data: bytes) -> bool:
    """Tell whether these are not the bytes of a text: there is a NUL near the beginning."""
    return b"\0" in data[:BINARY_WITHIN]


def look_at_files(tree: Tree, paths: Iterable[str], texts: Iterable[str], names: Iterable[str]) -> Iterator[Look]:
    """Yield what files hold of some texts and names, in one reading; those with nothing to tell are left out."""
    wanted = [text.encode("utf-8") for text in texts]
    automaton = _automaton(wanted) if wanted else None
    search = NameSearch(names)
    for path in paths:
        try:
            data = tree.read(path)
        except SourceError as error:
            yield Look(path, False, unread=str(error).removeprefix(f"{path}: "))
            continue
        look = Look(
            path,
            automaton is not None and bool(automaton.find_matches_as_indexes(data)),
            search.names_in(data),
            BINARY if is_binary(data) else "",
        )
        if look.holds or look.names or look.unread:
            yield look


def search_definitions(tree: Tree, paths: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names that a file seems to define or declare, by path.

    By shape, over-approximate: see `definition_words`. A file that cannot be read defines nothing; `look_at_files`
    tells which those are.
    """
    search = NameSearch(names)
    found = {}
    for path, data in _readable(tree, paths):
        if search.names_in(data) and (defined := search.names_in(definition_words(data))):
            found[path] = defined
    return found


def definition_words(data: bytes) -> bytes:
    """Return the names that a text seems to define or declare, separated by blanks, in their order.

    By shape, over-approximate: a name that stands before a `(` on a line that begins in column 0, or behind `#define`.
    """
    return b" ".join(dict.fromkeys(_HEADER.findall(b"\n" + data)))


def list_definitions(tree: Tree, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the `definition_words` of files; none for one that cannot be read."""
    for path, data in _readable(tree, paths):
        yield path, definition_words(data)
