"""One JSON object for scripts: version, tool, findings, skipped, stats.

Only ASCII is written, so that it survives any locale and drives no terminal.
A step of a race names its context in front of its message.
"""

import json
from typing import Any

import msgspec

from analyzer.findings import Finding, Result
from analyzer.report.context import Context
from analyzer.report.plain import encodable, step_message


def render(result: Result, context: Context) -> str:
    """Return the object, indented, with a final newline."""
    return json.dumps(result_object(result, context), indent=2) + "\n"


def result_object(result: Result, context: Context) -> dict[str, Any]:
    """Return the object that both JSON formats write; all its strings can be encoded."""
    document = {
        "version": context.version,
        "tool": "pagelint",
        "findings": [_finding_object(finding) for finding in result.findings],
        "skipped": [msgspec.structs.asdict(entry) for entry in result.skipped],
        "stats": msgspec.structs.asdict(result.stats),
    }
    return {key: _encodable(value) for key, value in document.items()}


def _finding_object(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "function": finding.function,
        "subject": finding.subject,
        "message": finding.message,
        "status": finding.status.value,
        "trace": [
            {"file": step.file, "line": step.line, "function": step.function, "message": step_message(step)}
            for step in finding.trace
        ],
        "patch": None if finding.patch is None else msgspec.structs.asdict(finding.patch),
    }


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return value
