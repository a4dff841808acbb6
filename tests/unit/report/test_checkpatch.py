import msgspec

from analyzer.findings import Result, Severity
from analyzer.report import render
from tests.unit.report.samples import LEAK, MISREAD, PATCH_CONTEXT, SCAN_CONTEXT, SKIPPED


def test_error_is_a_failure_and_a_warning_is_none() -> None:
    error, warning = render("checkpatch", Result(findings=(LEAK, MISREAD)), SCAN_CONTEXT).splitlines()

    assert error == "mm/demo.c:14: ERROR:PAGE_LOCK_LEAK: folio is still locked on this return"
    assert warning.startswith("mm/other.c:70: WARNING:TRYLOCK_RESULT_IGNORED: ")
    assert "ERROR:" not in warning


def test_words_of_the_source_cannot_raise_the_level() -> None:
    finding = msgspec.structs.replace(MISREAD, message="result of f(ERROR:) unused\nx: ERROR: y", file="ERROR:.c")
    text = render("checkpatch", Result(findings=(finding,)), SCAN_CONTEXT)

    assert "ERROR:" not in text
    assert text.count("\n") == 1


def test_existing_findings_of_a_patch_are_silent() -> None:
    assert render("checkpatch", Result(findings=(LEAK,)), PATCH_CONTEXT) == ""


def test_what_was_not_analysed_is_a_warning() -> None:
    assert render("checkpatch", Result(skipped=(SKIPPED,)), PATCH_CONTEXT) == (
        "mm/torn.c:40: WARNING:NOT_ANALYSED: torn: does not parse: missing `)`\n"
    )


def test_note_is_a_check() -> None:
    finding = msgspec.structs.replace(LEAK, severity=Severity.NOTE)

    assert " CHECK:PAGE_LOCK_LEAK: " in render("checkpatch", Result(findings=(finding,)), SCAN_CONTEXT)
