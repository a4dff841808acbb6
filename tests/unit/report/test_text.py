from dataclasses import replace

import msgspec

from analyzer.findings import Result
from analyzer.report import render, want_color
from tests.unit.report.samples import LEAK, NEW_LEAK, PATCH_CONTEXT, SCAN_CONTEXT


def test_finding_is_what_editors_parse() -> None:
    assert render("text", Result(findings=(LEAK,)), SCAN_CONTEXT) == (
        "mm/demo.c:14:3: error: folio is still locked on this return [page-lock-leak]\n"
        "\t\treturn -EIO;\n"
        "\t\t^\n"
        "mm/demo.c:9: note: locked here\n"
        "mm/demo_lock.h:31: note: returned locked (in demo_get_locked)\n"
    )


def test_patch_mode_names_status_and_mail_line() -> None:
    lines = render("text", Result(findings=(NEW_LEAK,)), PATCH_CONTEXT).splitlines()

    assert lines[0].endswith("[page-lock-leak] (new)")
    assert lines[-1] == ('mm/demo.c:14: note: line 38 of "[PATCH v3 2/3] mm/demo: report errors of demo_fill()"')


def test_finding_without_source_line_has_no_caret() -> None:
    finding = msgspec.structs.replace(LEAK, line_text="", trace=())

    assert render("text", Result(findings=(finding,)), SCAN_CONTEXT).count("\n") == 1


def test_colour_adds_escape_sequences_and_nothing_else() -> None:
    result = Result(findings=(LEAK,))
    colored = render("text", result, replace(SCAN_CONTEXT, color=True))
    for code in ("0", "1", "1;31", "1;32", "1;36"):
        colored = colored.replace(f"\x1b[{code}m", "")

    assert colored == render("text", result, SCAN_CONTEXT)


def test_colour_is_for_terminals_unless_told_otherwise() -> None:
    assert want_color("auto", is_terminal=True, environment={"TERM": "xterm"})
    assert not want_color("auto", is_terminal=False, environment={})
    assert not want_color("auto", is_terminal=True, environment={"NO_COLOR": "1"})
    assert want_color("auto", is_terminal=True, environment={"NO_COLOR": ""})
    assert not want_color("auto", is_terminal=True, environment={"TERM": "dumb"})
    assert want_color("always", is_terminal=False, environment={"NO_COLOR": "1"})
    assert not want_color("never", is_terminal=True, environment={})
