"""What `b4 prep --check`, `b4 am` and patchwork bots take: checkpatch's terse lines.

    mm/demo.c:14: ERROR:PAGE_LOCK_LEAK: folio is still locked on this return

Those tools count every line on stdout as a warning, and one that holds `ERROR:` as a
failure, so nothing is printed for a clean patch and `ERROR:` appears in errors only. Input
that was not analysed is a warning: silence means that everything was looked at.
"""

from collections.abc import Iterator

from analyzer.findings import Result, Severity
from analyzer.report.context import Context
from analyzer.report.plain import visible
from analyzer.report.summary import answerable

LEVEL = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "CHECK"}


def render(result: Result, context: Context) -> str:
    """Return one line per finding and per skipped part, or "" when there is nothing to say."""
    return "".join(f"{line}\n" for line in report_lines(result, context))


def report_lines(result: Result, context: Context) -> Iterator[str]:
    """Yield the lines, findings first."""
    for finding in answerable(result, context):
        kind = finding.rule.replace("-", "_").upper()
        yield _line(finding.file, finding.line, LEVEL[finding.severity], kind, finding.message)
    for entry in result.skipped:
        function = f"{entry.function}: " if entry.function else ""
        yield _line(entry.file, entry.line, "WARNING", "NOT_ANALYSED", function + entry.reason)


def _line(file: str, line: int | None, level: str, kind: str, message: str) -> str:
    place = f"{_quiet(file)}:" if line is None else f"{_quiet(file)}:{line}:"
    return f"{place} {level}:{_quiet(kind)}: {_quiet(message)}"


def _quiet(text: str) -> str:
    """Return `text` without the marks that are matched anywhere in a line."""
    return visible(text).replace("ERROR:", "ERROR :").replace("WARNING:", "WARNING :").replace("CHECK:", "CHECK :")
