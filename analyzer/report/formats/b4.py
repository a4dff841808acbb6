"""The array that `b4 review` reads from a check command; `[]` means nothing to say."""

import json

from analyzer.findings import Result, Severity
from analyzer.report.context import Context
from analyzer.report.formats.checkpatch import report_lines
from analyzer.report.summary import answerable, count


def render(result: Result, context: Context) -> str:
    """Return an array of one entry, "fail" with an error among the findings and "warn" without."""
    lines = list(report_lines(result, context))
    if not lines:
        return "[]\n"
    findings = answerable(result, context)
    parts = [count(len(findings), "finding")] if findings else []
    if result.skipped:
        parts.append(f"{count(len(result.skipped), 'part')} not analysed")
    entry = {
        "tool": "pagelint",
        "status": "fail" if any(f.severity is Severity.ERROR for f in findings) else "warn",
        "summary": ", ".join(parts),
        "url": "",
        "details": "\n".join(lines),
    }
    return json.dumps([entry], indent=2) + "\n"
