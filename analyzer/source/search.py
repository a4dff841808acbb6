"""Which files mention which identifiers: an Aho-Corasick pass over whole trees.

Over-approximate: a name in a comment or string counts. A name must stand
between characters that cannot be part of an identifier.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from analyzer.source.errors import SourceError
from analyzer.source.tree import Tree

BINARY = "binary file"
BINARY_WITHIN = 65536

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


def _readable(tree: Tree, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files that can be read with their bytes; `look_for_texts` tells which cannot."""
    for path in paths:
        try:
            yield path, tree.read(path)
        except SourceError:
            continue


def search_names(tree: Tree, paths: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names found by path, for the paths where there are any; `look_for_texts` tells of unreadable files."""
    search = NameSearch(names)
    found = {}
    for path, data in _readable(tree, paths):
        here = search.names_in(data)
        if here:
            found[path] = here
    return found


class Look(NamedTuple):
    """Whether a file holds what was looked for; and why nobody can say for sure, "" for a text that could be read."""

    path: str
    holds: bool
    unread: str = ""


def is_binary(data: bytes) -> bool:
    """Tell whether these are not the bytes of a text: there is a NUL near the beginning."""
    return b"\0" in data[:BINARY_WITHIN]


def look_for_texts(tree: Tree, paths: Iterable[str], texts: Iterable[str]) -> Iterator[Look]:
    """Yield the files that hold one of some texts, as words or inside of words, and those that could not be read."""
    wanted = [text.encode("utf-8") for text in texts]
    for path in paths:
        try:
            data = tree.read(path)
        except SourceError as error:
            yield Look(path, False, str(error).removeprefix(f"{path}: "))
            continue
        holds = any(text in data for text in wanted)
        unread = BINARY if is_binary(data) else ""
        if holds or unread:
            yield Look(path, holds, unread)


def search_definitions(tree: Tree, paths: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the names that a file seems to define or declare, by path.

    By shape, over-approximate: the name stands before a `(` on a line that begins in column 0, or behind `#define`.
    A file that cannot be read defines nothing; `look_for_texts` tells which those are.
    """
    search = NameSearch(names)
    found = {}
    for path, data in _readable(tree, paths):
        here = {name.encode("utf-8") for name in search.names_in(data)}
        if not here:
            continue
        defined = frozenset(match[1].decode("utf-8") for match in _HEADER.finditer(data) if match[1] in here)
        if defined:
            found[path] = defined
    return found
