"""reviewdog's diagnostic format, one JSON object per line."""

import json
from typing import Any

from analyzer.findings import Finding, Result, Severity
from analyzer.report.context import Context
from analyzer.report.plain import encodable, step_message
from analyzer.report.summary import answerable

SEVERITY = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "INFO"}


def render(result: Result, context: Context) -> str:
    """Return one line per finding; skipped parts have no place in this format."""
    return "".join(json.dumps(_diagnostic(finding)) + "\n" for finding in answerable(result, context))


def _diagnostic(finding: Finding) -> dict[str, Any]:
    return {
        "message": encodable(finding.message),
        "location": _location(finding.file, finding.line, finding.column),
        "severity": SEVERITY[finding.severity],
        "source": {"name": "pagelint"},
        "code": {"value": encodable(finding.rule)},
        "relatedLocations": [
            {"message": encodable(step_message(step)), "location": _location(step.file, step.line)}
            for step in finding.trace
        ],
    }


def _location(path: str, line: int, column: int | None = None) -> dict[str, Any]:
    start = {"line": line} if column is None else {"line": line, "column": column}
    return {"path": encodable(path), "range": {"start": start}}
