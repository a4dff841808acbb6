"""Small results made by hand, which the report tests render."""

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
from analyzer.report import Context, OriginalMail, QuotedHunk, QuotedLine, RulePage

LEAK = Finding(
    rule="page-lock-leak",
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    file="mm/demo.c",
    line=14,
    column=3,
    function="demo_read",
    subject="folio",
    message="folio is still locked on this return",
    trace=(
        Step(file="mm/demo.c", line=9, function="demo_read", message="locked here"),
        Step(file="mm/demo_lock.h", line=31, function="demo_get_locked", message="returned locked"),
    ),
    line_text="\t\treturn -EIO;",
)

MISREAD = Finding(
    rule="trylock-result-ignored",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    file="mm/other.c",
    line=70,
    column=5,
    function="other",
    subject="req->wb_page",
    message="result of trylock_page(req->wb_page) is not used",
    line_text="    trylock_page(req->wb_page);",
)

RACE = Finding(
    rule="double-isolation",
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    file="mm/demo_migrate.c",
    line=84,
    column=2,
    function="isolate_demo_page",
    subject="page",
    message="page is isolated twice",
    trace=(
        Step(
            file="mm/demo_migrate.c",
            line=80,
            function="isolate_demo_page",
            message="trylock_page(page)",
            context="A (isolator)",
        ),
        Step(
            file="mm/demo_migrate.c",
            line=84,
            function="isolate_demo_page",
            message="__SetPageIsolated(page)",
            context="A (isolator)",
        ),
        Step(
            file="drivers/block/demo/demo_alloc.c",
            line=903,
            function="demo_free_object",
            message="__ClearPageIsolated(page)",
            context="B (owner)",
        ),
        Step(
            file="mm/demo_migrate.c",
            line=84,
            function="isolate_demo_page",
            message="__SetPageIsolated(page)",
            context="C (migrator)",
        ),
    ),
    line_text="\t__SetPageIsolated(page);",
)

SKIPPED = Skipped(file="mm/torn.c", function="torn", line=40, reason="does not parse: missing `)`")
STATS = Stats(files=87, functions=1204, functions_skipped=1, seconds=1.5)

SCAN = Result(
    findings=(LEAK, RACE, MISREAD),
    skipped=(SKIPPED, Skipped(file="mm/gone.c", function=None, line=None, reason="no such file")),
    notes=(Note(message="3 macros were taken for loops", file="mm/demo.c"),),
    stats=STATS,
)

RULES = {
    "page-lock-leak": RulePage(
        id="page-lock-leak",
        summary="page lock still held when the function returns",
        severity="error",
        confidence="medium",
        page="# page-lock-leak\n\n## What it finds\n\nA return with the lock held.\n",
    )
}

SCAN_CONTEXT = Context(version="1.2.3", rules=RULES)

PATCH_LINES = (
    " static int demo_read(struct folio *folio)",
    " {",
    "+\tint err;",
    "+",
    " \tfolio_lock(folio);",
    "+\terr = demo_fill(folio);",
    "+\tif (err)",
    "+\t\treturn err;",
    "-\tdemo_fill(folio);",
    " \tfolio_unlock(folio);",
    " \treturn 0;",
    " }",
)


def _quoted_lines(first_mail_line: int, first_source_line: int) -> tuple[QuotedLine, ...]:
    lines = []
    source_line = first_source_line
    for offset, text in enumerate(PATCH_LINES):
        lines.append(QuotedLine(text, first_mail_line + offset, source_line))
        source_line += not text.startswith("-")
    return tuple(lines)


MAIL = OriginalMail(
    message_id="<20240101.demo-2-author@example.org>",
    subject="[PATCH v3 2/3] mm/demo: report errors of demo_fill()",
    sender="Jörg Author <author@example.org>",
    date="Mon, 1 Jan 2024 10:00:00 +0100",
    to=("linux-mm@example.org", "Maintainer, The <maintainer@example.org>"),
    cc=('"Maintainer, The" <maintainer@example.org>', "author@example.org", "list@example.org"),
    references=("<20240101.demo-0-author@example.org>",),
    hunks=(
        QuotedHunk("mm/untouched.c", "@@ -1,2 +1,2 @@", (QuotedLine(" int a;", 20, 1),)),
        QuotedHunk("mm/demo.c", "@@ -7,9 +7,12 @@ static void demo_prepare(void)", _quoted_lines(31, 7)),
    ),
)

NEW_LEAK = Finding(
    rule="page-lock-leak",
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    file="mm/demo.c",
    line=14,
    column=3,
    function="demo_read",
    subject="folio",
    message="folio is still locked on this return, which the callers of demo_read() do not expect",
    status=Status.NEW,
    trace=(Step(file="mm/demo.c", line=11, function="demo_read", message="locked here"),),
    patch=PatchPlace(message_id=MAIL.message_id, subject=MAIL.subject, number=2, line=38),
    line_text="\t\treturn err;",
)

OLD_LEAK = Finding(
    rule="page-lock-leak",
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    file="mm/demo.c",
    line=90,
    column=2,
    function="demo_write",
    subject="page",
    message="page is still locked on this return",
    patch=PatchPlace(message_id=MAIL.message_id, subject=MAIL.subject, number=2, line=None),
    line_text="\treturn 0;",
)

FIXED_DOUBLE = Finding(
    rule="page-double-lock",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    file="mm/demo.c",
    line=120,
    column=2,
    function="demo_sync",
    subject="page",
    message="page is locked already",
    status=Status.FIXED,
    line_text="\tlock_page(page);",
)

PATCH = Result(findings=(NEW_LEAK, OLD_LEAK, FIXED_DOUBLE), skipped=(SKIPPED,), stats=STATS)
PATCH_CONTEXT = Context(
    version="1.2.3",
    rules=RULES,
    patch_mode=True,
    mail=MAIL,
    command="pagelint patch --tree linux < demo.mbox",
)

CLEAN = Result(stats=STATS)
