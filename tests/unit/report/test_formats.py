"""Every format, found by listing: its golden output, and what holds for all of them."""

import json
from collections.abc import Callable

import pytest

from analyzer.report import Context, format_names, render, renderer
from analyzer.source import AnalyzerError
from tests.unit.report.samples import CLEAN, PATCH, PATCH_CONTEXT, SCAN, SCAN_CONTEXT

Golden = Callable[[str, str], None]

SUFFIX = {"b4": "json", "html": "html", "json": "json", "jsonl": "jsonl", "rdjsonl": "jsonl", "sarif": "json"}
SILENT_WHEN_CLEAN = {"checkpatch", "github", "mail", "rdjsonl", "text"}


def test_formats_of_the_command_line_exist() -> None:
    promised = {"text", "json", "jsonl", "sarif", "checkpatch", "b4", "mail", "github", "html", "rdjsonl"}

    assert promised <= set(format_names())


def test_every_format_module_says_what_it_is() -> None:
    for name in format_names():
        module = __import__(f"analyzer.report.formats.{name}", fromlist=["render"])
        assert module.__doc__, name
        assert renderer(name) is module.render


def test_unknown_format_is_a_clear_error() -> None:
    with pytest.raises(AnalyzerError, match="xml: no such output format"):
        renderer("xml")


@pytest.mark.parametrize("name", format_names())
def test_scan_matches_golden(name: str, golden: Golden) -> None:
    golden(f"report/scan-{name}.{SUFFIX.get(name, 'txt')}", render(name, SCAN, SCAN_CONTEXT))


@pytest.mark.parametrize("name", format_names())
def test_patch_matches_golden(name: str, golden: Golden) -> None:
    golden(f"report/patch-{name}.{SUFFIX.get(name, 'txt')}", render(name, PATCH, PATCH_CONTEXT))


@pytest.mark.parametrize("name", format_names())
def test_output_is_empty_or_ends_in_one_newline(name: str) -> None:
    for result in (SCAN, PATCH, CLEAN):
        text = render(name, result, PATCH_CONTEXT)
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n"))


@pytest.mark.parametrize("name", format_names())
def test_clean_result_is_silent_where_its_readers_need_that(name: str) -> None:
    assert (render(name, CLEAN, PATCH_CONTEXT) == "") == (name in SILENT_WHEN_CLEAN)


@pytest.mark.parametrize("name", ["checkpatch", "b4", "github", "rdjsonl", "mail"])
def test_gates_report_only_what_the_patch_introduces(name: str) -> None:
    text = render(name, PATCH, PATCH_CONTEXT)

    assert "which the callers" in text.replace("\n  ", " ")
    assert "page is still locked on this return" not in text
    assert "page is locked already" not in text


def test_json_has_the_documented_keys_in_order() -> None:
    document = json.loads(render("json", PATCH, PATCH_CONTEXT))
    finding = document["findings"][0]

    assert list(document) == ["version", "tool", "findings", "skipped", "stats"]
    assert " ".join(finding) == (
        "rule severity confidence file line column function subject message status trace patch"
    )
    assert list(finding["trace"][0]) == ["file", "line", "function", "message"]
    assert list(finding["patch"]) == ["message_id", "subject", "number", "line"]
    assert document["findings"][2]["patch"] is None
    assert [f["status"] for f in document["findings"]] == ["new", "existing", "fixed"]


def test_jsonl_is_one_line_per_result() -> None:
    text = render("jsonl", PATCH, PATCH_CONTEXT) + render("jsonl", CLEAN, Context())
    first, second = (json.loads(line) for line in text.splitlines())

    assert first["patch"]["message_id"] == "<20240101.demo-2-author@example.org>"
    assert first["counts"] == {"new": 1, "existing": 1, "fixed": 1}
    assert second["patch"] is None


def test_b4_reads_pass_as_an_empty_array() -> None:
    assert json.loads(render("b4", CLEAN, PATCH_CONTEXT)) == []


def test_b4_entry_has_the_keys_that_b4_reads() -> None:
    (entry,) = json.loads(render("b4", PATCH, PATCH_CONTEXT))

    assert list(entry) == ["tool", "status", "summary", "url", "details"]
    assert entry["status"] == "fail"
    assert all(isinstance(value, str) for value in entry.values())
