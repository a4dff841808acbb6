"""Searches of many files of one tree, by the workers of a run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from analyzer.driver.executor import Workers
from analyzer.driver.tables import find_members, find_owners
from analyzer.source import Look, Tree, list_definitions, look_at_files, search_names

BATCH = 400
PUBLIC = "include/"
"""The folder of the headers that a whole kernel shares."""

Named = tuple[str, frozenset[str]]
"""A file and names."""


@dataclass(frozen=True)
class Searches:
    """Looks things up in files of `tree`; each method yields the files that have something, in any order."""

    workers: Workers
    tree: Tree

    def look(self, paths: list[str], texts: frozenset[str], names: frozenset[str]) -> Iterator[Look]:
        """Yield what files hold of some texts and names, and those that cannot be read."""
        return self.workers.map_batches(_look, (self.tree, texts, names), paths, BATCH)

    def mentions(self, names: Iterable[str], paths: list[str]) -> Iterator[Named]:
        """Yield which names stand in which files."""
        wanted = frozenset(names)
        return self.workers.map_batches(_mentions, (self.tree, wanted), paths if wanted else [], BATCH)

    def definitions(self, paths: list[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the names that files seem to define or declare, separated by blanks."""
        return self.workers.map_batches(_definitions, self.tree, paths, BATCH)

    def owners(self, fields: Iterable[str], paths: list[str]) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
        """Yield (field, struct) for the function pointers of some names that files declare in structs."""
        wanted = frozenset(fields)
        return self.workers.map_batches(_owners, (self.tree, wanted), paths if wanted else [], BATCH)

    def members(self, types: Iterable[str], paths: list[str]) -> Iterator[tuple[str, frozenset[tuple[str, str, str]]]]:
        """Yield (type, struct, member) for the members of some struct types that files declare in structs."""
        wanted = frozenset(types)
        return self.workers.map_batches(_members, (self.tree, wanted), paths if wanted else [], BATCH)


def _look(setting: object, paths: list[str]) -> list[Look]:
    tree, texts, names = cast(tuple[Tree, Iterable[str], Iterable[str]], setting)
    return list(look_at_files(tree, paths, texts, names))


def _mentions(setting: object, paths: list[str]) -> list[Named]:
    tree, names = cast(tuple[Tree, Iterable[str]], setting)
    return sorted(search_names(tree, paths, names).items())


def _definitions(tree: object, paths: list[str]) -> list[tuple[str, bytes]]:
    return list(list_definitions(cast(Tree, tree), paths))


def _owners(setting: object, paths: list[str]) -> list[tuple[str, frozenset[tuple[str, str]]]]:
    tree, fields = cast(tuple[Tree, frozenset[str]], setting)
    return sorted(find_owners(tree, paths, fields).items())


def _members(setting: object, paths: list[str]) -> list[tuple[str, frozenset[tuple[str, str, str]]]]:
    tree, types = cast(tuple[Tree, frozenset[str]], setting)
    return sorted(find_members(tree, paths, types).items())
