"""The functions that a change touches, in both versions: what the checks that compare versions share."""

from collections.abc import Callable, Iterable, Iterator

from analyzer.cfg import Idioms, build_cfg
from analyzer.driver.comparing import FileChange, FileImage
from analyzer.driver.suspicions import agreed_anew
from analyzer.findings import Confidence, Finding, Status
from analyzer.ir import Function
from analyzer.rulespec import Rule
from analyzer.syntax import parse_function


def asked_functions(
    change: FileChange, touched: frozenset[str], known: Iterable[Finding], mentions: Callable[[bytes], bool]
) -> Iterator[str]:
    """Yield the functions of a file of which it is asked what the change takes away, sorted.

    touched: names of all functions that the whole change touches; known: what is reported of the file already, which
    is not said again; mentions: whether the old text of a function is worth the question. Where the change also fixes
    something in a function, nothing is asked of that function.
    """
    told = {
        f.function
        for f in known
        if f.status is Status.FIXED or (f.status is Status.NEW and f.confidence is not Confidence.LOW)
    }
    for name in sorted(change.touched - told):
        before, after = change.before.functions.get(name, []), change.after.functions.get(name, [])
        if len(before) == len(after) and any(map(mentions, before)) and not agreed_anew(change, name, touched - {name}):
            yield name


def lower_functions(image: FileImage, name: str, idioms: Idioms) -> tuple[Function, ...]:
    """Return the functions of a name in IR; raise AnalyzerError where one cannot be read."""
    return tuple(
        build_cfg(parsed, image.path, idioms)
        for item in image.outline.functions
        if item.name == name
        for parsed in parse_function(image.source, item)
    )


def lines_of(image: FileImage) -> Callable[[int], int]:
    """Return what tells the line of an offset."""
    return lambda at: image.source.position(max(at, 0))[0]


def new_finding(
    rule: Rule, message: str, image: FileImage, function: str, line: int, subject: str, confidence: Confidence
) -> Finding:
    """Return a finding that the change brings, on a line of the new version; `{page}` in the message is the subject."""
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=confidence,
        file=image.path,
        line=line,
        column=1,
        function=function,
        subject=subject,
        message=message.replace("{page}", subject),
        status=Status.NEW,
        line_text=image.source.line(line),
    )
