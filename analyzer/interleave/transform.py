"""Context in, context out: shrink an automaton, join two, tie one to ownership."""

from collections.abc import Mapping
from dataclasses import replace

from analyzer.interleave.automaton import Atom, Context, Edge, Op, owned_is
from analyzer.source import RuleError


def compress(context: Context) -> Context:
    """Return a context with the same steps and no silent edge, its nodes numbered from 0.

    A node takes over the steps of all nodes that it reaches silently; nodes
    that can no longer be reached go, and nodes with the same steps become one.
    No interleaving of steps is gained or lost.
    """
    return _renumber(_merge_equal_nodes(_without_silent_edges(context)))


def _without_silent_edges(context: Context) -> Context:
    outgoing = context.edges_by_source()
    labels: dict[int, list[str]] = {}
    for label, node in context.exits:
        labels.setdefault(node, []).append(label)
    edges: dict[int, tuple[Edge, ...]] = {}
    exits: dict[tuple[str, int], None] = {}
    pending = [context.entry]
    while pending:
        node = pending.pop()
        if node in edges:
            continue
        near = _silently_reachable(node, outgoing)
        steps = (edge for other in near for edge in outgoing.get(other, ()) if edge.atoms)
        edges[node] = tuple(dict.fromkeys(replace(edge, source=node) for edge in steps))
        exits.update(dict.fromkeys((label, node) for other in near for label in labels.get(other, ())))
        pending.extend(edge.target for edge in edges[node])
    kept = tuple(edge for node in _reachable(context.entry, edges) for edge in edges[node])
    return replace(context, edges=kept, exits=tuple(exits))


def _silently_reachable(start: int, outgoing: Mapping[int, tuple[Edge, ...]]) -> tuple[int, ...]:
    """Return the nodes that silent edges lead to from `start`, itself first, in depth-first order."""
    seen: dict[int, None] = {}
    stack = [start]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen[node] = None
        stack.extend(edge.target for edge in reversed(outgoing.get(node, ())) if not edge.atoms)
    return tuple(seen)


def _reachable(entry: int, edges: Mapping[int, tuple[Edge, ...]]) -> tuple[int, ...]:
    seen: dict[int, None] = {entry: None}
    stack = [entry]
    while stack:
        for edge in edges.get(stack.pop(), ()):
            if edge.target not in seen:
                seen[edge.target] = None
                stack.append(edge.target)
    return tuple(seen)


def _merge_equal_nodes(context: Context) -> Context:
    """Merge nodes whose steps are equal up to the merging (coarsest partition, by refinement)."""
    outgoing = context.edges_by_source()
    labels: dict[int, frozenset[str]] = {}
    for label, node in context.exits:
        labels[node] = labels.get(node, frozenset()) | {label}
    nodes = context.nodes
    block = dict.fromkeys(nodes, 0)
    count = 0
    while True:
        number_by_signature: dict[object, int] = {}
        refined = {}
        for node in nodes:
            steps = frozenset(
                (edge.atoms, edge.place, edge.text, block[edge.target]) for edge in outgoing.get(node, ())
            )
            signature = (block[node], labels.get(node, frozenset()), steps)
            refined[node] = number_by_signature.setdefault(signature, len(number_by_signature))
        block = refined
        if len(number_by_signature) == count:
            break
        count = len(number_by_signature)
    edges = dict.fromkeys(replace(edge, source=block[edge.source], target=block[edge.target]) for edge in context.edges)
    exits = dict.fromkeys((label, block[node]) for label, node in context.exits)
    return replace(context, entry=block[context.entry], edges=tuple(edges), exits=tuple(exits))


def _renumber(context: Context) -> Context:
    """Give the nodes numbers from 0 in the order in which a walk from the entry meets them."""
    outgoing = context.edges_by_source()
    order = {node: number for number, node in enumerate(_reachable(context.entry, outgoing))}
    edges = tuple(
        replace(edge, source=number, target=order[edge.target])
        for node, number in order.items()
        for edge in outgoing.get(node, ())
    )
    return replace(
        context,
        entry=0,
        edges=edges,
        exits=tuple((label, order[node]) for label, node in context.exits),
    )


def connect(first: Context, label: str, second: Context) -> Context:
    """Return the context that runs `second` from wherever `first` leaves with `label`.

    The result has the name and role of `first`, its other exits, and the exits
    of `second`. Raises RuleError if `first` has no such exit.
    """
    joints = [node for name, node in first.exits if name == label]
    if not joints:
        raise RuleError(f"context {first.name}: no exit is called {label!r}")
    offset = max(first.nodes) + 1 - min(second.nodes)
    moved = tuple(replace(edge, source=edge.source + offset, target=edge.target + offset) for edge in second.edges)
    bridges = tuple(Edge(node, second.entry + offset) for node in joints)
    exits = tuple(pair for pair in first.exits if pair[0] != label)
    return replace(
        first,
        edges=first.edges + bridges + moved,
        exits=exits + tuple((name, node + offset) for name, node in second.exits),
    )


def only_while_owned(context: Context, lock: str) -> Context:
    """Return an owner, compressed, that acts on the page only if the page is still its own.

    An owner reaches the page through its own data, which a migration rewrites
    under the page's lock. So it finds the page when it starts, and again when
    it takes `lock`, or it has another page in hand and is no longer our
    concern: the context ends there, the lock untouched.
    """
    compressed = compress(context)
    takes_lock = Atom(Op.ACQUIRE, lock)
    return replace(
        compressed,
        edges=tuple(
            replace(edge, atoms=(owned_is(), *edge.atoms))
            if edge.source == compressed.entry or takes_lock in edge.atoms
            else edge
            for edge in compressed.edges
        ),
    )
