"""One concurrent context as a finite automaton over a single page.

A context is a graph whose edges are atomic steps; an edge does its atoms in
order, without interruption, and is enabled only if every guard among them
holds when its turn comes. An edge without atoms is silent: it stands for code
that does not concern the page. Several edges out of one node are a choice;
without guards the choice is free, which over-approximates the program.

Nothing here knows C or a kernel name: flags, locks, lists and callbacks are
called what the data calls them.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Op(StrEnum):
    """What one atom asks of, or does to, the page or its context. `name` and `value` are those of the atom."""

    FLAG_IS = "flag-is"
    """Guard: the flag `name` has `value`."""
    LOCAL_IS = "local-is"
    """Guard: the context's own bit `name` has `value`; all bits start false."""
    OWNED_IS = "owned-is"
    """Guard: the owner still owns the page, or (value false) has released it."""
    LOCK_HELD_IS = "lock-held-is"
    """Guard: the lock `name` is held by some context, or (value false) by none."""
    HOLDS_IS = "holds-is"
    """Guard: this context holds the lock `name`, or (value false) it does not."""
    REFERENCED_IS = "referenced-is"
    """Guard: the reference count is above zero, or (value false) it is zero."""
    LISTED_IS = "listed-is"
    """Guard: the page is on the list `name`, or (value false) is not; "" is any list at all."""

    ACQUIRE = "acquire"
    """Effect: take the lock `name`; the edge waits until nobody holds it."""
    RELEASE = "release"
    """Effect: drop the lock `name`, whoever holds it."""
    SET_FLAG = "set-flag"
    """Effect: give the flag `name` the `value`."""
    SET_LOCAL = "set-local"
    """Effect: give the context's own bit `name` the `value`."""
    GET = "get"
    """Effect: one more reference."""
    PUT = "put"
    """Effect: one reference less; the last one frees the page."""
    LIST_ADD = "list-add"
    """Effect: put the page on the list `name`; "" is the context's own list."""
    LIST_DEL = "list-del"
    """Effect: take the page off the list `name`; "" is the context's own list."""
    CALLBACK = "callback"
    """Marker: the owner's callback `name` acts on the page; for invariants to look at."""
    DISOWN = "disown"
    """Effect: the owner stops owning the page."""


GUARDS = frozenset(
    {
        Op.FLAG_IS,
        Op.LOCAL_IS,
        Op.OWNED_IS,
        Op.LOCK_HELD_IS,
        Op.HOLDS_IS,
        Op.REFERENCED_IS,
        Op.LISTED_IS,
    }
)


@dataclass(frozen=True, slots=True)
class Atom:
    """One guard or effect; `name` is empty where the operation has no object."""

    op: Op
    name: str = ""
    value: bool = True


def flag_is(name: str, value: bool = True) -> Atom:
    """Return the guard that the flag has the value."""
    return Atom(Op.FLAG_IS, name, value)


def local_is(name: str, value: bool = True) -> Atom:
    """Return the guard that the context's own bit has the value."""
    return Atom(Op.LOCAL_IS, name, value)


def owned_is(value: bool = True) -> Atom:
    """Return the guard that the page is (or is not) owned."""
    return Atom(Op.OWNED_IS, value=value)


def set_flag(name: str, value: bool = True) -> Atom:
    """Return the effect that writes the flag."""
    return Atom(Op.SET_FLAG, name, value)


def set_local(name: str, value: bool = True) -> Atom:
    """Return the effect that writes the context's own bit."""
    return Atom(Op.SET_LOCAL, name, value)


def acquire(lock: str) -> Atom:
    """Return the blocking acquire, which is also the successful outcome of a trylock."""
    return Atom(Op.ACQUIRE, lock)


def busy(lock: str) -> Atom:
    """Return the failed outcome of a trylock: somebody holds the lock."""
    return Atom(Op.LOCK_HELD_IS, lock)


