"""Breadth-first search over all interleavings of contexts on one page.

The search explores each state once, so it ends for every finite input unless
it hits a bound, and then says so. It continues past a broken invariant, unless
that ends the run, with the step done as written (an unlock by a stranger
unlocks, a list addition adds): one race may break several. Contexts
interleave at edges; memory is sequentially consistent, so reorderings by
the processor are not found. One page, one life: reuse after free is not found.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.interleave.automaton import Context, Place
from analyzer.interleave.encoding import Code, CompiledEdge, Condition, Encoding, encode
from analyzer.interleave.page import Invariant, Page
from analyzer.interleave.transform import compress

DEFAULT_MAX_STATES = 200_000


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of one context; `context` is its name."""

    context: str
    role: str
    place: Place | None
    text: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken invariant with a shortest trace to it; the last step is the one that breaks it."""

    invariant: Invariant
    trace: tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, in the order of the invariants given, and how much was looked at.

    `complete` says that every reachable state was explored; otherwise
    `incomplete_because` names the bound, and the absence of a violation
    proves nothing.
    """

    violations: tuple[Violation, ...]
    states: int
    complete: bool
    incomplete_because: str = ""


_Transition = tuple[int, CompiledEdge]
"""A state and an edge out of it."""


def search(
    page: Page, contexts: Sequence[Context], invariants: Sequence[Invariant], max_states: int = DEFAULT_MAX_STATES
) -> SearchResult:
    """Return every invariant that some interleaving breaks, each with its clearest shortest trace.

    Of the traces with the fewest steps the one with the fewest context
    switches is taken, and of those the one in which the contexts given first
    move first. Contexts are compressed before. Raises RuleError if contexts
    or invariants name something that the page does not have.
    """
    encoding = encode(page, [compress(context) for context in contexts], invariants)
    return _Search(encoding, contexts, invariants, max_states).run()


