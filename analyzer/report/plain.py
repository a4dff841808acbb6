"""Text that is safe to show: on a terminal, in a log, in a mail.

Source lines, subjects and paths come from strangers. What is not printable
(control characters, escape sequences, bidirectional marks, lone surrogates)
is written as a backslash escape, so that it can neither drive a terminal nor
break an encoder. Tabs are kept where alignment needs them.
"""

import unicodedata

from analyzer.findings import Finding, Step


def visible(text: str, keep: str = "") -> str:
    r"""Return `text` with each unprintable character as `\x1b`, `\u202e` and so on; those in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
    if 0xDC80 <= code <= 0xDCFF:  # an undecodable byte of a path or a mail
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def encodable(text: str) -> str:
    """Return `text` with lone surrogates as escapes: all else is left to the output format to escape."""
    return text if text.isascii() else "".join(_escape(c) if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)


def character_column(line_text: str, column: int) -> int:
    """Return the column in characters, from 1, for a `column` in bytes; at most one past the end.

    A replacement character stands for one byte that could not be decoded.
    """
    passed = 1
    for index, character in enumerate(line_text):
        if passed >= column:
            return index + 1
        passed += 1 if character == "\N{REPLACEMENT CHARACTER}" else len(character.encode("utf-8", "surrogatepass"))
    return len(line_text) + 1


def caret_line(line_text: str, column: int) -> str:
    r"""Return the line to print under `visible(line_text, "\t")` that points at the byte `column`.

    Tabs stay tabs and wide characters count twice, so the caret stands under
    its character however wide a tab is.
    """
    before = line_text[: character_column(line_text, column) - 1]
    return "".join("\t" if c == "\t" else " " * _width(c) for c in before) + "^"


def _width(character: str) -> int:
    if not character.isprintable():
        return len(_escape(character))
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def step_message(step: Step) -> str:
    """Return the message of a step, led by its context ("A: ...") in a race."""
    return f"{step.context}: {step.message}" if step.context else step.message


def is_race(finding: Finding) -> bool:
    """Tell whether the trace belongs to concurrent contexts."""
    return any(step.context for step in finding.trace)
