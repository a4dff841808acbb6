"""Functions of a tree that release the pages that they are given, by their summaries.

Under-approximation: a static function of a .c file has no summary outside its file, and is not known here.
"""

from collections.abc import Iterator, Mapping

from analyzer.checks.versions import Certainty
from analyzer.dataflow import Case, Guard, Summary
from analyzer.driver.snapshot import Snapshot
from analyzer.ir import Call, Name, Num
from analyzer.rulespec import NEGATIVE, POSITIVE, ZERO, Model


class Releasing:
    """What calls of functions that the model does not name release, as far as a snapshot tells."""

    def __init__(self, model: Model, facets: frozenset[str], snapshot: Snapshot, path: str) -> None:
        """Look at the functions of a snapshot as a file sees them, and at some facets."""
        self.path = path
        self.free: dict[str, dict[int, tuple[str, str]]] = {}
        for view in model.all_views():
            numbered = enumerate(model.project(view).facets)
            self.free[view.name] = {i: (f.name, f.free) for i, f in numbered if f.name in facets and f.free}
        named = frozenset(pattern.callee for event in model.events for pattern in event.calls)
        self.found: dict[str, list[Summary]] = {}
        for result in snapshot.results.values():
            for summary in result.summaries:
                if summary.name not in named and any(self._frees(summary, case) for case in summary.cases):
                    self.found.setdefault(summary.name, []).append(summary)

    def released_by(self, call: Call, certainty: Certainty) -> Iterator[tuple[str, int]]:
        """Yield (facet, argument position) of what a call leaves free: whatever happens in it, or if something does.

        A page that is NULL needs no release. Numbers among the arguments choose the cases of the callee.
        """
        if not isinstance(call.callee, Name):
            return
        summaries = self.found.get(call.callee.name, ())
        near = [s for s in summaries if s.file == self.path] or summaries
        released = [frozenset(self._released(summary, call, certainty)) for summary in near]
        for view in {s.view for s in near}:
            here = [found for s, found in zip(near, released, strict=True) if s.view == view]
            both = frozenset.union(*here) if certainty is Certainty.MAY else frozenset.intersection(*here)
            yield from sorted(both)

    def _released(self, summary: Summary, call: Call, certainty: Certainty) -> Iterator[tuple[str, int]]:
        pages = {(facet, at) for case in summary.cases for facet, at in self._frees(summary, case)}
        for facet, at in pages:
            if at >= len(call.arguments):
                continue
            cases = [case for case in summary.cases if all(_may_hold(guard, at, call) for guard in case.guards)]
            met = [(facet, at) in self._frees(summary, case) for case in cases]
            if any(met) if certainty is Certainty.MAY else bool(met) and all(met):
                yield facet, at

    def _frees(self, summary: Summary, case: Case) -> frozenset[tuple[str, int]]:
        """Return (facet, parameter) of the pages that a case leaves free."""
        free: Mapping[int, tuple[str, str]] = self.free.get(summary.view, {})
        return frozenset(
            (free[change.facet][0], effect.path[0])
            for effect in case.effects
            if len(effect.path) == 1 and isinstance(effect.path[0], int) and not effect.stored
            for change in effect.changes
            if change.facet in free and change.to == free[change.facet][1]
        )


def _may_hold(guard: Guard, page: int, call: Call) -> bool:
    """Tell whether a guard may hold in a call whose argument at `page` is a page."""
    if guard.parameter >= len(call.arguments) or guard.bit:
        return True
    if guard.parameter == page:
        return bool(guard.mask & POSITIVE)
    argument = call.arguments[guard.parameter]
    if not isinstance(argument, Num):
        return True
    number = argument.value
    if guard.equals is not None:
        return not isinstance(guard.equals, int) or (number == guard.equals) == (guard.mask != ZERO)
    kind = ZERO if number == 0 else POSITIVE if number > 0 else NEGATIVE
    return bool(guard.mask & kind)
