"""Whatever a finding, a mail or a rule page holds, every format renders it, safely and always alike."""

import json
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from analyzer.findings import (
    Confidence,
    Finding,
    Note,
    PatchPlace,
    Result,
    Severity,
    Skipped,
    Stats,
    Status,
    Step,
)
from analyzer.report import (
    Context,
    OriginalMail,
    QuotedHunk,
    QuotedLine,
    RulePage,
    format_names,
    note_lines,
    render,
    skipped_lines,
    summary_line,
)
from analyzer.report.diagram import NARROWEST, draw_columns, wrap_words
from analyzer.report.plain import visible

TEXT = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("\t\n\r\x1b\x7f\x9b\u202e\udc80<>&%:,\"'@ ")),
    max_size=30,
)
NUMBER = st.integers(1, 10**6)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)

STEPS = st.builds(Step, file=TEXT, line=NUMBER, function=TEXT, message=TEXT, context=st.sampled_from(["", "A", "B"]))
PLACES = st.builds(PatchPlace, message_id=st.none() | TEXT, subject=TEXT, number=NUMBER, line=st.none() | NUMBER)
FINDINGS = st.builds(
    Finding,
    rule=TEXT,
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    file=TEXT,
    line=st.integers(1, 4),
    column=NUMBER,
    function=TEXT,
    subject=TEXT,
    message=TEXT,
    status=st.sampled_from(Status),
    trace=st.lists(STEPS, max_size=4).map(tuple),
    patch=st.none() | PLACES,
    line_text=TEXT,
)
RESULTS = st.builds(
    Result,
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    skipped=st.lists(
        st.builds(Skipped, file=TEXT, function=st.none() | TEXT, line=st.none() | NUMBER, reason=TEXT), max_size=2
    ).map(tuple),
    notes=st.lists(st.builds(Note, message=TEXT, file=TEXT, line=st.none() | NUMBER), max_size=2).map(tuple),
    stats=st.builds(Stats, files=NUMBER, functions=NUMBER),
)
HUNKS = st.builds(
    QuotedHunk,
    file=TEXT,
    header=TEXT,
    lines=st.lists(st.builds(QuotedLine, TEXT, st.none() | NUMBER, st.none() | st.integers(1, 4)), max_size=4).map(
        tuple
    ),
)
MAILS = st.builds(
    OriginalMail,
    message_id=TEXT,
    subject=TEXT,
    sender=TEXT,
    date=TEXT,
    to=TEXTS,
    cc=TEXTS,
    references=TEXTS,
    hunks=st.lists(HUNKS, max_size=2).map(tuple),
)
CONTEXTS = st.builds(
    Context,
    version=TEXT,
    rules=st.dictionaries(
        TEXT,
        st.builds(
            RulePage,
            id=TEXT,
            summary=TEXT,
            severity=st.sampled_from(["error", "warning", "note"]),
            confidence=st.sampled_from(["high", "medium", "low"]),
            page=TEXT,
        ),
        max_size=2,
    ),
    patch_mode=st.booleans(),
    command=TEXT,
    mail=st.none() | MAILS,
)

RAW_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x80-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


@given(result=RESULTS, context=CONTEXTS)
def test_no_text_breaks_a_format(result: Result, context: Context) -> None:
    for name in format_names():
        text = render(name, result, context)

        text.encode("utf-8")
        assert not RAW_CONTROL.search(text), name
        assert text == render(name, result, context), name
        if name in ("json", "sarif", "b4"):
            json.loads(text)
        if name in ("jsonl", "rdjsonl"):
            for line in text.splitlines():
                json.loads(line)


@given(result=RESULTS)
def test_no_text_breaks_the_lines_for_stderr(result: Result) -> None:
    for line in (summary_line(result), *skipped_lines(result), *note_lines(result)):
        assert line.isprintable()


@given(result=RESULTS)
def test_json_strings_decode_to_findings_again(result: Result) -> None:
    """The findings type reads its own report, when a step's context is left out."""
    document = json.loads(render("json", result, Context()))

    for written, finding in zip(document["findings"], result.findings, strict=True):
        read = msgspec.convert(written, Finding)
        assert (read.severity, read.line, read.status) == (finding.severity, finding.line, finding.status)


@given(text=TEXT)
def test_visible_text_is_printable_and_stable(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


@given(steps=st.lists(STEPS, max_size=6), width=st.integers(40, 100))
def test_diagram_keeps_its_width(steps: list[Step], width: int) -> None:
    contexts = len({step.context for step in steps})
    limit = max(width, contexts * (NARROWEST + 2))

    assert all(len(line) <= limit for line in draw_columns(steps, width))


@given(text=st.text(st.sampled_from("ab/_,(> "), max_size=60), width=st.integers(1, 20))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = wrap_words(text, width)

    assert all(0 < len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
