"""Summaries: what a caller is told of a function, seen through the callers' findings and the cases themselves."""

from analyzer.cfg import build_cfg
from analyzer.dataflow import Summary, analyse, anatomy_of, join_summaries, make_knowledge
from analyzer.dataflow.summary import MAX_CASES, Case, Change, Effect, merge_cases
from analyzer.driver.fileanalysis import idioms_of
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, load_model
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function

MODEL = load_model()
LOCK = [facet.name for facet in MODEL.facets].index("lock")
KNOWLEDGE = make_knowledge(MODEL.select(None), lambda *_: None, lambda *_: None, lambda *_: False)


def summarise(text: str) -> Summary:
    """Return the summary of the one function of a text."""
    source = SourceText("demo.c", text.encode())
    parsed = parse_function(source, outline(source).functions[0])
    return analyse(anatomy_of(build_cfg(parsed[0], "demo.c", idioms_of(MODEL))), KNOWLEDGE).summary


def lock_by_result(summary: Summary, path: tuple[object, ...]) -> dict[int, str | None]:
    """Return the lock of one page for each class of results."""
    return {
        case.mask: change.to
        for case in summary.cases
        for effect in case.effects
        if effect.path == path
        for change in effect.changes
        if change.facet == LOCK
    }


def test_unlock_of_a_parameter_requires_it_locked() -> None:
    summary = summarise("void f(struct page *page) { unlock_page(page); }")

    (case,) = summary.cases
    (change,) = [c for e in case.effects for c in e.changes if c.facet == LOCK]
    assert (change.requires, change.to, change.acquired) == ("locked", "unlocked", False)


def test_result_tells_whether_the_lock_was_taken() -> None:
    summary = summarise("bool f(struct page *page) { return trylock_page(page); }")

    assert {mask: to for mask, to in lock_by_result(summary, (0,)).items() if mask & POSITIVE} == {
        POSITIVE | NEGATIVE: "locked"
    }
    assert lock_by_result(summary, (0,))[ZERO] == "refused"


def test_returned_page_is_locked() -> None:
    summary = summarise("struct page *f(struct address_space *m) { return find_lock_page(m, 0); }")

    assert lock_by_result(summary, ("ret",)) == {POSITIVE: "locked"}


def test_page_behind_an_out_parameter() -> None:
    summary = summarise(
        "int f(struct address_space *m, struct page **out) { *out = find_lock_page(m, 0); return *out ? 0 : -2; }"
    )

    assert lock_by_result(summary, (1, "*")) == {ZERO: "locked"}


def test_balanced_function_leaves_the_lock_as_it_was() -> None:
    summary = summarise("void f(struct page *page) { lock_page(page); unlock_page(page); }")

    assert set(lock_by_result(summary, (0,)).values()) == {"unlocked"}


def test_function_without_events_is_trivial() -> None:
    assert summarise("int f(struct page *page) { return demo(page); }").trivial


def test_function_that_does_not_come_back() -> None:
    assert summarise("void f(struct page *page) { lock_page(page); BUG(); }").noreturn


def _case(number: int, to: str) -> Case:
    return Case((), ANY, (Effect((0,), (Change(0, "", "", to, False),)),), constant=number)


def test_cases_with_the_same_effects_are_merged() -> None:
    merged = merge_cases([_case(0, "locked"), _case(0, "locked"), _case(0, "unlocked")])

    assert len(merged) == 2


def test_merging_is_bounded_by_effects() -> None:
    many = [_case(number, "locked") for number in range(5 * MAX_CASES)]

    assert len(merge_cases(many)) == 1


def test_stub_yields_to_the_function_that_does_something() -> None:
    stub = Summary("f", "stub.h")
    real = Summary("f", "real.c", (_case(0, "locked"),))

    assert join_summaries("f", [stub, real]) == real
    assert join_summaries("f", [stub, stub]) == stub
