"""Rewrites the head of a function definition: type, name, parameters, and the macros between them."""

import re

from analyzer.syntax.outline import blank, group_end
from analyzer.syntax.vocabulary import KEYWORD_TYPES, STORAGE, TAGGED, vocabulary

_TOKEN = re.compile(rb"([A-Za-z_]\w*+)(?:\s*+(\())?|\*|\[[^\]]*+\]")
_NAME = re.compile(rb"([A-Za-z_]\w*+)\s*+(?=\()")
_WORD = re.compile(rb"[A-Za-z_]\w*+")
_PLAIN = re.compile(
    rb"\s*+(?:const\s++)?(?:(?:struct|union|enum)\s++\w++|unsigned\s++(?:int|long|char|short)|(?!__)\w++)"
    rb"(?:\s*+\*\s*+|\s++)\**(?!__)\w++\s*+|\s*+void\s*+|\s*+\.\.\.\s*+"
)
_PLAIN_TYPE = re.compile(
    rb"(?:static\s++)?(?:const\s++)?(?:(?:struct|union|enum)\s++\w++|unsigned\s++(?:int|long|char|short)|(?!__)\w++)\s*+[\s*]++"
)
_DECLARATOR = re.compile(rb"\(\s*+[*^]|\(\s*+\w++\s*+\*|\)\s*+\(")
_ARGUMENTS = re.compile(rb"[\w\s,*]*+")

Attributes = list[tuple[int, bytes]]


def rewrite_head(head: bytes, name_at: int) -> tuple[bytes, Attributes]:
    """Return the text before a function's `{` in plain C, same length, and the attributes with their offsets.

    `name_at` is where the outline saw the name; it may be inside a macro that makes the function.
    """
    text = bytearray(head)
    attributes: Attributes = []
    word = _WORD.match(head, name_at)
    if word is None or head[name_at : name_at + 1].isspace():
        name = _find_name(head)
        if name is None:
            return head, attributes
        name_at = name.start()
        word = _WORD.match(head, name_at)
        assert word is not None
    opening = len(head) - len(head[word.end() :].lstrip())
    if head[opening : opening + 1] != b"(":
        return _made_by_macro(head, text, name_at, attributes)
    _rewrite_type(head, text, 0, name_at, attributes)
    closing = group_end(head, opening)
    _rewrite_parameters(head, text, opening + 1, closing - 1, attributes)
    _rewrite_tail(head, text, closing, attributes)
    if not bytes(text[:name_at]).strip() and word.end() - name_at >= 3:
        text[name_at : name_at + 3] = b"T f"
    return bytes(text), attributes


def _find_name(head: bytes) -> re.Match[bytes] | None:
    known = vocabulary()
    at = 0
    while name := _NAME.search(head, at):
        if name[1] not in KEYWORD_TYPES and not known.is_attribute(name[1]):
            return name
        at = group_end(head, name.end())
    return None


def _made_by_macro(head: bytes, text: bytearray, name_at: int, attributes: Attributes) -> tuple[bytes, Attributes]:
    """Rewrite `MACRO(name, ...)`, and `type MACRO(name)(parameters)`, whose name is inside the parentheses."""
    opening = head.rfind(b"(", 0, name_at)
    if opening < 0:
        return bytes(text), attributes
    macro_at = opening
    while macro_at and (head[macro_at - 1 : macro_at].isalnum() or head[macro_at - 1] in b"_ \t"):
        if head[macro_at - 1] in b" \t" and head[macro_at : macro_at + 1] not in (b"(", b" ", b"\t"):
            break
        macro_at -= 1
    closing = group_end(head, opening)
    following = len(head) - len(head[closing:].lstrip())
    if head[following : following + 1] == b"(":
        text[opening:closing] = blank(head[opening:closing])
        _rewrite_type(head, text, 0, macro_at, attributes)
        end = group_end(head, following)
        _rewrite_parameters(head, text, following + 1, end - 1, attributes)
        _rewrite_tail(head, text, end, attributes)
        return bytes(text), attributes
    text[:macro_at] = blank(head[:macro_at])
    macro = head[macro_at:opening].strip()
    if macro.decode("ascii", "replace").rstrip("0123456789") in vocabulary().definition_prefixes:
        _rewrite_pairs(head, text, macro_at, opening, closing)
    else:
        width = opening - macro_at
        if width >= 3:
            text[macro_at:opening] = (b"int f" if width >= 5 else b"T f").ljust(width)
        if not _ARGUMENTS.fullmatch(head, opening + 1, closing - 1):
            text[opening + 1 : closing - 1] = blank(head[opening + 1 : closing - 1])
        else:
            _rewrite_parameters(head, text, opening + 1, closing - 1, attributes)
    _rewrite_tail(head, text, closing, attributes)
    return bytes(text), attributes


