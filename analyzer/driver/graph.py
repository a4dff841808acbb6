"""`pagelint graph`: the call graph around one function, as far as it has to do with the page lock.

The whole-program snapshot says which functions do something to a page. The
files that the graph comes through are summarised once more, static functions
included, in the view of the model that has the lock. A call through a field has
an edge to each function that some table binds to a field of that name and that
does something to the lock, whatever the struct (over-approximation), unless a
contract speaks of the field. Callbacks are summarised as if their caller had
promised nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from analyzer.dataflow import Case, Summary, analyse, anatomy_of, join_summaries, make_knowledge
from analyzer.driver.analysis import open_analysis
from analyzer.driver.fileanalysis import functions_of, idioms_of, lower_file
from analyzer.driver.options import Options
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.trees import Trees
from analyzer.ir import Field
from analyzer.program import call_order
from analyzer.rulespec import NEGATIVE, POSITIVE, ZERO, Model
from analyzer.source import AnalyzerError, FolderTree, SourceError, SourceText, Tree, search_definitions
from analyzer.syntax import FunctionText

FACET = "lock"
MAX_NODES = 400
DEPTH = 3

_RESULTS = {
    ZERO: "result is 0",
    POSITIVE | NEGATIVE: "result is not 0",
    POSITIVE: "result is above 0",
    NEGATIVE: "result is an error",
    ZERO | POSITIVE: "result is no error",
    ZERO | NEGATIVE: "result is 0 or an error",
}


@dataclass(frozen=True, order=True)
class Node:
    """A function; `line` is 0 and `file` "" for one that the model knows and the tree does not define."""

    name: str
    file: str
    line: int


@dataclass(frozen=True, order=True)
class Edge:
    """A call at `line` of the caller's file: the lock state that it requires, and those that it may leave.

    `through` is the field of an indirect call, "" for a direct one.
    """

    caller: Node
    callee: Node
    line: int
    requires: tuple[str, ...]
    leaves: tuple[str, ...]
    through: str = ""


@dataclass(frozen=True)
class Graph:
    """`root` with the edges below it and above it; sorted, each edge once. `cut` says that MAX_NODES was hit."""

    root: Node
    callees: tuple[Edge, ...]
    callers: tuple[Edge, ...]
    cut: bool


def build_graph(function: str, tree: Path, options: Options, depth: int = DEPTH) -> Graph:
    """Return the graph around `function`, `depth` calls down and up.

    `function` is a name, or FILE:NAME when several files define it. Raises
    SourceError when no file, or more than one, does.
    """
    with open_analysis(options) as analysis:
        trees = Trees(analysis)
        snapshot = trees.folder(tree).snapshot
        model = analysis.knobs.model.select(lambda condition: snapshot.conditions.get(condition, False))
    view = next((v for v in model.all_views() if FACET in v.facets), None)
    if view is None:
        raise SourceError(f"the model has no facet called {FACET!r}")
    return _Builder(FolderTree(tree), snapshot, model.project(view), view.name).build(function, depth)


@dataclass(frozen=True)
class _File:
    """One file: its functions by name with their place and callees, and what each does to the lock."""

    lines: Mapping[str, int]
    callees: Mapping[str, Mapping[str, int]]
    summaries: Mapping[str, Summary]
    static: frozenset[str]


class _Builder:
    def __init__(self, tree: Tree, snapshot: Snapshot, model: Model, view: str) -> None:
        self.tree = tree
        self.snapshot = snapshot
        self.model = model
        self.view = view
        self.facet = next(number for number, facet in enumerate(model.facets) if facet.name == FACET)
        self.lock_events = frozenset(p.callee for e in model.events if e.facet == FACET for p in e.calls)
        self.shared: dict[str, dict[str, Summary]] = {}
        for path, result in sorted(snapshot.results.items()):
            for summary in result.summaries:
                if summary.view == view:
                    self.shared.setdefault(summary.name, {})[path] = summary
        self.bound: dict[str, set[tuple[str, str]]] = {}
        """(function, file of the table) by the field that it is bound to."""
        for path, result in sorted(snapshot.results.items()):
            for entry in result.tables:
                if (
                    entry.field in snapshot.operations
                    and entry.summary is not None
                    and entry.summary.view == view
                    and entry.matters
                ):
                    self.bound.setdefault(entry.field, set()).add((entry.function, path))
        self.files: dict[str, _File] = {}
        self.nodes: set[Node] = set()
        self.cut = False

    def build(self, function: str, depth: int) -> Graph:
        root = self._root(function)
        self.nodes.add(root)
        callees = self._spread(root, depth, self._down)
        callers = self._spread(root, depth, self._up)
        return Graph(root, tuple(sorted(callees)), tuple(sorted(callers)), self.cut)

    def _root(self, function: str) -> Node:
        file, _, name = function.rpartition(":")
        found = search_definitions(self.tree, [file] if file else sorted(self.snapshot.files), [name])
        nodes = [
            Node(name, path, self._file(path).lines[name]) for path in sorted(found) if name in self._file(path).lines
        ]
        if (
            not nodes
            and not file
            and name in self.lock_events
            and any(name in hits for hits in self.snapshot.hits.values())
        ):
            return Node(name, "", 0)
        if not nodes:
            raise SourceError(f"{function}: no function of this name is defined {'there' if file else 'in the tree'}")
        own = [node for node in nodes if not node.file.endswith(".h")] or nodes
        if len(own) > 1:
            places = ", ".join(node.file for node in own[:4]) + (", ..." if len(own) > 4 else "")
            raise SourceError(f"{function}: defined in {len(own)} files ({places}); say FILE:{name}")
        return own[0]

    def _spread(self, root: Node, depth: int, step: Callable[[Node], Iterator[tuple[Edge, Node]]]) -> set[Edge]:
        """Return the edges that `depth` steps from the root come upon."""
        edges: set[Edge] = set()
        layer = [root]
        seen = {root}
        for _ in range(depth):
            following: list[Node] = []
            for node in layer:
                for edge, other in step(node):
                    if other not in self.nodes and len(self.nodes) >= MAX_NODES:
                        self.cut = True
                        continue
                    self.nodes.add(other)
                    edges.add(edge)
                    if other not in seen:
                        seen.add(other)
                        following.append(other)
            layer = sorted(following)
        return edges

    def _down(self, node: Node) -> Iterator[tuple[Edge, Node]]:
        if node.name in self.lock_events or not node.file:
            return
        for name, line in sorted(self._file(node.file).callees.get(node.name, {}).items()):
            field = name.removeprefix("->") if name.startswith("->") else ""
            for function, path in sorted(self.bound.get(field, ())) if field else [(name, node.file)]:
                callee = self._callee(function, path)
                if callee is not None:
                    yield self._edge(node, callee, line, field), callee

    def _up(self, node: Node) -> Iterator[tuple[Edge, Node]]:
        yield from self._direct_callers(node)
        for field, bound in sorted(self.bound.items()):
            if any(function == node.name and self._callee(function, path) == node for function, path in bound):
                for path in sorted(p for p, hits in self.snapshot.hits.items() if f"->{field}" in hits):
                    yield from self._calls_in(path, f"->{field}", node, field)

    def _direct_callers(self, node: Node) -> Iterator[tuple[Edge, Node]]:
        static = bool(node.file) and node.name in self._file(node.file).static and not node.file.endswith(".h")
        mentioning = {path for path, hits in self.snapshot.hits.items() if node.name in hits}
        for path in sorted({node.file} if static else (mentioning | {node.file}) - {""}):
            file = self._file(path)
            if path != node.file and node.name in file.lines:
                continue
            yield from self._calls_in(path, node.name, node, "")

    def _calls_in(self, path: str, callee: str, node: Node, through: str) -> Iterator[tuple[Edge, Node]]:
        file = self._file(path)
        for name, callees in sorted(file.callees.items()):
            if callee in callees and name != callee:
                caller = Node(name, path, file.lines[name])
                yield self._edge(caller, node, callees[callee], through), caller

    def _callee(self, name: str, file: str) -> Node | None:
        """Return what a call means, None if it does nothing to a page's lock."""
        here = self._file(file)
        if name in here.lines:
            concerned = name in self.lock_events or self._about_lock(here.summaries.get(name))
            return Node(name, file, here.lines[name]) if concerned else None
        others = {path: s for path, s in self.shared.get(name, {}).items() if self._about_lock(s)}
        near = sorted(others, key=lambda path: (-_common(path, file), path))
        for path in near:
            if name in self._file(path).lines:
                return Node(name, path, self._file(path).lines[name])
        return Node(name, "", 0) if name in self.lock_events else None

    def _about_lock(self, summary: Summary | None) -> bool:
        return summary is not None and any(
            change.facet == self.facet for case in summary.cases for effect in case.effects for change in effect.changes
        )

    def _edge(self, caller: Node, callee: Node, line: int, through: str) -> Edge:
        requires, leaves = self._event_states(callee.name)
        if callee.name not in self.lock_events and callee.file:
            summary = self._file(callee.file).summaries.get(callee.name)
            requires, leaves = self._summary_states(summary.cases if summary is not None else ())
        return Edge(caller, callee, line, tuple(sorted(requires)), tuple(sorted(leaves)), through)

    def _event_states(self, name: str) -> tuple[set[str], set[str]]:
        requires: set[str] = set()
        leaves: set[str] = set()
        for event in self.model.events:
            if event.facet == FACET and any(pattern.callee == name for pattern in event.calls):
                requires |= {event.requires} - {""}
                bit = f"result has {'' if event.when.bit_set else 'not '}{event.when.bit}" if event.when.bit else ""
                leaves |= {_under(event.to, bit or _RESULTS.get(event.when.mask, ""))} - {""}
        return requires, leaves

    def _summary_states(self, cases: Iterable[Case]) -> tuple[set[str], set[str]]:
        requires: set[str] = set()
        masks: dict[str, int] = {}
        for case in cases:
            for effect in case.effects:
                for change in effect.changes:
                    if change.facet == self.facet:
                        requires |= {change.requires} - {""}
                        state = "unknown" if change.to is None else change.to
                        masks[state] = masks.get(state, 0) | case.mask
        return requires, {_under(state, _RESULTS.get(mask, "")) for state, mask in masks.items() if state}

    # -- one file

    def _file(self, path: str) -> _File:
        if path not in self.files:
            self.files[path] = self._summarise(path)
        return self.files[path]

    def _summarise(self, path: str) -> _File:
        lowered = lower_file(path, self.tree.read(path))
        idioms = idioms_of(self.model)
        local: dict[str, Summary] = {}

        def summary_of(name: str, _: str) -> Summary | None:
            if name in local:
                return None if local[name].trivial else local[name]
            others = self.shared.get(name)
            return join_summaries(name, list(others.values())) if others else None

        def operation_of(callee: Field) -> Summary | None:
            operation = self.snapshot.operations.get(callee.name)
            return operation.effect("", self.view) if operation is not None else None

        knowledge = make_knowledge(self.model, summary_of, operation_of, lambda *_: None)
        names = self.lock_events | self.shared.keys() | {f"->{field}" for field in self.bound}
        for component in call_order(sorted(lowered.definitions), lowered.callees):
            for name in component:
                if not lowered.callees[name] & (names | local.keys()):
                    continue
                found = []
                for item in lowered.definitions[name]:
                    try:
                        found += [
                            analyse(anatomy_of(f), knowledge).summary for f in functions_of(lowered, item, idioms)
                        ]
                    except (AnalyzerError, RecursionError):
                        found.append(Summary(name, path, opaque=True))
                summary = join_summaries(name, found)
                if not summary.trivial:
                    local[name] = summary
        lines = {}
        callees: dict[str, dict[str, int]] = {}
        static = set()
        for name, items in lowered.definitions.items():
            lines[name] = lowered.source.position(items[0].name_offset)[0]
            callees[name] = {
                callee: _first_line(lowered.source, callee, items)
                for callee in lowered.callees[name]
                if not callee.startswith("->") or callee[2:] in self.bound
            }
            if all(item.is_static for item in items):
                static.add(name)
        return _File(lines, callees, local, frozenset(static))


def _first_line(source: SourceText, callee: str, items: Iterable[FunctionText]) -> int:
    """Return the line of the first call of a name in some functions, that of the first function if there is none."""
    through = callee.startswith("->")
    call = re.compile((rb"(?:->|\.)\s*" if through else rb"\b") + callee.removeprefix("->").encode() + rb"\s*\(")
    starts = []
    for item in items:
        found = call.search(source.data, item.body, item.end)
        starts.append(found.start() if found is not None else item.body)
    return source.position(min(starts))[0]


def _common(left: str, right: str) -> int:
    """Return how many leading folders two paths share."""
    pairs = zip(left.split("/")[:-1], right.split("/")[:-1], strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), len(left.split("/")))


def _under(state: str, condition: str) -> str:
    return f"{state} if {condition}" if state and condition else state
