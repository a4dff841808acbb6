"""The searches that the protocol's own table of results states, and the trace of the race that was reported in 2016."""

from itertools import groupby

import pytest

from tests.unit.interleave.sequences import Scenario, broken, v3, v4, v6_17

ISOLATE = "isolate-released-page"
TWO_LISTS = "page-on-two-lists"
CALLBACK = "callback-on-released-page"
LATE = "flag-after-last-reference"
UNDERFLOW = "refcount-underflow"
STRANGER = "unlock-by-non-holder"


@pytest.mark.parametrize("scenario", [v4(), v6_17()], ids=["v4", "6.17"])
def test_repaired_generations_break_nothing(scenario: Scenario) -> None:
    result = scenario.search()

    assert broken(result) == set()
    assert result.complete
    assert result.states > 900


def test_v3_breaks_exactly_what_was_seen() -> None:
    result = v3().search()

    assert broken(result) == {ISOLATE, TWO_LISTS, CALLBACK}
    assert result.complete


def test_shortest_v3_trace_is_the_reported_interleaving() -> None:
    violation = v3().search().violations[0]

    assert violation.invariant.id == ISOLATE
    columns = [
        (context, [step.text for step in steps]) for context, steps in groupby(violation.trace, lambda s: s.context)
    ]
    assert columns == [
        (
            "migrate_ctx_A",
            [
                "sees a movable page",
                "get_page_unless_zero",
                "is movable",
                "trylock_page",
                "is movable and not isolated",
                "isolate_page",
                "isolate_page",
                "unlock_page",
            ],
        ),
        (
            "owner_ctx_C",
            [
                "last object freed",
                "trylock_page until it succeeds",
                "is isolated: keeps movable",
                "ClearPageIsolated",
                "owner forgets the page",
                "unlock_page",
            ],
        ),
        (
            "migrate_ctx_B",
            [
                "sees a movable page",
                "get_page_unless_zero",
                "is movable",
                "trylock_page",
                "is movable and not isolated",
                "isolate_page",
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("mutant", "stated", "follows"),
    [
        # A migrates the released page without looking at the isolated mark again.
        (v4(owner_clears_ops=False, owner_clears_isolated=True), {ISOLATE, TWO_LISTS}, {CALLBACK}),
        # The migrator reads ops just before they go; its own lock keeps nobody out.
        (v4(owner_locks=False), {ISOLATE, UNDERFLOW}, {CALLBACK, LATE}),
        # The isolator's unlock opens a lock that it never took, so a migration and the owner meet.
        (v4(trylock=False), {ISOLATE, TWO_LISTS, UNDERFLOW}, {CALLBACK, LATE, STRANGER}),
        (v4(recheck=False), {ISOLATE, TWO_LISTS}, set()),
        (v4(owner_clears_isolated=True), set(), set()),
        (v6_17(callback_refuses=False), {ISOLATE, TWO_LISTS}, set()),
        (v6_17(owner_clears_isolated=True), set(), set()),
    ],
    ids=[
        "v4-owner-keeps-ops-clears-isolated",
        "v4-owner-clears-ops-unlocked",
        "v4-isolator-skips-trylock",
        "v4-isolator-skips-recheck",
        "v4-owner-clears-both",
        "6.17-callback-accepts-released",
        "6.17-owner-clears-isolated",
    ],
)
def test_mutant_breaks_what_the_protocol_notes_state(mutant: Scenario, stated: set[str], follows: set[str]) -> None:
    """`stated` is the notes' own list; `follows` are invariants that they do not speak of."""
    result = mutant.search()

    assert broken(result) == stated | follows
    assert result.complete
