"""Which names a function's text calls, and in which order to summarise the functions of a file.

Text-level and over-approximate: a name in a comment counts as a call. Calls
through a struct field are written `->field`.
"""

import re
from collections.abc import Mapping, Sequence

import rustworkx

_CALL = re.compile(rb"(->\s*|\.)?\b([A-Za-z_]\w*)\s*\(")
_NOT_CALLED = frozenset({"if", "while", "for", "switch", "return", "sizeof", "defined", "typeof", "__attribute__"})


def call_names(text: bytes) -> frozenset[str]:
    """Return the names that a text calls; a call through a field is written `->field`."""
    found = set()
    for match in _CALL.finditer(text):
        name = match[2].decode("ascii")
        if name not in _NOT_CALLED:
            found.add(f"->{name}" if match[1] else name)
    return frozenset(found)


def call_order(names: Sequence[str], callees: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Return the strongly connected components of the call graph, callees before callers, names sorted within."""
    graph: rustworkx.PyDiGraph[str, None] = rustworkx.PyDiGraph()
    node_by_name = {name: graph.add_node(name) for name in names}
    for caller in names:
        for callee in sorted(callees[caller]):
            if callee in node_by_name:
                graph.add_edge(node_by_name[caller], node_by_name[callee], None)
    components = rustworkx.strongly_connected_components(graph)
    return [sorted(graph[node] for node in component) for component in components]
