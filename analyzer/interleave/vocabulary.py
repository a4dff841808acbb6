"""Which C is which step on the page: `rules/race.toml`, read into frozen values.

Nothing here looks at code. `load_protocol` gives the whole file, and
`Protocol.vocabulary` what one generation of the isolation protocol makes of it.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Literal

import msgspec

from analyzer.source import RuleError

FILE = "race.toml"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the file: keys are words with hyphens, unknown ones are an error."""


class Search(_Table, frozen=True):
    """Identifiers that a file must mention one of to be read."""

    names: tuple[str, ...]


class Callbacks(_Table, frozen=True):
    """An operations table: the fields of `struct` that hold the owner's callbacks."""

    struct: str
    isolate: str
    migrate: str
    putback: str
    migrate_source: int
    """Which argument of the migrate callback is the page that is left."""

    @property
    def fields(self) -> tuple[str, str, str]:
        """Return the three fields, in the order in which they are called."""
        return self.isolate, self.migrate, self.putback


class Pages(_Table, frozen=True):
    """How code names pages.

    identity: functions that return the page they are given; identity_fields: members that are the same page;
    sources: functions that make a page out of something else; fresh: allocators;
    never: tests that a movable page fails; always: tests that hold where pages are isolated;
    zero: constants that are zero;
    owner_fields: members that are the owner's, NULL once it has released the page.
    """

    identity: frozenset[str]
    identity_fields: frozenset[str]
    sources: frozenset[str]
    fresh: frozenset[str]
    never: frozenset[str]
    always: frozenset[str]
    zero: frozenset[str]
    owner_fields: frozenset[str]


class Lists(_Table, frozen=True):
    """Operations on lists that pages are on by one of `links`; numbers are positions of the list's head."""

    links: frozenset[str]
    each: Mapping[str, int]
    first: Mapping[str, int]
    add: frozenset[str]
    move: frozenset[str]
    delete: frozenset[str]
    empty: frozenset[str]
    splice: Mapping[str, tuple[int, int]]
    """Positions of the list that is emptied and of the one that takes its pages."""


class Locks(_Table, frozen=True):
    """Calls on locks that are not the page's own; the lock is the first argument."""

    acquire: frozenset[str]
    trylock: frozenset[str]
    release: frozenset[str]


class Steps(_Table, frozen=True):
    """Calls on the page, their first argument, by what they do."""

    lock: frozenset[str]
    trylock: frozenset[str]
    unlock: frozenset[str]
    wait: frozenset[str]
    get: frozenset[str]
    try_get: frozenset[str]
    try_get_same: frozenset[str]
    """As try_get; the result is the page."""
    put: frozenset[str]
    read_owner: frozenset[str]
    disown: frozenset[str]
    """With zero as second argument: the owner lets the page go."""


class Generation(_Table, frozen=True):
    """One generation of the protocol: its marks, and who reads and writes them.

    conditions: lines that must hold in the tree; initial: marks of a page that is owned and not isolated;
    isolate_at: whether a released page must not reach the isolate callback ("entry") or be refused by it ("accepted");
    release: calls by which an owner lets a page go; publish: calls by which it offers one.
    """

    id: str
    conditions: tuple[str, ...] = msgspec.field(name="if")
    flags: tuple[str, ...]
    initial: frozenset[str]
    isolate_at: Literal["entry", "accepted"]
    tests: Mapping[str, tuple[str, ...]]
    set: Mapping[str, tuple[str, ...]]
    clear: Mapping[str, tuple[str, ...]]
    release: frozenset[str]
    publish: frozenset[str]


class Protocol(_Table, frozen=True):
    """The whole file."""

    search: Search
    callbacks: tuple[Callbacks, ...]
    pages: Pages
    lists: Lists
    locks: Locks
    steps: Steps
    generation: tuple[Generation, ...]

    def vocabulary(self, holds: Callable[[str], bool]) -> "Vocabulary | None":
        """Return the vocabulary of the first generation whose conditions all hold, None when there is none."""
        for generation in self.generation:
            if all(holds(condition) for condition in generation.conditions):
                return Vocabulary(self.pages, self.lists, self.locks, self.steps, generation)
        return None


class Vocabulary(msgspec.Struct, frozen=True):
    """What the extraction of one tree's contexts needs."""

    pages: Pages
    lists: Lists
    locks: Locks
    steps: Steps
    generation: Generation

    def page_calls(self) -> frozenset[str]:
        """Return the names of all calls that are, or may be, a step on the page."""
        steps, generation = self.steps, self.generation
        return frozenset().union(
            *(getattr(steps, name) for name in steps.__struct_fields__),
            generation.tests,
            generation.set,
            generation.clear,
            self.lists.add,
            self.lists.move,
            self.lists.delete,
        )

    def page_sources(self) -> frozenset[str]:
        """Return the names that make a function find pages by itself, instead of being given them."""
        return self.pages.sources | self.lists.each.keys() | self.lists.first.keys() | self.lists.splice.keys()


def load_protocol() -> Protocol:
    """Return the file that ships; raise RuleError, naming key and file, when it does not make sense."""
    text = resources.files("analyzer.rules").joinpath(FILE).read_bytes()
    try:
        return msgspec.toml.decode(text, type=Protocol)
    except msgspec.DecodeError as error:
        raise RuleError(f"{FILE}: {error}") from error