class _Search:
    def __init__(
        self, encoding: Encoding, contexts: Sequence[Context], invariants: Sequence[Invariant], max_states: int
    ) -> None:
        self._encoding = encoding
        self._contexts = contexts
        self._invariants = invariants
        self._max_states = max_states
        self._predecessors: dict[int, list[_Transition]] = {encoding.initial: []}
        """The transitions of shortest traces into each state; their sources are one layer up."""
        self._broken_by: dict[int, list[_Transition]] = {}
        """For each broken invariant the transitions that break it in the first layer where any does."""
        self._hit_state_bound = False
        self._hit_reference_bound = False

    def run(self) -> SearchResult:
        frontier = [self._encoding.initial]
        while frontier and not self._hit_state_bound:
            frontier = self._explore_layer(frontier)
        reasons = []
        if self._hit_state_bound:
            reasons.append(f"more than {self._max_states} states")
        if self._hit_reference_bound:
            reasons.append("reference count above its bound")
        violations = tuple(
            Violation(invariant, self._clearest_trace(self._broken_by[number]))
            for number, invariant in enumerate(self._invariants)
            if number in self._broken_by
        )
        return SearchResult(violations, len(self._predecessors), not reasons, ", ".join(reasons))

    def _explore_layer(self, frontier: list[int]) -> list[int]:
        """Return the states first reached from the frontier; a layer that exceeds the bound is cut."""
        encoding = self._encoding
        predecessors = self._predecessors
        reached: dict[int, list[_Transition]] = {}
        broken: dict[int, list[_Transition]] = defaultdict(list)
        fields = tuple(zip(encoding.pc_shift, encoding.pc_mask, encoding.edges, strict=True))
        for state in frontier:
            for shift, pc_mask, edges in fields:
                for edge in edges[state >> shift & pc_mask]:
                    if state & edge.mask != edge.value:
                        continue
                    after = self._step(state, edge, broken)
                    if after < 0 or after in predecessors:
                        continue
                    if after in reached:
                        reached[after].append((state, edge))
                    elif len(predecessors) + len(reached) < self._max_states:
                        reached[after] = [(state, edge)]
                    else:
                        self._hit_state_bound = True
        predecessors.update(reached)
        for number, transitions in broken.items():
            self._broken_by.setdefault(number, transitions)
        return list(reached)

    def _step(self, state: int, edge: CompiledEdge, broken: dict[int, list[_Transition]]) -> int:
        """Return the state after the edge, or -1 if there is none; note the invariants that it breaks."""
        encoding = self._encoding
        after = state
        broken_here: list[int] = []
        for code, first, second in edge.instructions:
            if code is Code.ASSIGN:
                after = after & first | second  # type: ignore[operator]
            elif code is Code.EQUAL:
                if after & first != second:  # type: ignore[operator]
                    return -1
            elif code is Code.DIFFERENT:
                if after & first == second:  # type: ignore[operator]
                    return -1
            elif code is Code.GET:
                if after & encoding.reference_mask >= encoding.reference_limit:
                    self._hit_reference_bound = True
                    return -1
                after += encoding.reference_unit
            elif code is Code.PUT:
                if after & encoding.reference_mask:
                    after -= encoding.reference_unit
                    if not after & encoding.reference_mask:
                        after = after & encoding.free_keep | encoding.free_set
            elif _all_hold(after, first):  # type: ignore[arg-type]
                broken_here.append(second)
        for number in broken_here:
            if number not in self._broken_by:
                broken[number].append((state, edge))
        return -1 if any(self._invariants[number].ends_run for number in broken_here) else after

    def _clearest_trace(self, last: list[_Transition]) -> tuple[TraceStep, ...]:
        """Return the trace that ends in one of the transitions, chosen as `search` says."""
        layers = self._ancestor_layers({state for state, _ in last})
        paths_by_state = {self._encoding.initial: [_Path(0, 0, None, None)]}
        for layer in layers[1:]:
            paths_by_state = self._extend_paths(paths_by_state, layer)
        _, _, edge, path = min(
            ((*path.cost_with(edge), edge, path) for state, edge in last for path in paths_by_state[state]),
            key=lambda candidate: candidate[:2],
        )
        return tuple(self._trace_step(step) for step in (*path.edges(), edge))

    def _ancestor_layers(self, states: set[int]) -> list[list[int]]:
        """Return the states on shortest traces to `states`, which lie in one layer, layer by layer from the start."""
        layers = [sorted(states)]
        while layers[-1] != [self._encoding.initial]:
            layers.append(sorted({before for state in layers[-1] for before, _ in self._predecessors[state]}))
        return layers[::-1]

    def _extend_paths(self, paths_by_state: dict[int, list["_Path"]], layer: list[int]) -> dict[int, list["_Path"]]:
        """Return the best path to each state of the layer for each context that may have moved last."""
        best: dict[tuple[int, int], tuple[int, tuple[int, int, int], CompiledEdge, _Path]] = {}
        for state in layer:
            for before, edge in self._predecessors[state]:
                for path in paths_by_state[before]:
                    switches, order = path.cost_with(edge)
                    key = (state, edge.context)
                    if key not in best or (switches, order) < best[key][:2]:
                        best[key] = (switches, order, edge, path)
        extended: dict[int, list[_Path]] = defaultdict(list)
        for rank, (state, context) in enumerate(sorted(best, key=lambda key: best[key][1])):
            switches, _, edge, path = best[state, context]
            extended[state].append(_Path(switches, rank, edge, path))
        return extended

    def _trace_step(self, edge: CompiledEdge) -> TraceStep:
        context = self._contexts[edge.context]
        return TraceStep(context.name, context.role, edge.edge.place, edge.edge.text)


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


def _all_hold(state: int, conditions: tuple[Condition, ...]) -> bool:
    return all((state & mask == value) is equal for mask, value, equal in conditions)
