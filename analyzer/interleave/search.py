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

from analyzer.interleave.automaton import Atom, Context, Place
from analyzer.interleave.encoding import Code, CompiledEdge, Condition, Encoding, encode
from analyzer.interleave.page import Invariant, Page
from analyzer.interleave.shortest import Transition, clearest_trace
from analyzer.interleave.transform import compress

DEFAULT_MAX_STATES = 200_000


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of one context; `context` is its name, `atoms` what the step asked and did."""

    context: str
    role: str
    place: Place | None
    text: str
    atoms: tuple[Atom, ...] = ()


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
        self._predecessors: dict[int, list[Transition]] = {encoding.initial: []}
        """The transitions of shortest traces into each state; their sources are one layer up."""
        self._broken_by: dict[int, list[Transition]] = {}
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
            Violation(invariant, self._trace_to(self._broken_by[number]))
            for number, invariant in enumerate(self._invariants)
            if number in self._broken_by
        )
        return SearchResult(violations, len(self._predecessors), not reasons, ", ".join(reasons))

    def _explore_layer(self, frontier: list[int]) -> list[int]:
        """Return the states first reached from the frontier; a layer that exceeds the bound is cut."""
        encoding = self._encoding
        predecessors = self._predecessors
        reached: dict[int, list[Transition]] = {}
        broken: dict[int, list[Transition]] = defaultdict(list)
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

    def _step(self, state: int, edge: CompiledEdge, broken: dict[int, list[Transition]]) -> int:
        """Return the state after the edge, or -1 if there is none; note the invariants that it breaks."""
        encoding = self._encoding
        after = state
        broken_here: list[int] = []
        for code, first, second in edge.instructions:
            if code is Code.ASSIGN:
                after = after & first | second
            elif code is Code.EQUAL:
                if after & first != second:
                    return -1
            elif code is Code.DIFFERENT:
                if after & first == second:
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
            elif _all_hold(after, encoding.conditions[first]):
                broken_here.append(second)
        for number in broken_here:
            if number not in self._broken_by:
                broken[number].append((state, edge))
        return -1 if any(self._invariants[number].ends_run for number in broken_here) else after

    def _trace_to(self, last: list[Transition]) -> tuple[TraceStep, ...]:
        return tuple(
            TraceStep(
                self._contexts[step.context].name,
                self._contexts[step.context].role,
                step.edge.place,
                step.edge.text,
                step.edge.atoms,
            )
            for step in clearest_trace(self._encoding.initial, self._predecessors, last)
        )


def _all_hold(state: int, conditions: tuple[Condition, ...]) -> bool:
    return all((state & mask == value) is equal for mask, value, equal in conditions)
