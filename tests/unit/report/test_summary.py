from analyzer.findings import Note, Result, Stats
from analyzer.report import note_lines, skipped_lines, summary_line
from tests.unit.report.samples import CLEAN, LEAK, PATCH, SCAN


def test_summary_counts_everything() -> None:
    assert summary_line(SCAN) == "3 findings; 1204 functions in 87 files analysed, 2 skipped (use --verbose to list)"


def test_summary_of_a_patch_splits_by_status() -> None:
    assert summary_line(PATCH).startswith("3 findings (1 new, 1 existing, 1 fixed); 1204 functions")


def test_summary_is_grammatical() -> None:
    result = Result(findings=(LEAK,), stats=Stats(files=1, functions=1))

    assert summary_line(result) == "1 finding; 1 function in 1 file analysed"
    assert summary_line(CLEAN) == "0 findings; 1204 functions in 87 files analysed"


def test_skipped_parts_are_listed_with_reasons() -> None:
    assert skipped_lines(SCAN) == (
        "mm/torn.c:40: skipped: torn: does not parse: missing `)`",
        "mm/gone.c: skipped: no such file",
    )


def test_notes_are_listed_with_their_place() -> None:
    notes = (Note(message="base is HEAD"), Note(message="wrapped line joined", file="mail", line=4))

    assert note_lines(Result(notes=notes)) == ("note: base is HEAD", "mail:4: note: wrapped line joined")
