"""Pairing of findings across a change: indentation says nothing about which finding is which."""

import msgspec

from analyzer.driver.comparing import FileChange, FileImage, compare_findings
from analyzer.findings import Confidence, Finding, Severity, Status, Step

BEFORE = b"static int old_name(struct folio *folio)\n{\n\tfolio_lock(folio);\n\treturn 0;\n}\n"
AFTER = b"static int new_name(struct folio *page)\n{\n\tif (page) {\n\t\tfolio_lock(page);\n\t\treturn 0;\n\t}\n}\n"


def _finding(function: str, line: int, line_text: str) -> Finding:
    return Finding(
        rule="page-lock-leak",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        file="mm/demo.c",
        line=line,
        column=len(line_text) - len(line_text.lstrip()) + 1,
        function=function,
        subject="folio",
        message=f"{function} returns with the lock",
        trace=(Step(file="mm/demo.c", line=line - 1, function=function, message=f"locked by {function}"),),
        line_text=line_text,
    )


def test_finding_of_a_renamed_function_is_paired_by_its_line_at_any_indentation() -> None:
    change = FileChange(FileImage("mm/demo.c", BEFORE), FileImage("mm/demo.c", AFTER))
    before = _finding("old_name", 4, "\treturn 0;")
    after = _finding("new_name", 5, "\t\treturn 0;")

    judged = compare_findings([before], [after], change)

    assert [(f.function, f.status) for f in judged] == [("new_name", Status.EXISTING)]


def test_a_doubtful_finding_is_surer_where_the_change_makes_or_removes_it() -> None:
    after_data = BEFORE.replace(b"return 0", b"return 1")
    change = FileChange(FileImage("mm/demo.c", BEFORE), FileImage("mm/demo.c", after_data))
    doubtful = msgspec.structs.replace(_finding("old_name", 4, "\treturn 0;"), confidence=Confidence.LOW)

    new, fixed = compare_findings([], [doubtful], change), compare_findings([doubtful], [], change)

    assert [(f.status, f.confidence) for f in (*new, *fixed)] == [
        (Status.NEW, Confidence.MEDIUM),
        (Status.FIXED, Confidence.MEDIUM),
    ]


def test_a_doubtful_finding_about_a_variable_that_the_change_brings_stays_doubtful() -> None:
    before_data = BEFORE.replace(b"struct folio *folio", b"struct vm_fault *vmf").replace(b"(folio)", b"(vmf->folio_)")
    change = FileChange(FileImage("mm/demo.c", before_data), FileImage("mm/demo.c", BEFORE))
    doubtful = msgspec.structs.replace(_finding("old_name", 4, "\treturn 0;"), confidence=Confidence.LOW)

    (new,) = compare_findings([], [doubtful], change)

    assert (new.status, new.confidence) == (Status.NEW, Confidence.LOW)


def test_braces_that_come_and_go_leave_a_line_as_it_was() -> None:
    before = b"\tif (a) {\n\t\tb();\n\t\tc();\n\t} else {\n\t\td();\n\t}\n"
    after = b"\tif (a)\n\t\tc();\n\telse\n\t\td();\n"
    change = FileChange(FileImage("mm/demo.c", before), FileImage("mm/demo.c", after))

    assert change.line_after == {1: 1, 3: 2, 4: 3, 5: 4}


def test_another_indentation_is_another_line() -> None:
    before, after = b"\ta();\n\tif (b)\n\t\treturn;\n", b"\tif (b) {\n\t\ta();\n\t\treturn;\n\t}\n"
    change = FileChange(FileImage("mm/demo.c", before), FileImage("mm/demo.c", after))

    assert change.line_after == {2: 1, 3: 3}