def _rewrite_pairs(head: bytes, text: bytearray, macro_at: int, opening: int, closing: int) -> None:
    """Rewrite `MACRO(name, type, variable, type, variable)` to `int name(type variable, type variable)`."""
    text[macro_at : opening + 1] = b"int".ljust(opening + 1 - macro_at)
    commas = _commas(head, opening + 1, closing - 1)
    if not commas:
        text[macro_at : opening + 1] = b"int f".ljust(opening - macro_at) + b"("
        return
    text[commas[0]] = 0x28
    for comma in commas[1::2]:
        text[comma] = 0x20
    starts = [commas[0] + 1, *(comma + 1 for comma in commas[2::2])]
    for start, end in zip(starts, [*(start - 1 for start in starts[1:]), closing - 1], strict=True):
        _rewrite_words(bytes(text), text, start, end, [], True)


def _commas(head: bytes, start: int, end: int) -> list[int]:
    """Return the commas of a range that are in no further parentheses."""
    depth = 0
    commas = []
    for at in range(start, end):
        character = head[at]
        if character == 0x28:
            depth += 1
        elif character == 0x29:
            depth -= 1
        elif character == 0x2C and not depth:
            commas.append(at)
    return commas


def _rewrite_type(head: bytes, text: bytearray, start: int, end: int, attributes: Attributes) -> None:
    if not _PLAIN_TYPE.fullmatch(head, start, end):
        _rewrite_words(head, text, start, end, attributes, False)


def _rewrite_parameters(head: bytes, text: bytearray, start: int, end: int, attributes: Attributes) -> None:
    commas = _commas(head, start, end)
    for first, last in zip([start, *(comma + 1 for comma in commas)], [*commas, end], strict=True):
        if _DECLARATOR.search(head, first, last):
            _blank_attributes(head, text, first, last, attributes)
        elif not _PLAIN.fullmatch(head, first, last):
            _rewrite_words(head, text, first, last, attributes, True)


def _blank_attributes(head: bytes, text: bytearray, start: int, end: int, attributes: Attributes) -> None:
    """Blank in a declarator with parentheses only what is an attribute by name."""
    known = vocabulary()
    for token in _TOKEN.finditer(head, start, end):
        if token[1] and known.is_attribute(token[1]):
            last = min(group_end(head, token.start(2)), end) if token[2] else token.end(1)
            attributes.append((token.start(), head[token.start() : last]))
            text[token.start() : last] = blank(head[token.start() : last])


def _rewrite_tail(head: bytes, text: bytearray, start: int, attributes: Attributes) -> None:
    """Blank what stands between the parameters and the body, unless it is K&R declarations or more declarator."""
    tail = head[start:]
    if not tail.strip() or tail.lstrip()[:1] in (b"(", b")", b"["):
        return
    if b";" in tail:
        _blank_attributes(head, text, start, len(head), attributes)
        return
    at = start
    while token := _TOKEN.search(head, at):
        at = token.end()
        if token[1]:
            at = group_end(head, token.start(2)) if token[2] else at
            attributes.append((token.start(), head[token.start() : at]))
    text[start:] = blank(tail)


def _rewrite_words(head: bytes, text: bytearray, start: int, end: int, attributes: Attributes, has_name: bool) -> None:
    """Leave of a declaration's words its type and, where there is one, its name; blank the others.

    A word is the type if C says so (`struct s`, `unsigned`), else the last candidate that no
    name, pattern or spelling in capitals speaks against.
    """
    known = vocabulary()
    typed = starred = False
    unknown: list[tuple[int, int, bool]] = []
    doubtful: list[tuple[int, int]] = []
    at = start
    after_tag = False
    while (token := _TOKEN.search(head, at, end)) is not None:
        at = token.end()
        word = token[1]
        if word is None:
            starred = starred or token[0] == b"*"
            continue
        if token[2]:
            at = token.end(1)
        span = (token.start(1), token.end(1))
        if after_tag and not known.is_attribute(word):
            after_tag = False
        elif word in TAGGED:
            typed = after_tag = True
        elif word in KEYWORD_TYPES:
            typed = True
        elif word in STORAGE:
            continue
        elif known.is_attribute(word) or (token[2] and not has_name):
            if token[2]:
                at = min(group_end(head, token.start(2)), end)
            if word.endswith((b"typeof", b"typeof__")):
                typed = True
                text[token.start(2) : at] = blank(head[token.start(2) : at])
                continue
            attributes.append((span[0], head[span[0] : at]))
            text[span[0] : at] = blank(head[span[0] : at])
            if not token[2]:
                doubtful.append(span)
        elif token[2]:
            return
        else:
            unknown.append((*span, starred))
    candidates = [word for word in unknown if not word[2]]
    names = unknown[-1:] if has_name else []
    if has_name and len(unknown) > 1 and head[names[0][0] : names[0][1]].isupper():
        names = unknown[-2:-1]
    if typed:
        kept = names
    else:
        if has_name and not starred and len(candidates) > 1:
            candidates = [word for word in candidates if word not in names]
        lower = [word for word in candidates if not head[word[0] : word[1]].isupper()]
        kept = (lower or candidates)[-1:] + (names if len(unknown) > 1 or not candidates else [])
        if not has_name and not candidates and doubtful:
            first, last = doubtful[-1]
            text[first:last] = head[first:last]
    for first, last, _starred in unknown:
        if not any(first == word[0] for word in kept):
            attributes.append((first, head[first:last]))
            text[first:last] = blank(head[first:last])
