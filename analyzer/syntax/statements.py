"""Rewrites macros that stand for statements: loops, guards, declarations, and those without a semicolon."""

import re

from analyzer.syntax.code import KEYWORDS, Code

_CALL = re.compile(rb"\b([A-Za-z_]\w*+)(\s*+)\(")
_EMPTY_LABEL = re.compile(rb":(\s++)(?=\})")
_DECLARED_MACRO = re.compile(rb"\s*+=\s*+\{")
_AFTER_GROUP = re.compile(rb"\s*+")
_LINE_INDENT = re.compile(rb"[ \t]*+")
_LOCAL_STRUCT = re.compile(rb"\b(?:struct|union)\b(?:\s++\w++)?\s*+\{")
_UNNAMED_FIELD = re.compile(rb"(?<=[;{])\s*+\b(?!default\b)\w++\s*+:\s*+\d++\s*+;")
_FIELD_MACRO = re.compile(rb"(?<=[;{])\s*+([A-Za-z_]\w*+\s*+)\(")
_LONE_WORD = re.compile(rb"(?<=[;{}:])\s*+(__\w++|[A-Z][A-Z0-9_]++\w*+)([ \t]*+\n\s*+)(?=[A-Za-z_}*])")
_WORD = re.compile(rb"[A-Za-z_]\w*+")


def rewrite_fields(code: Code) -> None:
    """Make macros that declare a field of a local structure a field, and blank bit fields without a name."""
    text = bytes(code.text)
    for struct in _LOCAL_STRUCT.finditer(text, code.body):
        end = code.partner.get(struct.end() - 1, struct.end())
        for match in _UNNAMED_FIELD.finditer(text, struct.end() - 1, end):
            code.blank(match.start(), match.end())
        for match in _FIELD_MACRO.finditer(text, struct.end() - 1, end):
            closing = code.partner.get(match.end() - 1)
            if closing is not None and closing - match.start(1) > 5:
                code.put(match.start(1), closing + 1, b"int _")


def rewrite_calls(code: Code) -> None:
    """Give macros that stand for statements, loops and declarations a shape of plain C."""
    text = bytes(code.text)
    for match in _CALL.finditer(text, code.body):
        word = match[1]
        if word in KEYWORDS or text[match.start()] != code.text[match.start()]:
            continue
        closing = code.partner.get(match.end() - 1)
        if closing is None:
            continue
        follow = _AFTER_GROUP.match(text, closing + 1)
        assert follow is not None
        after = follow.end()
        next_byte = text[after : after + 1]
        if not next_byte:
            continue
        if next_byte in b";*+-" and code.vocabulary.iterator_pattern.fullmatch(word):
            if code.begins_statement(text, match.start()):
                _loop(code, match, closing)
            continue
        if next_byte == b"(" and word in code.vocabulary.guards:
            code.mark("guard", code.first_argument(match.end() - 1), match.start())
            continue
        if next_byte in b";,)].?:+-/*%^|&<>!(":
            continue
        if next_byte == b"=":
            _declaring_macro(code, text, match.start(), closing, after)
        elif code.begins_statement(text, match.start()):
            if next_byte == b"{":
                _loop(code, match, closing)
            elif next_byte.isalpha() or next_byte == b"_":
                _before_statement(code, text, match, closing, after)
            elif next_byte == b"}":
                _end_statement(code, match, closing, after)


def end_lone_words(code: Code) -> None:
    """End a macro that stands on a line of its own, as a statement, with a semicolon."""
    start = code.body
    while match := _LONE_WORD.search(code.text, start):
        start = match.end(1)
        at = code.room(match.start(2), match.end(2))
        code.text[match.end(1) - 1 if at is None else at] = 0x3B


def complete_labels(code: Code) -> None:
    """Give a label before a closing brace the statement that C demanded for long."""
    for match in _EMPTY_LABEL.finditer(bytes(code.text), code.body):
        at = code.room(match.start(1), match.end(1))
        if at is not None:
            code.text[at] = 0x3B


def _loop(code: Code, match: re.Match[bytes], closing: int) -> None:
    """Make `macro(args)` before a body a loop, or a condition when it is a scoped guard."""
    word = match[1]
    start, opening = match.start(), match.end() - 1
    scoped = word in code.vocabulary.scoped_guards
    keyword = b"if" if scoped or opening - start < 5 else b"while"
    if opening - start < 2:
        return
    name = code.first_argument(opening) if scoped else word
    code.put(start, opening, keyword)
    code.mark("scoped_guard" if scoped else "iterator", name, start)
    if not code.text[opening + 1 : closing].strip():
        code.put(start, closing + 1, keyword + b"(1)")


def _before_statement(code: Code, text: bytes, match: re.Match[bytes], closing: int, after: int) -> None:
    """Decide what `macro(args) word` is: a loop over a statement, a declaration's type, or a whole statement."""
    if code.vocabulary.iterator_pattern.fullmatch(match[1]) or match[1] in code.vocabulary.scoped_guards:
        _loop(code, match, closing)
        return
    if b"\n" not in text[closing:after]:
        word = _WORD.match(text, after)
        assert word is not None
        following = text[word.end() : word.end() + 16].lstrip()[:1]
        if following and following in b"=;[,":
            code.blank(match.end() - 1, closing + 1)
        else:
            _loop(code, match, closing)
        return
    if _indent(text, after) > _indent(text, match.start()):
        _loop(code, match, closing)
        return
    _end_statement(code, match, closing, after)


def _end_statement(code: Code, match: re.Match[bytes], closing: int, after: int) -> None:
    """Put a semicolon behind `macro(args)`; where there is no room, the arguments lose a blank or a byte."""
    at = code.room(closing + 1, after)
    if at is not None:
        code.text[at] = 0x3B
        return
    spare = code.room(match.end(), closing)
    if spare is None and closing > match.end():
        spare = closing - 1
    if spare is not None:
        code.text[spare : closing + 1] = code.text[spare + 1 : closing + 1] + b";"


def _declaring_macro(code: Code, text: bytes, start: int, closing: int, equals: int) -> None:
    """Blank the initialiser of `DECLARE_X(name, n) = { ... };`."""
    value = _DECLARED_MACRO.match(text, closing + 1)
    if value is None or not code.begins_statement(text, start):
        return
    end = code.partner.get(value.end() - 1)
    if end is not None:
        code.blank(equals, end + 1)


def _indent(text: bytes, at: int) -> int:
    start = text.rfind(b"\n", 0, at) + 1
    indent = _LINE_INDENT.match(text, start)
    assert indent is not None
    return len(indent[0].expandtabs(8))
