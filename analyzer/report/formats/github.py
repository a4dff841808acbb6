"""Workflow commands that become annotations on GitHub: `::error file=,line=,col=::message`."""

from analyzer.findings import Result, Severity
from analyzer.report.context import Context
from analyzer.report.plain import step_message, visible
from analyzer.report.summary import answerable

Properties = dict[str, str | int]

COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(result: Result, context: Context) -> str:
    """Return one command per finding, then one per skipped part."""
    lines = []
    for finding in answerable(result, context):
        trace = "".join(f"\n{step.file}:{step.line}: {step_message(step)}" for step in finding.trace)
        where: Properties = {
            "file": finding.file,
            "line": finding.line,
            "col": finding.column,
            "title": f"pagelint {finding.rule}",
        }
        lines.append(_command(COMMAND[finding.severity], where, finding.message + trace))
    for entry in result.skipped:
        at: Properties = {"file": entry.file} if entry.line is None else {"file": entry.file, "line": entry.line}
        function = f"{entry.function}: " if entry.function else ""
        lines.append(_command("notice", {**at, "title": "pagelint: not analysed"}, function + entry.reason))
    return "".join(f"{line}\n" for line in lines)


def _command(name: str, properties: Properties, message: str) -> str:
    fields = ",".join(f"{key}={_escape_property(str(value))}" for key, value in properties.items())
    return f"::{name} {fields}::{_escape(message)}"


def _escape(text: str) -> str:
    """Return `text` as the data of a command: percent, CR and LF are what its reader decodes."""
    return visible(text, keep="\r\n").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
