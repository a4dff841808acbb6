"""From a violation to the trace of a finding."""

import pytest

from analyzer.findings import Step
from analyzer.interleave import (
    DISOWN,
    ContextBuilder,
    Page,
    Place,
    Violation,
    callback,
    finding_steps,
    owned_is,
    search,
    standard_invariants,
)
from analyzer.source import RuleError

PAGE = Page(lock="L", flags=())


def violation(place: Place | None) -> Violation:
    builder = ContextBuilder("C", "owner")
    builder.edge("start", "looked", owned_is())
    builder.edge("looked", "gone", DISOWN, text="forgets the page", place=place)
    builder.edge("gone", "end", callback("isolate"), text="isolate_page", place=place)
    (found,) = search(PAGE, [builder.build("start")], standard_invariants(PAGE)).violations
    return found


def test_steps_without_text_are_left_out_and_the_last_names_the_invariant() -> None:
    assert finding_steps(violation(Place("mm/demo.c", 3, "demo"))) == (
        Step(file="mm/demo.c", line=3, function="demo", message="forgets the page", context="C"),
        Step(
            file="mm/demo.c",
            line=3,
            function="demo",
            message="isolate_page: isolate callback on a released page",
            context="C",
        ),
    )


def test_step_without_place_is_an_error() -> None:
    with pytest.raises(RuleError, match="context C: the step 'forgets the page' has no place"):
        finding_steps(violation(None))
