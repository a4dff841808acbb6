"""Laws of the solver: joins go up, the fixpoint is deterministic, and no soup of statements raises."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.cfg import build_cfg
from analyzer.dataflow import Analysis, analyse, anatomy_of, make_knowledge
from analyzer.dataflow.state import Object, State, join
from analyzer.dataflow.values import Value
from analyzer.driver.fileanalysis import idioms_of
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, load_model
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function

MODEL = load_model()
SELECTED = MODEL.select(None)
IDIOMS = idioms_of(MODEL)
KNOWLEDGE = make_knowledge(SELECTED, lambda *_: None, lambda *_: None, lambda *_: False)

NAMES = st.sampled_from(["a", "b", "c"])
VALUES: st.SearchStrategy[Value] = st.sampled_from(
    [("c", 0), ("c", 1), ("c", -2), ("k", "FLAG"), ("p", "a"), ("p", "b"), ("r", 10), ("l", ("p", "a"), "next")]
)
MASKS = st.integers(1, ANY - 1)


@st.composite
def states(draw: st.DrawFn) -> State:
    state = State()
    state.env = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    facts = draw(st.dictionaries(VALUES.filter(lambda v: v[0] not in ("c", "k")), MASKS, max_size=3))
    state.facts = facts
    return state


def weaker(high: State, low: State) -> bool:
    """Tell whether everything that `high` claims of a variable's class, or of a value, holds in `low`."""
    variables = all(high.mask(v) | low.mask(low.env[n]) == high.mask(v) for n, v in high.env.items() if n in low.env)
    known = {value: mask for value, mask in high.facts.items() if value[0] != "j"}
    return variables and all(low.mask(value) & ~mask == 0 for value, mask in known.items())


@given(states())
def test_join_with_itself_changes_nothing(state: State) -> None:
    joined, changed = join(state, state.copy(), 1)

    assert not changed
    assert (joined.env, joined.facts) == (state.env, state.facts)


@given(states(), states())
def test_join_is_above_both_sides(left: State, right: State) -> None:
    joined, _ = join(left, right, 1)

    assert weaker(joined, left)
    assert weaker(joined, right)


@given(states(), states())
def test_join_forgets_the_same_from_either_side(left: State, right: State) -> None:
    one, other = join(left, right, 1)[0], join(right, left, 1)[0]

    assert one.env == other.env
    assert one.facts == other.facts


@given(states(), states())
def test_join_settles(left: State, right: State) -> None:
    """Joining the same again is no news, so a loop ends."""
    once, _ = join(left, right, 1)
    twice, changed = join(once, right, 1)

    assert not changed
    assert (twice.env, twice.facts) == (once.env, once.facts)


@given(st.lists(st.tuples(VALUES, st.booleans()), max_size=6))
def test_an_assumption_only_ever_narrows(assumptions: list[tuple[Value, bool]]) -> None:
    state = State()
    before: dict[Value, int] = {}
    for value, truth in assumptions:
        if not state.assume(value, truth):
            return
        for known, mask in before.items():
            assert state.mask(known) & ~mask == 0
        before[value] = state.mask(value)
        assert state.mask(value) & ((POSITIVE | NEGATIVE) if truth else ZERO)


@given(VALUES, st.booleans())
def test_a_condition_and_its_opposite_contradict(value: Value, truth: bool) -> None:
    state = State()
    if state.assume(value, truth):
        assert not state.assume(value, not truth)


def test_states_with_different_facets_have_different_keys() -> None:
    one, other = State(), State()
    blank = (None,) * len(SELECTED.facets)
    one.objects[("p", "a")] = Object(("locked", *blank[1:]), acquired=1, first=blank)
    other.objects[("p", "a")] = Object(("unlocked", *blank[1:]), first=blank)

    held = tuple(facet.held for facet in SELECTED.facets)
    assert one.key(held) != other.key(held)


CONDITIONS = st.sampled_from(
    [
        "n",
        "!p",
        "trylock_page(p)",
        "!trylock_page(q)",
        "n > 3",
        "IS_ERR(q)",
        "p == q",
        "n && trylock_page(p)",
        "f & FLAG",
    ]
)
SIMPLE = st.sampled_from(
    [
        "lock_page(p);", "unlock_page(p);", "lock_page(q);", "unlock_page(q);", "q = p;", "q = find_lock_page(m, n);",
        "n = trylock_page(p);", "t->page = q;", "q = t->page;", "n++;", "put_page(p);", "use(p);", "p = t->next;",
        "n = lock_page_killable(q);", "list_add(&q->lru, &t->list);", "folio_unlock(page_folio(q));", "n = = 3;", ";",
        "asm volatile(\"\");", "return n;", "return;", "goto out;", "goto again;", "WARN_ON(!trylock_page(p));",
    ]
)  # fmt: skip


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    block = st.lists(inner, max_size=4).map(lambda parts: "{ " + " ".join(parts) + " }")
    return st.one_of(
        st.builds("if ({}) {} else {}".format, CONDITIONS, block, block),
        st.builds("while ({}) {}".format, CONDITIONS, block),
        st.builds("do {} while ({});".format, block, CONDITIONS),
        st.builds("for (n = 0; {}; n++) {}".format, CONDITIONS, block),
        st.builds("switch (n) {{ case 1: {} case 2: {} break; default: {} }}".format, inner, inner, block),
        block,
    )


SOUPS = st.lists(st.recursive(SIMPLE, _compound, max_leaves=8), max_size=8).map(
    lambda parts: (
        "static int soup(struct page *p, struct thing *t, int n, int f)\n{\nstruct page *q = NULL;\nagain:\n"
        + "\n".join(parts)
        + "\nout:\nreturn n;\n}\n"
    )
)


def _analyse(text: str) -> list[Analysis]:
    source = SourceText("soup.c", text.encode())
    return [
        analyse(anatomy_of(build_cfg(parsed, source.path, IDIOMS)), KNOWLEDGE)
        for function in outline(source).functions
        for parsed in parse_function(source, function)
    ]


@given(SOUPS)
def test_soup_of_statements_never_raises_and_gives_the_same_twice(text: str) -> None:
    first = _analyse(text)

    assert len(first) == 1
    assert first == _analyse(text)


@given(SOUPS)
def test_no_finding_rests_on_an_exit_that_is_not_there(text: str) -> None:
    for analysis in _analyse(text):
        assert all(0 <= sight.at < len(text) for sight in analysis.sights)
        assert not (analysis.bounded and analysis.sights)
