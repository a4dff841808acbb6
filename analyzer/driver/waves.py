"""In which order the functions of many files are analysed, so that most are analysed once.

A function waits for what it calls in other files. Its wave counts the calls from
file to file below it; functions that call each other around are in one wave.
`plan_visits` turns waves into visits of files: a file is visited in a wave only
when another file waits for what it then gives, and once more when all others are
done. The order decides what an analysis costs, not what comes out of it: what a
visit could not know yet is found by the next round (worklist order for bottom-up
summaries; Sharir, Pnueli 1981).

Over-approximate: calls are names in the text, a name means every definition that
other files can see, and every function that reaches a name that matters counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import rustworkx


class Survey(msgspec.Struct, frozen=True, array_like=True):
    """What one file defines and calls: callees by function; and which of these functions other files can call."""

    path: str
    callees: dict[str, frozenset[str]]
    shared: frozenset[str]


Visits = dict[str, frozenset[str]]
"""The functions to analyse by file."""


def plan_visits(surveys: Iterable[Survey], hits: Mapping[str, frozenset[str]]) -> list[Visits]:
    """Return the visits that go before the last one, in their order; each holds all functions up to its wave.

    hits: the names that matter, by file that mentions them.
    """
    graph = _CallGraph()
    for survey in surveys:
        graph.define(survey)
    graph.connect(hits)
    waves = graph.waves()
    awaited = {(graph.paths[node], waves[node]) for node in graph.awaited(waves)}
    plan: list[Visits] = []
    for wave in sorted({wave for _, wave in awaited}):
        by_path: dict[str, set[str]] = {path: set() for path, awaited_wave in awaited if awaited_wave == wave}
        for node, own in waves.items():
            if own <= wave and graph.paths[node] in by_path:
                by_path[graph.paths[node]].add(graph.names[node])
        plan.append({path: frozenset(names) for path, names in sorted(by_path.items())})
    return plan


@dataclass
class _CallGraph:
    """Functions by number, and which call which; only those that reach a name that matters have a wave."""

    paths: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    own: dict[str, dict[str, int]] = field(default_factory=dict)
    shared: dict[str, list[int]] = field(default_factory=dict)
    surveys: list[Survey] = field(default_factory=list)
    callees: dict[int, list[int]] = field(default_factory=dict)
    relevant: set[int] = field(default_factory=set)

    def define(self, survey: Survey) -> None:
        """Give numbers to the functions of a file."""
        self.surveys.append(survey)
        own = self.own[survey.path] = {}
        for name in survey.callees:
            own[name] = len(self.names)
            if name in survey.shared:
                self.shared.setdefault(name, []).append(len(self.names))
            self.names.append(name)
            self.paths.append(survey.path)

    def connect(self, hits: Mapping[str, frozenset[str]]) -> None:
        """Find the calls, and the functions that reach what matters."""
        callers: dict[int, list[int]] = {}
        waiting: list[int] = []
        for survey in self.surveys:
            own, here = self.own[survey.path], hits.get(survey.path, frozenset())
            for name, callees in survey.callees.items():
                node = own[name]
                if not callees.isdisjoint(here):
                    waiting.append(node)
                found = self.callees[node] = []
                for callee in callees:
                    found += [own[callee]] if callee in own else self.shared.get(callee, ())
                for called in found:
                    callers.setdefault(called, []).append(node)
        while waiting:
            node = waiting.pop()
            if node not in self.relevant:
                self.relevant.add(node)
                waiting += callers.get(node, ())

    def _components(self) -> Sequence[Sequence[int]]:
        """Return functions that call each other around, callees first."""
        graph: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph()
        nodes = sorted(self.relevant)
        index = {node: graph.add_node(node) for node in nodes}
        graph.add_edges_from_no_data(
            [(index[node], index[called]) for node in nodes for called in self.callees[node] if called in index]
        )
        return [[nodes[i] for i in component] for component in rustworkx.strongly_connected_components(graph)]

    def waves(self) -> dict[int, int]:
        """Return the wave of each relevant function."""
        waves: dict[int, int] = {}
        for component in self._components():
            wave = max(
                (
                    waves[called] + (self.paths[called] != self.paths[node])
                    for node in component
                    for called in self.callees[node]
                    if called in waves
                ),
                default=0,
            )
            waves.update(dict.fromkeys(component, wave))
        return waves

    def awaited(self, waves: Mapping[int, int]) -> set[int]:
        """Return the functions that a function of another file and a later wave calls."""
        return {
            called
            for node, wave in waves.items()
            for called in self.callees[node]
            if waves.get(called, wave) < wave and self.paths[called] != self.paths[node]
        }
