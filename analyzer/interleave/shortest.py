"""Which of several shortest traces to show: the one that a reader follows most easily."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzer.interleave.encoding import CompiledEdge

Transition = tuple[int, CompiledEdge]
"""A state and an edge out of it."""


@dataclass(frozen=True, slots=True)
class _Path:
    """A trace into a state, as its last edge and the path before; `rank` orders the paths of one layer."""

    switches: int
    rank: int
    edge: CompiledEdge | None
    before: "_Path | None"

    def cost_with(self, edge: CompiledEdge) -> tuple[int, tuple[int, int, int]]:
        """Return the switches after one more edge, and what orders equally good paths: earlier contexts first."""
        switched = self.edge is not None and self.edge.context != edge.context
        return self.switches + switched, (self.rank, edge.context, edge.number)

    def edges(self) -> tuple[CompiledEdge, ...]:
        """Return the edges from the start."""
        reverse: list[CompiledEdge] = []
        path: _Path | None = self
        while path is not None and path.edge is not None:
            reverse.append(path.edge)
            path = path.before
        return tuple(reversed(reverse))


def clearest_trace(
    initial: int, predecessors: Mapping[int, Sequence[Transition]], last: Sequence[Transition]
) -> tuple[CompiledEdge, ...]:
    """Return the trace from `initial` that ends in one of the transitions in `last`.

    `predecessors` gives for each state the transitions of shortest traces
    into it, and the states of `last` all lie at the same distance, so that all
    traces are equally long. The one with the fewest context switches is taken,
    and of those the one in which contexts with a lower number move first.
    """
    paths_by_state = {initial: [_Path(0, 0, None, None)]}
    for layer in _layers_up_to(initial, predecessors, {state for state, _ in last})[1:]:
        paths_by_state = _extend_paths(paths_by_state, predecessors, layer)
    _, edge, path = min(
        ((path.cost_with(edge), edge, path) for state, edge in last for path in paths_by_state[state]),
        key=lambda candidate: candidate[0],
    )
    return (*path.edges(), edge)


def _layers_up_to(initial: int, predecessors: Mapping[int, Sequence[Transition]], states: set[int]) -> list[list[int]]:
    """Return the states on shortest traces to `states`, layer by layer from the start."""
    layers = [sorted(states)]
    while layers[-1] != [initial]:
        layers.append(sorted({before for state in layers[-1] for before, _ in predecessors[state]}))
    return layers[::-1]


def _extend_paths(
    paths_by_state: Mapping[int, Sequence[_Path]],
    predecessors: Mapping[int, Sequence[Transition]],
    layer: Sequence[int],
) -> dict[int, list[_Path]]:
    """Return the best path to each state of the layer for each context that may have moved last."""
    best: dict[tuple[int, int], tuple[tuple[int, tuple[int, int, int]], CompiledEdge, _Path]] = {}
    for state in layer:
        for before, edge in predecessors[state]:
            for path in paths_by_state[before]:
                cost = path.cost_with(edge)
                key = (state, edge.context)
                if key not in best or cost < best[key][0]:
                    best[key] = (cost, edge, path)
    extended: dict[int, list[_Path]] = defaultdict(list)
    in_order = sorted(best, key=lambda key: best[key][0][1])
    for rank, (state, context) in enumerate(in_order):
        (switches, _), edge, path = best[state, context]
        extended[state].append(_Path(switches, rank, edge, path))
    return extended
