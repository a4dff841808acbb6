"""The search itself, on contexts small enough to follow by hand."""

import pytest

from analyzer.interleave import (
    DISOWN,
    GET,
    PUT,
    REFERENCED,
    UNREFERENCED,
    Atom,
    Context,
    ContextBuilder,
    Flag,
    Invariant,
    Op,
    Page,
    Place,
    Trigger,
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
    search,
    set_flag,
    set_local,
    standard_invariants,
)
from analyzer.source import RuleError
from tests.unit.interleave.sequences import broken, v3

PAGE = Page(
    lock="L", flags=(Flag("mark"), Flag("back", initial=True, on_page=False, after_free=None)), other_locks=("M",)
)
RULES = standard_invariants(PAGE)
REACHED = Invariant("reached", "reached", (Trigger(Op.CALLBACK, "here"),), ())


def line(name: str, *steps: Atom | tuple[Atom, ...]) -> Context:
    """Return a context that does the steps in order."""
    builder = ContextBuilder(name, "test")
    for index, step in enumerate(steps):
        atoms = step if isinstance(step, tuple) else (step,)
        builder.edge(index, index + 1, *atoms, text=" ".join(f"{atom.op}" for atom in atoms))
    return builder.build(0)


def reached(*contexts: Context, page: Page = PAGE) -> bool:
    """Say whether the marker callback("here") can be reached."""
    return bool(search(page, contexts, (REACHED,)).violations)


HERE = callback("here")


def test_balanced_contexts_break_nothing() -> None:
    one = line("A", (REFERENCED, GET), acquire("L"), set_flag("mark"), release("L"), PUT)

    result = search(PAGE, [one, one], RULES)

    assert (result.violations, result.complete, result.incomplete_because) == ((), True, "")


@pytest.mark.parametrize(
    ("context", "invariant"),
    [
        (line("A", DISOWN, callback("isolate")), "isolate-released-page"),
        (line("A", DISOWN, callback("migrate")), "callback-on-released-page"),
        (line("A", DISOWN, callback("putback")), "callback-on-released-page"),
        (line("A", list_add(), list_add()), "page-on-two-lists"),
        (line("A", PUT, set_flag("mark")), "flag-after-last-reference"),
        (line("A", PUT, acquire("L")), "flag-after-last-reference"),
        (line("A", acquire("L"), PUT, release("L")), "flag-after-last-reference"),
        (line("A", PUT, PUT), "refcount-underflow"),
        (line("A", release("L")), "unlock-by-non-holder"),
        (line("A", release("M")), "unlock-by-non-holder"),
    ],
)
def test_one_step_breaks_one_invariant(context: Context, invariant: str) -> None:
    assert broken(search(PAGE, [context], RULES)) == {invariant}


@pytest.mark.parametrize(
    "context",
    [
        line("A", callback("isolate"), DISOWN),
        line("A", list_add(), list_del(), list_add()),
        line("A", PUT, set_flag("back", False), flag_is("mark", False)),
        line("A", PUT, acquire("M"), release("M")),
        line("A", acquire("L"), release("L"), PUT),
    ],
)
def test_near_miss_breaks_nothing(context: Context) -> None:
    assert broken(search(PAGE, [context], RULES)) == set()


def test_lock_excludes_the_other_context() -> None:
    critical = (acquire("L"), set_flag("mark"), set_flag("mark", False), release("L"))

    assert not reached(line("A", *critical), line("B", acquire("L"), flag_is("mark"), HERE))
    assert reached(line("A", *critical), line("B", acquire("M"), flag_is("mark"), HERE))


def test_failed_trylock_needs_a_holder() -> None:
    assert not reached(line("A", busy("L"), HERE))
    assert reached(line("A", busy("L"), HERE), line("B", acquire("L")))


def test_acquire_of_a_held_lock_waits_even_for_its_holder() -> None:
    assert not reached(line("A", acquire("L"), acquire("L"), HERE))


def test_edge_is_atomic_and_guards_see_the_effects_before_them() -> None:
    assert not reached(line("A", (set_flag("mark"), set_flag("mark", False))), line("B", flag_is("mark"), HERE))
    assert reached(line("A", (set_flag("mark"), flag_is("mark")), HERE))
    assert not reached(line("A", (set_flag("mark"), flag_is("mark", False)), HERE))


def test_contradicting_guards_disable_the_edge() -> None:
    assert not reached(line("A", (flag_is("mark"), flag_is("mark", False)), HERE))
    assert not reached(line("A", (flag_is("mark", False), flag_is("mark")), HERE))


def test_local_bits_belong_to_one_context() -> None:
    assert reached(line("A", set_local("seen"), local_is("seen"), HERE))
    assert not reached(line("A", set_local("seen")), line("B", local_is("seen"), HERE))


