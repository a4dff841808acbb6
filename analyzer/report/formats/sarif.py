"""SARIF 2.1.0: the trace as a code flow, a thread flow per context of a race, the fingerprint without lines.

What was not analysed becomes a tool execution notification, and so do remarks on the input.
Columns count characters, which SARIF can name, unlike the bytes of the other formats.
"""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from analyzer.findings import Confidence, Finding, Note, Result, Severity, Skipped, Status, Step
from analyzer.report.context import Context, RulePage
from analyzer.report.plain import character_column, encodable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
PRECISION = {Confidence.HIGH: "high", Confidence.MEDIUM: "medium", Confidence.LOW: "low"}
BASELINE = {Status.NEW: "new", Status.EXISTING: "unchanged", Status.FIXED: "absent"}


def render(result: Result, context: Context) -> str:
    """Return a log with one run; its rules are the catalogue and whatever else a finding names, sorted."""
    rules = sorted({*context.rules, *(finding.rule for finding in result.findings)})
    run = {
        "tool": {
            "driver": {
                "name": "pagelint",
                "version": encodable(context.version),
                "rules": [_rule(rule, context.rules.get(rule)) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    *(_skipped_notification(entry) for entry in result.skipped),
                    *(_note_notification(note) for note in result.notes),
                ],
            }
        ],
        "results": [_result(finding, rules.index(finding.rule), context) for finding in result.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: str, page: RulePage | None) -> dict[str, Any]:
    if page is None:
        return {"id": encodable(rule)}
    text = encodable(page.page or page.summary)
    return {
        "id": encodable(rule),
        "shortDescription": _message(page.summary),
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": LEVEL[Severity(page.severity)]},
        "properties": {"precision": PRECISION[Confidence(page.confidence)], "tags": ["page-lock"]},
    }


def _result(finding: Finding, rule_index: int, context: Context) -> dict[str, Any]:
    column = character_column(finding.line_text, finding.column) if finding.line_text else finding.column
    flows = {"codeFlows": [{"threadFlows": _thread_flows(finding.trace)}]} if finding.trace else {}
    baseline = {"baselineState": BASELINE[finding.status]} if context.patch_mode else {}
    return {
        "ruleId": encodable(finding.rule),
        "ruleIndex": rule_index,
        "level": LEVEL[finding.severity],
        "message": _message(finding.message),
        "locations": [_location(finding.file, finding.line, finding.function, column)],
        "partialFingerprints": {"pagelint/v1": finding.fingerprint},
        **baseline,
        **flows,
        "properties": {"confidence": finding.confidence.value, "subject": encodable(finding.subject)},
    }


def _thread_flows(trace: Sequence[Step]) -> list[dict[str, Any]]:
    """Return a thread flow per context, in order of first action; the order across them is in executionOrder."""
    contexts = dict.fromkeys(step.context for step in trace)
    return [
        {
            **({"id": encodable(name)} if name else {}),
            "locations": [
                {
                    "location": {
                        **_location(step.file, step.line, step.function),
                        "message": _message(step.message),
                    },
                    "executionOrder": order,
                }
                for order, step in enumerate(trace, 1)
                if step.context == name
            ],
        }
        for name in contexts
    ]


def _location(file: str, line: int | None, function: str = "", column: int | None = None) -> dict[str, Any]:
    region = {"startLine": line, **({} if column is None else {"startColumn": max(column, 1)})}
    return {
        "physicalLocation": {"artifactLocation": _artifact(file), **({"region": region} if line else {})},
        **({"logicalLocations": [{"name": encodable(function), "kind": "function"}]} if function else {}),
    }


def _artifact(file: str) -> dict[str, str]:
    """Return a path as a URI: relative to the source root, or absolute when the path is."""
    quoted = quote(encodable(file))
    if PurePosixPath(file).is_absolute():
        return {"uri": f"file://{quoted}"}
    return {"uri": quoted, "uriBaseId": "%SRCROOT%"}


def _skipped_notification(entry: Skipped) -> dict[str, Any]:
    function = f"{entry.function}: " if entry.function else ""
    return {
        "level": "warning",
        "descriptor": {"id": "not-analysed"},
        "message": _message(f"not analysed: {function}{entry.reason}"),
        **({"locations": [_location(entry.file, entry.line, entry.function or "")]} if entry.file else {}),
    }


def _note_notification(note: Note) -> dict[str, Any]:
    return {
        "level": "note",
        "descriptor": {"id": "input"},
        "message": _message(note.message),
        **({"locations": [_location(note.file, note.line)]} if note.file else {}),
    }


def _message(text: str) -> dict[str, str]:
    return {"text": encodable(text)}
