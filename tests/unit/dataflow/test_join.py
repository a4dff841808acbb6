"""What a join keeps of two disjuncts."""

from analyzer.dataflow.state import State, join

A, B, C = ("p", "a"), ("p", "b"), ("p", "c")


def state(**env: tuple[object, ...]) -> State:
    made = State()
    made.env = dict(env)
    return made


def test_variables_that_are_equal_on_both_sides_stay_equal() -> None:
    joined, changed = join(state(page=A, cached=A, other=A), state(page=B, cached=B, other=C), 5)

    assert changed
    assert joined.env["page"] == joined.env["cached"] != joined.env["other"]


def test_what_a_merged_value_may_be_grows_with_every_join() -> None:
    first, _ = join(state(page=A), state(page=B), 5)
    second, _ = join(state(page=A), state(page=C), 5)

    both, changed = join(first, second, 5)
    assert changed
    assert both.may_be(both.env["page"]) == {A, B, C}
    assert not join(both, second, 5)[1]


def test_what_a_merged_value_may_be_goes_through_further_joins() -> None:
    inner, _ = join(state(page=A), state(page=B), 5)
    outer, _ = join(inner, state(page=C), 9)

    assert outer.may_be(outer.env["page"]) == {A, B, C}
