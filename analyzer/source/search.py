"""Which files mention which identifiers: an Aho-Corasick pass over whole trees.

Over-approximate: a name in a comment or string counts. A name must stand
between characters that cannot be part of an identifier.
"""

import re
from collections.abc import Iterable

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from analyzer.source.errors import SourceError
from analyzer.source.tree import Tree

_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_HEADER = re.compile(rb"^(?:#[ \t]*define[ \t]+|[A-Za-z_][\w \t*]*?[ \t*]|)([A-Za-z_]\w*)[ \t]*\(", re.MULTILINE)


class NameSearch:
    """Finds a fixed set of names in file after file."""

    def __init__(self, names: Iterable[str]) -> None:
        """Compile the search; a name may be an identifier or `->identifier`."""
        self.names = sorted(set(names))
        self._patterns = [name.encode("utf-8") for name in self.names]
        self._automaton = BytesAhoCorasick(self._patterns, matchkind=MatchKind.Standard) if self.names else None

    def names_in(self, data: bytes) -> frozenset[str]:
        """Return the names that stand in the text as whole words."""
        if self._automaton is None:
            return frozenset()
        found: set[int] = set()
        end_of_data = len(data)
        for index, start, end in self._automaton.find_matches_as_indexes(data, overlapping=True):
            if index in found:
                continue
            if end < end_of_data and data[end] in _WORD:
                continue
            if start and data[start - 1] in _WORD and data[start] in _WORD:
                continue
            found.add(index)
        return frozenset(self.names[i] for i in found)


def search_names(tree: Tree, paths: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names found by path, for the paths where there are any; unreadable files are left out."""
    search = NameSearch(names)
    found = {}
    for path in paths:
        try:
            data = tree.read(path)
        except SourceError:
            continue
        here = search.names_in(data)
        if here:
            found[path] = here
    return found


def search_texts(tree: Tree, paths: Iterable[str], texts: Iterable[str]) -> frozenset[str]:
    """Return the paths of the files that hold one of some texts, as words or inside of words."""
    wanted = [text.encode("utf-8") for text in texts]
    found = set()
    for path in paths:
        try:
            data = tree.read(path)
        except SourceError:
            continue
        if any(text in data for text in wanted):
            found.add(path)
    return frozenset(found)


def search_definitions(tree: Tree, paths: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names that a file seems to define or declare, by path.

    By shape, over-approximate: the name stands before a `(` on a line that begins in column 0, or behind `#define`.
    """
    search = NameSearch(names)
    found = {}
    for path in paths:
        try:
            data = tree.read(path)
        except SourceError:
            continue
        here = {name.encode("utf-8") for name in search.names_in(data)}
        if not here:
            continue
        defined = frozenset(match[1].decode("utf-8") for match in _HEADER.finditer(data) if match[1] in here)
        if defined:
            found[path] = defined
    return found
