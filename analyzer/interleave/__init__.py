"""Explicit-state search over concurrent contexts that act on one page.

Contexts are finite automata (`Context`, built with `ContextBuilder`), the
shared state and the invariants are data (`Page`, `Invariant`), and `search`
gives the shortest trace to each invariant that some interleaving breaks.
"""

from analyzer.interleave.automaton import (
    DISOWN,
    GET,
    LIST_ADD,
    LIST_DEL,
    PUT,
    REFERENCED,
    UNREFERENCED,
    Atom,
    Context,
    ContextBuilder,
    Edge,
    Op,
    Place,
    acquire,
    busy,
    callback,
    flag_is,
    local_is,
    owned_is,
    release,
    set_flag,
    set_local,
)
from analyzer.interleave.page import Flag, Invariant, Page, Trigger, standard_invariants
from analyzer.interleave.search import DEFAULT_MAX_STATES, SearchResult, TraceStep, Violation, search
from analyzer.interleave.transform import compress, connect, only_while_owned

__all__ = [
    "DEFAULT_MAX_STATES",
    "DISOWN",
    "GET",
    "LIST_ADD",
    "LIST_DEL",
    "PUT",
    "REFERENCED",
    "UNREFERENCED",
    "Atom",
    "Context",
    "ContextBuilder",
    "Edge",
    "Flag",
    "Invariant",
    "Op",
    "Page",
    "Place",
    "SearchResult",
    "TraceStep",
    "Trigger",
    "Violation",
    "acquire",
    "busy",
    "callback",
    "compress",
    "connect",
    "flag_is",
    "local_is",
    "only_while_owned",
    "owned_is",
    "release",
    "search",
    "set_flag",
    "set_local",
    "standard_invariants",
]
