"""Rewrites what macros take as arguments and functions cannot: types, operators, statements, designators, nothing."""

import re
from bisect import bisect_left
from itertools import pairwise

from analyzer.syntax.code import Code
from analyzer.syntax.outline import blank

_TYPE_ARGUMENT = re.compile(
    rb"[(,]\s*+((?:const|volatile|struct|union|enum|unsigned|signed|long|short|int|char|void|float|double|_Bool)\b)"
)
_STAR_ARGUMENT = re.compile(rb"(?<=[\w*\s])\*[\s*]*+(?=[,)])")
_OPERATOR_ARGUMENT = re.compile(rb"[(,]\s*+(==|!=|<=|>=|<<|>>|&&|\|\||->|[-+*/%&|^=<>!]=?\s*+~?|~|!|\.)(?=\s*+[,)])")
_EMPTY_ARGUMENT = re.compile(rb"[(,](?=\s*+,)|,(?=\s*+\))")
_JUMP_ARGUMENT = re.compile(rb"[(,]\s*+(?:return\b|goto\b|break\b|continue\b)[^;,(){}]*+(?:\([^;(){}]*+\))?\s*+(?=\))")
_DESIGNATOR = re.compile(rb"[({,]\s*+(\.)[A-Za-z_][\w.\[\]]*+\s*+=")
_ADJACENT_WORDS = re.compile(rb"[(,]\s*+([A-Za-z_]\w*+(?:[ \t]++[A-Za-z_]\w*+)++)(?=\s*+[,)])")
_WORD_BEFORE_CALL = re.compile(rb"[(,]\s*+([A-Z_][A-Z0-9_]++)\s++(?=\w++\s*+\()")
_STATEMENT_WORD = re.compile(rb"\b(?:if|for|while|do|switch|return|goto|break|continue)\b")
_TYPE_WORDS = frozenset(
    b"const volatile struct union enum unsigned signed long short int char void float double _Bool "
    b"sizeof return".split()
)


def rewrite_arguments(code: Code) -> None:
    """Make types, operators, statements and nothing at all, as macro arguments, into what calls may hold."""
    text = bytes(code.text)
    if code.semicolons:
        _statement_arguments(code, text)
    for match in _JUMP_ARGUMENT.finditer(text, code.body):
        opening = code.opening_at(text, match.start())
        if code.is_call(text, opening) and opening not in code.semicolons:
            _brace(code, text, match.start() + 1, match.end(), False)
    for match in _DESIGNATOR.finditer(text, code.body):
        _designated_argument(code, text, match.start(1))
    for match in _TYPE_ARGUMENT.finditer(text, code.body):
        opening = match.start() if text[match.start()] == 0x28 else code.encloser.get(match.start(), -1)
        if code.is_call(text, opening):
            _type_argument(code, text, match.start(1))
    for match in _ADJACENT_WORDS.finditer(text, code.body):
        if match[1].split()[0] not in _TYPE_WORDS and code.is_call(text, code.opening_at(text, match.start())):
            code.text[match.start(1) : match.end(1)] = match[1].replace(b" ", b"_").replace(b"\t", b"_")
    for match in _WORD_BEFORE_CALL.finditer(text, code.body):
        if code.is_call(text, code.opening_at(text, match.start())):
            code.blank(match.start(1), match.end(1))
    if b"*" in text:
        text = bytes(code.text)
        for match in _STAR_ARGUMENT.finditer(text, code.body):
            opening = code.opening_at(text, match.end())
            if code.is_call(text, opening):
                code.blank(match.start(), match.end())
    text = bytes(code.text)
    for match in _OPERATOR_ARGUMENT.finditer(text, code.body):
        if code.is_call(text, code.opening_at(text, match.start())):
            code.put(match.start(1), match.end(1), b"_")
    text = bytes(code.text)
    for match in _EMPTY_ARGUMENT.finditer(text, code.body):
        if code.is_call(text, code.opening_at(text, match.start())):
            _empty_argument(code, text, match.start())