def test_free_gives_flags_their_value_after_free() -> None:
    page = Page(
        lock="L", flags=(Flag("a", initial=True), Flag("b", after_free=True), Flag("c", initial=True, after_free=None))
    )

    assert reached(line("A", PUT, (flag_is("a", False), flag_is("b"), flag_is("c")), HERE), page=page)


def test_freed_page_is_not_referenced_again() -> None:
    assert reached(line("A", PUT, UNREFERENCED, HERE))
    assert not reached(line("A", PUT, REFERENCED, HERE))


def test_owned_is_follows_disown() -> None:
    assert reached(line("A", owned_is(), DISOWN, owned_is(False), HERE))
    assert not reached(line("A", DISOWN, owned_is(), HERE))


def test_shared_list_is_one_list_for_all() -> None:
    page = Page(lock="L", flags=(), lists=("pool",), on_lists=("pool",))
    leave = list_del("pool")

    assert broken(search(page, [line("A", list_add())], standard_invariants(page))) == {"page-on-two-lists"}
    assert broken(search(page, [line("A", leave, list_add()), line("B", leave)], standard_invariants(page))) == set()


def test_guard_on_a_list_by_name_or_on_any() -> None:
    page = Page(lock="L", flags=(), lists=("pool", "other"), on_lists=("pool",))

    assert reached(line("A", (listed_is("pool"), listed_is("other", False), listed_is()), HERE), page=page)
    assert not reached(line("A", list_del("pool"), listed_is(), HERE), page=page)


def test_trace_prefers_few_switches_and_the_first_context() -> None:
    """Twelve interleavings of the same length; the drawing that reads best has each context in one piece."""
    one = line("A", GET, GET, set_flag("mark"))
    two = line("B", GET, GET, (flag_is("mark"), HERE))

    (violation,) = search(PAGE, [one, two], (REACHED,)).violations

    assert [step.context for step in violation.trace] == ["A", "A", "A", "B", "B", "B"]


def test_trace_steps_carry_place_and_role() -> None:
    builder = ContextBuilder("A", "isolator")
    place = Place("mm/demo.c", 7, "demo")
    builder.edge("start", "end", HERE, text="calls", place=place)

    ((step,),) = (violation.trace for violation in search(PAGE, [builder.build("start")], (REACHED,)).violations)

    assert (step.context, step.role, step.place, step.text) == ("A", "isolator", place, "calls")


def test_run_ends_at_an_invariant_that_ends_it() -> None:
    context = line("A", DISOWN, callback("migrate"), list_add(), list_add())

    assert broken(search(PAGE, [context], RULES)) == {"callback-on-released-page"}


def test_state_bound_is_reported() -> None:
    scenario = v3()

    cut = search(scenario.page, scenario.contexts, scenario.invariants, max_states=100)

    assert (cut.complete, cut.states, cut.incomplete_because) == (False, 100, "more than 100 states")


def test_bound_that_just_suffices_is_not_reported() -> None:
    scenario = v3()
    states = scenario.search().states

    assert search(scenario.page, scenario.contexts, scenario.invariants, max_states=states).complete


def test_reference_bound_is_reported() -> None:
    builder = ContextBuilder("A", "leaker")
    builder.edge("loop", "loop", GET)

    result = search(Page(lock="L", flags=(), max_references=4), [builder.build("loop")], ())

    assert (result.complete, result.states) == (False, 4)
    assert result.incomplete_because == "reference count above its bound"


def test_same_input_gives_the_same_result() -> None:
    assert v3().search() == v3().search()


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (line("A", flag_is("nope")), "the page has no flag called 'nope'"),
        (line("A", acquire("nope")), "the page has no lock called 'nope'"),
        (line("A", list_add("nope")), "the page has no list called 'nope'"),
    ],
)
def test_unknown_name_is_an_error(context: Context, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        search(PAGE, [context], RULES)


def test_search_without_contexts_is_an_error() -> None:
    with pytest.raises(RuleError, match="at least one context"):
        search(PAGE, [], RULES)


def test_page_must_start_with_a_reference() -> None:
    with pytest.raises(RuleError, match="must start with a reference"):
        search(Page(lock="L", flags=(), references=0), [line("A", GET)], ())


def test_names_of_a_page_are_unique() -> None:
    with pytest.raises(RuleError, match="more than one flag, lock or list called 'L'"):
        search(Page(lock="L", flags=(Flag("L"),)), [line("A", GET)], ())


def test_invariant_conditions_are_guards() -> None:
    with pytest.raises(RuleError, match="invariant x: get is not a guard"):
        Invariant("x", "x", (Trigger(Op.PUT),), (GET,))


def test_invariant_cannot_ask_about_local_bits() -> None:
    with pytest.raises(RuleError, match="cannot ask about the local bit 'seen'"):
        search(PAGE, [line("A", PUT)], (Invariant("x", "x", (Trigger(Op.PUT),), (local_is("seen"),)),))
