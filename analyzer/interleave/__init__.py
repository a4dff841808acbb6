"""Explicit-state search over concurrent contexts that act on one page.

Contexts are finite automata (`Context`, built with `ContextBuilder`), the
shared state and the invariants are data (`Page`, `Invariant`), and `search`
gives the shortest trace to each invariant that some interleaving breaks.

`extract` gets a context from C: `vocabulary` says which call is which step
(`rules/race.toml`), `routines` finds and lowers the functions, and the walk
has one node for each state of the thread (`configuration`, `symbols`), one
edge for each step on the page, and a choice for each branch. `connect` puts contexts one after the other
(isolate, then migrate), `only_while_owned` ties a freeing owner to what it
owns, and `search` removes silent edges by itself.
"""

from analyzer.interleave.automaton import (
    DISOWN,
    GET,
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
    list_add,
    list_del,
    listed_is,
    local_is,
    owned_is,
    release,
    set_flag,
    set_local,
)
from analyzer.interleave.page import Flag, Invariant, Page, Trigger, standard_invariants
from analyzer.interleave.search import DEFAULT_MAX_STATES, SearchResult, TraceStep, Violation, search
from analyzer.interleave.trace import finding_steps
from analyzer.interleave.transform import compress, connect, only_while_owned

__all__ = [
    "DEFAULT_MAX_STATES",
    "DISOWN",
    "GET",
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
    "finding_steps",
    "flag_is",
    "list_add",
    "list_del",
    "listed_is",
    "local_is",
    "only_while_owned",
    "owned_is",
    "release",
    "search",
    "set_flag",
    "set_local",
    "standard_invariants",
]
