"""Shrinking and joining contexts must not change what a search finds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.interleave import (
    DISOWN,
    GET,
    PUT,
    Atom,
    Context,
    ContextBuilder,
    Edge,
    Flag,
    Page,
    acquire,
    busy,
    callback,
    compress,
    connect,
    flag_is,
    only_while_owned,
    release,
    search,
    set_flag,
    set_local,
    standard_invariants,
)
from analyzer.source import RuleError
from tests.unit.interleave.sequences import Scenario, broken, v3, v4, v6_17

PAGE = Page(lock="L", flags=(Flag("mark"),))
RULES = standard_invariants(PAGE)
ATOMS = [
    GET,
    PUT,
    DISOWN,
    acquire("L"),
    busy("L"),
    release("L"),
    set_flag("mark"),
    flag_is("mark"),
    callback("isolate"),
]


def test_silent_edges_go_and_nodes_are_numbered_from_zero() -> None:
    builder = ContextBuilder("A", "test")
    builder.edge("entry", "middle")
    builder.edge("middle", "loop")
    builder.edge("loop", "middle")
    builder.edge("loop", "end", GET, text="get")
    builder.edge("unreachable", "end", PUT, text="put")

    assert compress(builder.build("entry")).edges == (Edge(0, 1, (GET,), None, "get"),)


def test_nodes_with_equal_steps_become_one() -> None:
    builder = ContextBuilder("A", "test")
    for arm in ("left", "right"):
        builder.edge("entry", arm, set_flag("mark"), text="set")
        builder.edge(arm, f"{arm} end", PUT, text="put")

    assert compress(builder.build("entry")).edges == (
        Edge(0, 1, (set_flag("mark"),), None, "set"),
        Edge(1, 2, (PUT,), None, "put"),
    )


def test_equal_loops_become_one() -> None:
    builder = ContextBuilder("A", "test")
    for here, there in (("a", "b"), ("b", "c"), ("c", "a")):
        builder.edge(here, there, set_flag("mark"), text="set")

    assert compress(builder.build("a")).edges == (Edge(0, 0, (set_flag("mark"),), None, "set"),)


def test_exit_behind_silent_edges_is_kept() -> None:
    builder = ContextBuilder("A", "test")
    builder.edge("entry", "middle", GET)
    builder.edge("middle", "out")
    builder.exit("done", "out")

    assert compress(builder.build("entry")).exits == (("done", 1),)


def test_exit_keeps_its_node_apart() -> None:
    builder = ContextBuilder("A", "test")
    builder.edge("entry", "out", GET)
    builder.edge("entry", "dead end", GET)
    builder.exit("done", "out")

    assert len(compress(builder.build("entry")).nodes) == 3


@pytest.mark.parametrize("scenario", [v3(), v4(recheck=False), v6_17(callback_refuses=False)], ids=["v3", "v4", "6.17"])
def test_compress_is_idempotent_on_the_protocol(scenario: Scenario) -> None:
    for context in scenario.contexts:
        once = compress(context)
        assert compress(once) == once
        assert all(edge.atoms for edge in once.edges)


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    nodes = st.integers(min_value=0, max_value=4)
    atoms = st.lists(st.sampled_from(ATOMS), max_size=2).map(tuple)
    edges = draw(st.lists(st.builds(Edge, nodes, nodes, atoms), max_size=8))
    return Context("A", "test", 0, tuple(edges))


def incompressible(context: Context) -> Context:
    """Return the context with no silent edge to remove and no two nodes to merge."""
    edges = tuple(
        replace(edge, atoms=edge.atoms or (set_local("tick"),), text=f"{number}")
        for number, edge in enumerate(context.edges)
    )
    return replace(context, edges=edges)


@settings(max_examples=80, deadline=None)
@given(st.lists(contexts(), min_size=1, max_size=2))
def test_compress_keeps_what_a_search_finds(given_contexts: list[Context]) -> None:
    page = Page(lock="L", flags=(Flag("mark"),), max_references=3)
    bulky = [incompressible(context) for context in given_contexts]

    assert broken(search(page, given_contexts, RULES)) == broken(search(page, bulky, RULES))


def test_connect_runs_the_second_where_the_first_leaves() -> None:
    first = ContextBuilder("A", "isolator")
    first.edge("entry", "yes", GET, text="get")
    first.edge("entry", "no", busy("L"), text="busy")
    first.exit("isolated", "yes")
    first.exit("skipped", "no")
    second = ContextBuilder("B", "migrator")
    second.edge("entry", "end", PUT, text="put")
    second.exit("migrated", "end")

    joined = compress(connect(first.build("entry"), "isolated", second.build("entry")))

    assert (joined.name, joined.role) == ("A", "isolator")
    assert [(edge.source, edge.target, edge.text) for edge in joined.edges] == [
        (0, 1, "get"),
        (0, 2, "busy"),
        (1, 3, "put"),
    ]
    assert set(joined.exits) == {("skipped", 2), ("migrated", 3)}


def test_connect_needs_the_exit() -> None:
    context = ContextBuilder("A", "test").build("entry")

    with pytest.raises(RuleError, match="context A: no exit is called 'isolated'"):
        connect(context, "isolated", context)


def _drop(name: str, *before: Atom) -> Context:
    builder = ContextBuilder(name, "owner")
    builder.edge("entry", "locked", acquire("L"), text="lock")
    builder.edge("locked", "disowned", *before, DISOWN, text="forget")
    builder.edge("disowned", "unlocked", release("L"), text="unlock")
    builder.edge("unlocked", "end", PUT, text="put")
    return builder.build("entry")


def test_owner_that_checks_ownership_does_not_drop_the_page_twice() -> None:
    owner = _drop("A")

    assert "refcount-underflow" in broken(search(PAGE, [owner, owner], RULES))
    careful = only_while_owned(owner, "L")
    assert broken(search(PAGE, [careful, careful], RULES)) == set()
