"""Formats in which text from strangers could become markup, commands or invalid documents."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import msgspec

from analyzer.findings import Finding, Result, Step
from analyzer.report import render
from tests.unit.report.samples import LEAK, PATCH, PATCH_CONTEXT, RACE, SCAN, SCAN_CONTEXT

HOSTILE = msgspec.structs.replace(
    LEAK,
    file="mm/<b>,a:%0A.c",
    message="<script>alert(1)</script>\n::error::owned 100%",
    line_text='\t</pre><img src="x">&amp;',
    trace=(Step(file="m.c", line=1, function="<i>", message="::stop-commands::x\r\n::set-env name=A::b"),),
)


def test_github_command_cannot_be_broken_out_of() -> None:
    (line,) = render("github", Result(findings=(HOSTILE,)), SCAN_CONTEXT).splitlines()

    assert line.startswith("::error file=mm/<b>%2Ca%3A%250A.c,line=14,col=3,title=pagelint page-lock-leak::")
    assert "%0A::error::owned 100%25%0Am.c:1: ::stop-commands::x%0D%0A::set-env" in line


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} & {"src", "href", "onclick"}
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def html_tags(result: Result) -> Tags:
    tags = Tags()
    tags.feed(render("html", result, SCAN_CONTEXT))
    tags.close()
    return tags


def test_html_is_balanced_and_self_contained() -> None:
    tags = html_tags(SCAN)

    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "iframe"}


def test_html_shows_hostile_text_as_text() -> None:
    tags = html_tags(Result(findings=(HOSTILE,)))

    assert tags.open == []
    assert not tags.seen & {"script", "img", "i"}


def sarif_run(result: Result, patch: bool = False) -> Any:
    log = json.loads(render("sarif", result, PATCH_CONTEXT if patch else SCAN_CONTEXT))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


def assert_location(location: Any) -> None:
    physical = location["physicalLocation"]
    assert re.fullmatch(r"[A-Za-z0-9_.~%/-]+", physical["artifactLocation"]["uri"])
    assert all(value >= 1 for value in physical.get("region", {"startLine": 1}).values())


def test_sarif_keeps_to_the_standard() -> None:
    """Asserts the constraints of the schema on what we write, so that no schema package is needed."""
    run = sarif_run(SCAN)
    rules = run["tool"]["driver"]["rules"]

    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        assert re.fullmatch("[0-9a-f]{16}", result["partialFingerprints"]["pagelint/v1"])
        for location in result["locations"]:
            assert_location(location)
        for flow in result.get("codeFlows", []):
            assert flow["threadFlows"]
            orders = []
            for thread in flow["threadFlows"]:
                assert thread["locations"]
                for step in thread["locations"]:
                    assert_location(step["location"])
                    orders.append(step["executionOrder"])
            assert sorted(orders) == list(range(1, len(orders) + 1))
    (invocation,) = run["invocations"]
    assert isinstance(invocation["executionSuccessful"], bool)


def test_sarif_has_a_thread_flow_per_context_of_a_race() -> None:
    (result,) = sarif_run(Result(findings=(RACE,)))["results"]

    assert [t["id"] for t in result["codeFlows"][0]["threadFlows"]] == ["A (isolator)", "B (owner)", "C (migrator)"]


def test_sarif_names_what_was_skipped() -> None:
    notifications = sarif_run(SCAN)["invocations"][0]["toolExecutionNotifications"]

    assert [(n["level"], n["message"]["text"]) for n in notifications] == [
        ("warning", "not analysed: torn: does not parse: missing `)`"),
        ("warning", "not analysed: no such file"),
        ("note", "3 macros were taken for loops"),
    ]


def test_sarif_tells_new_from_old_in_a_patch_only() -> None:
    assert [r["baselineState"] for r in sarif_run(PATCH, patch=True)["results"]] == ["new", "unchanged", "absent"]
    assert "baselineState" not in sarif_run(SCAN)["results"][0]


def test_sarif_rules_carry_their_help() -> None:
    by_id = {rule["id"]: rule for rule in sarif_run(SCAN)["tool"]["driver"]["rules"]}

    assert by_id["page-lock-leak"]["shortDescription"]["text"] == "page lock still held when the function returns"
    assert "What it finds" in by_id["page-lock-leak"]["help"]["markdown"]
    assert by_id["double-isolation"] == {"id": "double-isolation"}


def test_sarif_paths_are_uris() -> None:
    def uri(finding: Finding) -> dict[str, str]:
        location = sarif_run(Result(findings=(finding,)))["results"][0]["locations"][0]
        artifact: dict[str, str] = location["physicalLocation"]["artifactLocation"]
        return artifact

    assert uri(msgspec.structs.replace(LEAK, file="mm/a b%.c")) == {"uri": "mm/a%20b%25.c", "uriBaseId": "%SRCROOT%"}
    assert uri(msgspec.structs.replace(LEAK, file="/src/a.c")) == {"uri": "file:///src/a.c"}


def test_sarif_columns_count_characters() -> None:
    finding = msgspec.structs.replace(LEAK, line_text="/* ü */ x", column=10)
    region = sarif_run(Result(findings=(finding,)))["results"][0]["locations"][0]["physicalLocation"]["region"]

    assert region == {"startLine": 14, "startColumn": 9}
