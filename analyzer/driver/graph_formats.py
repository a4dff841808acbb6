"""A call graph as text, JSON, Graphviz DOT, or SVG drawn by Graphviz."""

import json
import shutil
import subprocess

from analyzer.driver.graph import Edge, Graph, Node
from analyzer.source import SourceError

FORMATS = ("text", "json", "dot", "svg")
DOT_SECONDS = 60


def render_graph(graph: Graph, form: str) -> str:
    """Return the graph in one of FORMATS; raise SourceError when an SVG cannot be drawn."""
    return {"text": _text, "json": _json, "dot": _dot, "svg": _svg}[form](graph)


def _states(edge: Edge) -> str:
    words = []
    if edge.requires:
        words.append("requires " + ", ".join(edge.requires))
    if edge.leaves:
        words.append("leaves " + ", ".join(edge.leaves))
    return "; ".join(words)


def _place(node: Node) -> str:
    return f"{node.file}:{node.line}" if node.file else "not defined in this tree"


def _text(graph: Graph) -> str:
    lines = [f"{graph.root.name}  {_place(graph.root)}"]
    for title, edges, down in (("calls", graph.callees, True), ("called by", graph.callers, False)):
        lines.append(f"{title}:" if edges else f"{title}: nothing that has to do with the page lock is known")
        lines += _branch(graph.root, edges, down, "  ", frozenset({graph.root}), {graph.root})
    if graph.cut:
        lines.append("(cut off: the graph is too large; try a smaller --depth)")
    return "\n".join(lines) + "\n"


def _branch(
    node: Node, edges: tuple[Edge, ...], down: bool, indent: str, path: frozenset[Node], shown: set[Node]
) -> list[str]:
    """Return the lines below a node; what was shown before is not unfolded again."""
    lines = []
    for edge in edges:
        near, far = (edge.caller, edge.callee) if down else (edge.callee, edge.caller)
        if near != node:
            continue
        states = f"  [{_states(edge)}]" if _states(edge) else ""
        more = any((e.caller if down else e.callee) == far for e in edges)
        through = f" through ->{edge.through}" if edge.through else ""
        again = "  (recursive)" if far in path else "  (see above)" if far in shown and more else ""
        lines.append(f"{indent}{far.name}  {_place(far)}{states}  at {edge.caller.file}:{edge.line}{through}{again}")
        if not again:
            shown.add(far)
            lines += _branch(far, edges, down, indent + "  ", path | {far}, shown)
    return lines


def _json(graph: Graph) -> str:
    def node(one: Node) -> dict[str, object]:
        return {"name": one.name, "file": one.file or None, "line": one.line or None}

    def edge(one: Edge) -> dict[str, object]:
        return {
            "caller": node(one.caller),
            "callee": node(one.callee),
            "line": one.line,
            "requires": list(one.requires),
            "leaves": list(one.leaves),
            "through": one.through or None,
        }

    whole = {
        "root": node(graph.root),
        "callees": [edge(one) for one in graph.callees],
        "callers": [edge(one) for one in graph.callers],
        "cut": graph.cut,
    }
    return json.dumps(whole, indent=2) + "\n"


def _dot(graph: Graph) -> str:
    edges = sorted({*graph.callees, *graph.callers})
    nodes = sorted({graph.root, *(end for edge in edges for end in (edge.caller, edge.callee))})
    number = {node: f"n{index}" for index, node in enumerate(nodes)}
    lines = ["digraph page_lock {", "  rankdir=LR;", '  node [shape=box, fontname="monospace"];']
    for node in nodes:
        style = ", style=bold" if node == graph.root else "" if node.file else ", style=dashed"
        lines.append(f"  {number[node]} [label={_quote(node.name, _place(node))}{style}];")
    for edge in edges:
        words = [*([f"through ->{edge.through}"] if edge.through else []), *filter(None, _states(edge).split("; "))]
        label = f" [label={_quote(*words)}]" if words else ""
        lines.append(f"  {number[edge.caller]} -> {number[edge.callee]}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _quote(*lines: str) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _svg(graph: Graph) -> str:
    program = shutil.which("dot")
    if program is None:
        raise SourceError("--format svg needs Graphviz's `dot`, which is not installed; --format dot does not")
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=_dot(graph), capture_output=True, text=True, check=False, timeout=DOT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"dot: {error}") from error
    if done.returncode:
        raise SourceError(f"dot: {(done.stderr.strip().splitlines() or ['failed'])[0]}")
    return done.stdout
