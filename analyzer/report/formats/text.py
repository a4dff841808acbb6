"""What kernel developers and their editors know: `file:line:column: error: message [rule]`.

The source line follows with a caret, then the trace as `note:` lines in
execution order; a race is drawn in columns instead. For a patch the last note
names the line of the mail.
"""

from collections.abc import Iterator

from analyzer.findings import Finding, PatchPlace, Result, Severity
from analyzer.report.context import Context
from analyzer.report.diagram import draw_columns
from analyzer.report.plain import caret_line, is_race, visible

BOLD, RED, MAGENTA, CYAN, GREEN, RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[1;35m", "\x1b[1;36m", "\x1b[1;32m", "\x1b[0m"
COLOR_OF_SEVERITY = {Severity.ERROR: RED, Severity.WARNING: MAGENTA, Severity.NOTE: CYAN}


def render(result: Result, context: Context) -> str:
    """Return all findings, or "" when there are none."""
    return "".join(f"{line}\n" for finding in result.findings for line in _finding_lines(finding, context))


def _finding_lines(finding: Finding, context: Context) -> Iterator[str]:
    def paint(text: str, color: str) -> str:
        return f"{color}{text}{RESET}" if context.color else text

    place = paint(f"{visible(finding.file)}:{finding.line}:{finding.column}:", BOLD)
    severity = paint(f"{finding.severity}:", COLOR_OF_SEVERITY[finding.severity])
    status = f" ({finding.status})" if context.patch_mode else ""
    yield f"{place} {severity} {visible(finding.message)} [{visible(finding.rule)}]{status}"
    if finding.line_text:
        yield visible(finding.line_text, keep="\t").rstrip()
        yield caret_line(finding.line_text, finding.column).replace("^", paint("^", GREEN))
    if is_race(finding):
        yield from ("    " + line for line in draw_columns(finding.trace, 71))
    else:
        for step in finding.trace:
            inside = f" (in {visible(step.function)})" if step.function not in ("", finding.function) else ""
            where = paint(f"{visible(step.file)}:{step.line}:", BOLD)
            yield f"{where} {paint('note:', CYAN)} {visible(step.message)}{inside}"
    if finding.patch is not None and (place_in_mail := _place_in_mail(finding.patch)):
        where = paint(f"{visible(finding.file)}:{finding.line}:", BOLD)
        yield f"{where} {paint('note:', CYAN)} {place_in_mail}"


def _place_in_mail(patch: PatchPlace) -> str:
    """Return `line 57 of "[PATCH 1/2] mm: demo"`, as far as it is known."""
    mail = f'"{visible(patch.subject)}"' if patch.subject else "the patch"
    if patch.line is not None:
        return f"line {patch.line} of {mail}"
    return f"in {mail}" if patch.subject else ""
