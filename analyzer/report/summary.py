"""What a run says about itself on stderr: one summary line, notes, and what was skipped.

Also the choice that every gate makes: which findings a patch answers for.
"""

from collections.abc import Mapping

from analyzer.findings import Finding, Result, Status
from analyzer.report.context import Context
from analyzer.report.plain import visible


def count(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def answerable(result: Result, context: Context) -> tuple[Finding, ...]:
    """Return the findings that a gate or a reviewer should be told: of a patch only what it introduces."""
    if not context.patch_mode:
        return result.findings
    return tuple(f for f in result.findings if f.status is Status.NEW)


def summary_line(result: Result) -> str:
    """Return "3 findings; 1204 functions in 87 files analysed, 2 skipped (use --verbose to list)".

    In patch mode the findings are split by status: "3 findings (1 new, 2 existing)".
    """
    stats = result.stats
    found = count(len(result.findings), "finding")
    by_status = {status: sum(f.status is status for f in result.findings) for status in Status}
    if by_status[Status.NEW] or by_status[Status.FIXED]:
        found += f" ({', '.join(f'{n} {status}' for status, n in by_status.items() if n)})"
    analysed = f"{count(stats.functions, 'function')} in {count(stats.files, 'file')} analysed"
    skipped = f", {len(result.skipped)} skipped (use --verbose to list)" if result.skipped else ""
    return f"{found}; {analysed}{skipped}"


def skipped_lines(result: Result) -> tuple[str, ...]:
    """Return one line for each file or function that was not analysed, `file:line: skipped: function: reason`."""
    lines = []
    for entry in result.skipped:
        place = entry.file if entry.line is None else f"{entry.file}:{entry.line}"
        function = f"{entry.function}: " if entry.function else ""
        lines.append(visible(f"{place}: skipped: {function}{entry.reason}"))
    return tuple(lines)


def note_lines(result: Result) -> tuple[str, ...]:
    """Return one line for each remark on the input, `file:line: note: message`."""
    lines = []
    for note in result.notes:
        place = note.file if note.line is None else f"{note.file}:{note.line}"
        lines.append(visible(f"{place}: note: {note.message}" if place else f"note: {note.message}"))
    return tuple(lines)


def want_color(when: str, is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Tell whether to colour: `when` is "always", "never" or "auto".

    "auto" is a terminal that is not dumb, unless NO_COLOR holds anything.
    """
    if when != "auto":
        return when == "always"
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
