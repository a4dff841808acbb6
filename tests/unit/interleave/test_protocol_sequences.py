"""What the search says of each generation and each mutant, and the trace of the race that was reported in 2016.

The contexts are written by hand; what must come out stands with the mutants
in `mutants.toml`, which the analysis of the same mutants as C has to meet.
"""

from itertools import groupby

import pytest

from tests.unit.interleave.oracle import MUTANT_PATCHES, TREES
from tests.unit.interleave.sequences import Scenario, balloon, broken, v3, v4, v6_17

EXPECTED = {entry.get("id", entry["base"]): entry for entry in (*TREES, *MUTANT_PATCHES)}

SCENARIO_BY_ID = {
    "v3": v3(),
    "v4": v4(),
    "v6.0": v4(),
    "v6.17": v6_17(),
    "v2026": balloon(),
    **{
        f"{base}-{name}": scenario
        for base in ("v4", "v6.0")
        for name, scenario in {
            "owner-keeps-ops": v4(owner_keeps_ops=True),
            "owner-clears-ops-unlocked": v4(owner_locks=False),
            "isolator-skips-trylock": v4(trylock=False),
            "isolator-skips-recheck": v4(recheck=False),
            "owner-clears-both": v4(owner_clears_isolated=True),
        }.items()
    },
    "v6.17-callback-accepts-released": v6_17(callback_refuses=False),
    "v6.17-owner-clears-isolated": v6_17(owner_clears_isolated=True),
    "v2026-balloon-accepts-released": balloon(callback_refuses=False),
}


def test_every_tree_and_mutant_has_a_scenario() -> None:
    assert SCENARIO_BY_ID.keys() == EXPECTED.keys()


@pytest.mark.parametrize(("name", "scenario"), SCENARIO_BY_ID.items(), ids=SCENARIO_BY_ID)
def test_search_breaks_what_is_stated(name: str, scenario: Scenario) -> None:
    expected = EXPECTED[name]

    result = scenario.search()

    assert broken(result) == {*expected["breaks"], *expected["follows"]}
    assert result.complete


def test_shortest_v3_trace_is_the_reported_interleaving() -> None:
    violation = v3().search().violations[0]

    assert violation.invariant.id == "isolate-released-page"
    columns = [
        (context, [step.text for step in steps])
        for context, steps in groupby(violation.trace, lambda step: step.context)
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
                "SetPageIsolated",
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