def _type_argument(code: Code, text: bytes, start: int) -> None:
    """Join the words of a type that begins an argument, and drop its stars."""
    end = start
    depth = 0
    while end < len(text):
        character = text[end]
        if character in b"([{":
            depth += 1
        elif character in b")]}":
            if not depth:
                break
            depth -= 1
        elif character == 0x2C and not depth:
            break
        end += 1
    argument = text[start:end]
    words = re.match(rb"(?:\s*+[A-Za-z_]\w*+)++", argument)
    assert words is not None
    rest = argument[words.end() :]
    joined = _join(words[0])
    if not rest.strip(b" \t\n*") or b"(" in rest:
        rest = blank(rest)
    code.text[start:end] = joined + rest


def _statement_arguments(code: Code, text: bytes) -> None:
    """Put braces around statements that are a macro's argument; expressions among them become one."""
    commas: dict[int, list[int]] = {}
    for at, around in code.encloser.items():
        if around in code.semicolons and text[at] == 0x2C:
            commas.setdefault(around, []).append(at)
    for opening, semicolons in code.semicolons.items():
        closing = code.partner.get(opening)
        if closing is None or not code.is_call(text, opening):
            continue
        bounds = [opening, *commas.get(opening, ()), closing]
        for before, end in pairwise(bounds):
            inside = semicolons[bisect_left(semicolons, before) : bisect_left(semicolons, end)]
            if inside:
                _statement_argument(code, text, before + 1, end, inside)


def _statement_argument(code: Code, text: bytes, start: int, end: int, semicolons: list[int]) -> None:
    content_end = start + len(text[start:end].rstrip(b" \t\n;"))
    if _STATEMENT_WORD.search(text, start, end):
        _brace(code, text, start, end, semicolons[-1] >= content_end)
        return
    for at in semicolons:
        code.text[at] = 0x2C if at < content_end else 0x20


def _brace(code: Code, text: bytes, start: int, end: int, ended: bool) -> None:
    """Put braces around a range of statements; they move left by a byte or two where there is no room behind."""
    content = text[start:end].strip(b" \t\n")
    first = start + text[start:end].find(content)
    last = first + len(content)
    indent = first - start - len(text[start:first].rstrip(b" \t"))
    behind = len(text[last:end]) - len(text[last:end].lstrip(b" \t"))
    room = code.room(last, end)
    if ended and room is not None and indent:
        code.text[first - 1], code.text[room] = 0x7B, 0x7D
        return
    suffix = b"}" if ended else b";}"
    move = max(0, len(suffix) - behind)
    if indent > move:
        at = first - move - 1
        code.text[at : at + len(content) + 1 + len(suffix)] = b"{" + content + suffix


def _designated_argument(code: Code, text: bytes, dot: int) -> None:
    """Make `.field = value`, as a macro argument or in braces as one, an assignment."""
    before = dot - 1
    while before >= 0 and text[before] in b" \t\n":
        before -= 1
    opening = before if text[before] in b"({" else code.encloser.get(before, -1)
    if opening >= 0 and text[opening] == 0x7B and opening in code.partner:
        outer = code.encloser.get(opening, -1)
        if code.is_call(text, outer) and text[:opening].rstrip()[-1:] in (b",", b"("):
            code.text[dot] = code.text[opening] = code.text[code.partner[opening]] = 0x20
    elif code.is_call(text, opening):
        code.text[dot] = 0x20


def _empty_argument(code: Code, text: bytes, before: int) -> None:
    for at in range(before + 1, len(text)):
        character = text[at]
        if character in b" \t":
            code.text[at] = 0x5F
            return
        if character == 0x0A:
            continue
        if character == 0x2C:
            code.text[at] = 0x20
        else:
            code.text[before] = 0x20
        return


def _join(words: bytes) -> bytes:
    """Return type words as one identifier of the same length; a single keyword gets a capital, so that it is none."""
    if b"\n" in words:
        last = re.search(rb"[A-Za-z_]\w*\Z", words)
        assert last is not None
        return blank(words[: last.start()]) + words[last.start() : last.start() + 1].upper() + words[last.start() + 1 :]
    tail = len(words) - len(words.rstrip())
    core = words[: len(words) - tail]
    joined = re.sub(rb"\s", b"_", core)
    return (joined if joined != core else core[:1].upper() + core[1:]) + words[len(words) - tail :]
