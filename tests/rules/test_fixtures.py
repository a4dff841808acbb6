"""Every function of every fixture gets the findings that its comments announce, and no others."""

import pytest

from analyzer.findings import Confidence, Finding
from tests.rules.annotated import Case, Marker, all_cases, analyse_fixture, built_in_rules, fixture_files


def _matches(marker: Marker, finding: Finding) -> bool:
    return finding.line == marker.line and finding.rule == marker.rule and marker.text in finding.message


def _describe(findings: list[Finding]) -> str:
    return "; ".join(f"line {f.line}: {f.message} [{f.rule}]" for f in findings) or "nothing"


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.rule}/{case.name}")
def test_fixture_function_gets_what_it_announces(case: Case) -> None:
    found = [f for f in analyse_fixture(case.path)[0] if f.function == case.name]
    announced = case.of_kind("expect", "known-fp")

    for marker in announced:
        assert any(_matches(marker, f) for f in found), f"line {marker.line}: {marker}; found {_describe(found)}"
    sure = {rule.id for rule in built_in_rules() if rule.confidence is not Confidence.LOW}
    told = [f for f in found if f.confidence is not Confidence.LOW or f.rule not in sure]  # else its rule doubts it
    extra = [f for f in told if not any(_matches(marker, f) for marker in announced)]
    assert not extra, f"not announced: {_describe(extra)}"
    steps = [(step.line, step.message) for f in found for step in f.trace]
    for marker in case.of_kind("trace"):
        assert any(line == marker.line and marker.text in message for line, message in steps), f"{marker}: {steps}"


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.rule}/{case.name}")
def test_name_of_fixture_function_agrees_with_its_markers(case: Case) -> None:
    """A wrong answer stands in fp_ or fn_ alone, so that a right one cannot hide beside it."""
    kinds = {marker.kind for marker in case.markers} - {"trace"}
    wanted = {"bad": {"expect"}, "ok": set(), "fp": {"known-fp"}, "fn": {"known-fn"}, "": set()}[case.prefix]

    assert kinds == wanted
    assert all(marker.rule == case.rule for marker in case.markers if marker.kind != "trace")


@pytest.mark.parametrize("rule", [r.id for r in built_in_rules()])
def test_all_of_a_fixture_is_analysed(rule: str) -> None:
    for path in fixture_files(rule):
        assert analyse_fixture(path)[1] == ()