def release(lock: str) -> Atom:
    """Return the unlock."""
    return Atom(Op.RELEASE, lock)


def listed_is(name: str = "", value: bool = True) -> Atom:
    """Return the guard that the page is (or is not) on the shared list, or on any list."""
    return Atom(Op.LISTED_IS, name, value)


def list_add(name: str = "") -> Atom:
    """Return the effect that puts the page on the shared list, or on the context's own."""
    return Atom(Op.LIST_ADD, name)


def list_del(name: str = "") -> Atom:
    """Return the effect that takes the page off the shared list, or off the context's own."""
    return Atom(Op.LIST_DEL, name)


def callback(name: str) -> Atom:
    """Return the marker of an owner's callback."""
    return Atom(Op.CALLBACK, name)


GET = Atom(Op.GET)
PUT = Atom(Op.PUT)
DISOWN = Atom(Op.DISOWN)
REFERENCED = Atom(Op.REFERENCED_IS)
UNREFERENCED = Atom(Op.REFERENCED_IS, value=False)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in the source a step stands; lines count from 1."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Edge:
    """One atomic step from node to node; `text` is what a trace shows for it."""

    source: int
    target: int
    atoms: tuple[Atom, ...] = ()
    place: Place | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """A thread of execution on the page.

    `name` heads its column in a trace, `role` says what it is in the protocol
    ("isolator", "owner"). A context may stop at any node, so a node without
    edges needs no mark. `exits` labels nodes at which another context can be
    attached (see `connect`); one label may stand on several nodes.
    """

    name: str
    role: str
    entry: int
    edges: tuple[Edge, ...]
    exits: tuple[tuple[str, int], ...] = ()

    @property
    def nodes(self) -> tuple[int, ...]:
        """Return every node that is the entry, an exit or an end of an edge, ascending."""
        ends = {end for edge in self.edges for end in (edge.source, edge.target)}
        return tuple(sorted(ends | {self.entry} | {node for _, node in self.exits}))

    def edges_by_source(self) -> Mapping[int, tuple[Edge, ...]]:
        """Return the outgoing edges of each node that has any, in the order they were given."""
        outgoing: dict[int, list[Edge]] = {}
        for edge in self.edges:
            outgoing.setdefault(edge.source, []).append(edge)
        return {node: tuple(edges) for node, edges in outgoing.items()}


@dataclass(slots=True)
class ContextBuilder:
    """Builds a context from nodes with any hashable label, such as (block id, index).

    Nodes are numbered in the order of their first mention, so the same calls
    give the same context.
    """

    name: str
    role: str
    _number_by_label: dict[Hashable, int] = field(default_factory=dict)
    _edges: list[Edge] = field(default_factory=list)
    _exits: list[tuple[str, int]] = field(default_factory=list)

    def node(self, label: Hashable) -> int:
        """Return the number of the node, giving it one at its first mention."""
        return self._number_by_label.setdefault(label, len(self._number_by_label))

    def edge(
        self, source: Hashable, target: Hashable, *atoms: Atom, text: str = "", place: Place | None = None
    ) -> None:
        """Add one atomic step; without atoms it is silent."""
        self._edges.append(Edge(self.node(source), self.node(target), atoms, place, text))

    def trylock(
        self, source: Hashable, taken: Hashable, failed: Hashable, lock: str, text: str = "", place: Place | None = None
    ) -> None:
        """Add both outcomes of a trylock."""
        self.edge(source, taken, acquire(lock), text=text, place=place)
        self.edge(source, failed, busy(lock), text=f"{text}: fails" if text else "", place=place)

    def exit(self, label: str, node: Hashable) -> None:
        """Label a node for `connect`."""
        self._exits.append((label, self.node(node)))

    def build(self, entry: Hashable) -> Context:
        """Return the context that starts at the node."""
        return Context(self.name, self.role, self.node(entry), tuple(self._edges), tuple(self._exits))
