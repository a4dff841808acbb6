"""Findings that are known and accepted: a text file that can be edited, merged and reviewed.

One finding a line, no line numbers, so that it survives edits of the code:

    fingerprint rule file function # reason
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from analyzer.findings import Finding, Note, Result, Status
from analyzer.source import RuleError, SourceError


def read_baseline(file: Path) -> Counter[str]:
    """Return how often each fingerprint is listed; raise RuleError naming the line that is no entry."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    found: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words[0]) != 16 or words[0].strip("0123456789abcdef"):
            raise RuleError(f"{file}:{number}: not a fingerprint of 16 hexadecimal digits")
        found[words[0]] += 1
    return found


def without_accepted(result: Result, left: Counter[str]) -> Result:
    """Return the result without the findings that a baseline accepts, and take those from what is left of it."""
    kept = []
    for finding in result.findings:
        if finding.status is not Status.FIXED and left[finding.fingerprint] > 0:
            left[finding.fingerprint] -= 1
        else:
            kept.append(finding)
    return msgspec.structs.replace(result, findings=tuple(kept))


def unused_entries(file: Path, left: Counter[str]) -> tuple[Note, ...]:
    """Return a remark for each entry of a baseline that fitted no finding."""
    return tuple(Note(file=str(file), message=f"unused entry {name}") for name in sorted(+left))


def baseline_text(findings: Iterable[Finding]) -> str:
    """Return the baseline that accepts these findings, sorted."""
    lines = [
        f"{f.fingerprint} {f.rule} {f.file} {f.function} # {f.message}\n"
        for f in findings
        if f.status is not Status.FIXED
    ]
    return "".join(sorted(lines, key=lambda line: line.split(" ", 1)[1]))
