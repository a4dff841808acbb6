"""Rewrites words that stand out by themselves: attributes, assembly, `typeof`, numbers, neighbours of strings."""

import re
from dataclasses import dataclass
from functools import lru_cache

from analyzer.syntax.code import KEYWORDS, Code, word_before
from analyzer.syntax.items import Mark
from analyzer.syntax.outline import group_end
from analyzer.syntax.vocabulary import vocabulary

_ASSEMBLY = (
    rb"\b(?:__asm__|__asm|asm%s)\b(?:\s*+\b(?:volatile|__volatile__|__volatile|goto|inline|__inline__)\b)*+\s*+\("
)
_TYPEOF = re.compile(rb"\b(?:__typeof__|__typeof|typeof|__typeof_unqual__|typeof_unqual)\s*+\(")
_BESIDE_STRING = re.compile(rb"""(?<=["_\n])"((?:\s*+[A-Za-z_]\w*+(?:\s*+\([^()"{};]*+\))?)++)(?=\s*+[",);\]}])""")
_BEFORE_STRING = re.compile(
    rb"""([(,=]\s*+)([A-Za-z_]\w*+(?:\([^()"{};]*+\))?(?:\s++[A-Za-z_]\w*+(?:\([^()"{};]*+\))?)*+)(\s*+)(?=")"""
)
_AFTER_GROUP = re.compile(rb"\s*+")
_COMPUTED_GOTO = re.compile(rb"\bgoto\s*+\*[^;]*+")
_CASE_RANGE = re.compile(rb"\bcase\b[^:;{}]*?\.\.\.")
_NOT_A_NUMBER = re.compile(rb"[0-9](?<![\w.].)(?<!0(?=[xXbB]))\d*+(?![.]|[eE]\d|[uUlLiI]*+\b)\w++", re.DOTALL)
_STATIC_MACRO = re.compile(rb"(?<=[;{}\s])static\s++(?=[A-Z][A-Z0-9_]*+\s*+\()")
_OFFSETOF = re.compile(rb"\boffsetof(?=\s*+\([^,;(){}]*+,\s*+\w++\s*+[^\s)])")
_ALIGNOF = re.compile(rb"\b(?:__alignof__|__alignof|_Alignof|alignof)(?=\s*+\(\s*+(?:[*&(]|\w++(?:->|[.\[])))")
_STRAY_WORD = re.compile(
    rb"(?:struct|union|enum)\s++\w++\s++(?:((?!const\b|volatile\b)\w++)(?=\s*+\*)|\w++\s++(\w++)(?=\s*+[;=]))"
)
_STRAY_AFTER_ARRAY = re.compile(rb"\][ \t]++([A-Za-z_]\w*+)(?=\s*+[;=])")
_WORD_BEFORE = re.compile(rb"([A-Za-z_]\w*+)(?:\s*+\[[^\]]*+\])*+\s*+\Z")
_STRING = re.compile(rb'"[^"]*+"')


def rewrite_words(code: Code) -> None:
    """Rewrite all of these in `code`."""
    text = bytes(code.text)
    if b"asm" in text:
        done = 0
        for match in _patterns().assembly.finditer(text):
            if match.start() >= done:
                done = _assembly(code, text, match.start(), match.end() - 1)
    if b"typeof" in text:
        _operands_of_typeof(code, text)
    _attributes(code, text)
    if b'"' in text:
        _neighbours_of_strings(code)
    _spellings(code, text)


def _operands_of_typeof(code: Code, text: bytes) -> None:
    end = 0
    for match in _TYPEOF.finditer(text):
        if match.start() < end:
            continue
        end = group_end(text, match.end() - 1)
        if text[end : end + 1] == b")" and text[end + 1 : end + 2] == b"(":
            code.put(match.start(), end, b"void *")
        else:
            code.blank(match.end() - 1, end)


def _attributes(code: Code, text: bytes) -> None:
    known = code.vocabulary
    done = 0
    for match in _patterns().attribute.finditer(text, code.body):
        word = match[0]
        if match.start() < done:
            continue
        if word in known.cleanups:
            done = _cleanup(code, text, match)
        elif known.is_attribute(word) and text[match.start() - 1] not in b".>":
            end = match.end()
            follow = _AFTER_GROUP.match(text, end)
            assert follow is not None
            opening = follow.end()
            if text[opening : opening + 1] == b"(" and text[opening + 1 : opening + 2] != b"*":
                if word not in known.attributes:
                    continue
                end = done = group_end(text, opening)
            code.blank(match.start(), end)
    _stray_words(code)


def _stray_words(code: Code) -> None:
    """Blank words where only an attribute can stand: `struct s A *p`, `struct s x A;`, `x[3] A;`."""
    text = bytes(code.text)
    for pattern in (_STRAY_WORD, _STRAY_AFTER_ARRAY):
        for match in pattern.finditer(text, code.body):
            code.blank(match.start(match.lastindex or 0), match.end())


def _neighbours_of_strings(code: Code) -> None:
    """Blank macros that make a string together with literals; C has no word beside a literal."""
    for match in _BESIDE_STRING.finditer(bytes(code.text)):
        code.blank(match.start(1), match.end(1))
    for match in _BEFORE_STRING.finditer(bytes(code.text)):
        if match[2] not in KEYWORDS:
            code.blank(match.start(2), match.end(2))


def _spellings(code: Code, text: bytes) -> None:
    """Respell what the grammar does not know; the value of a case range becomes one that nobody can compute."""
    if b"..." in text:
        for match in _CASE_RANGE.finditer(text, code.body):
            code.text[match.end() - 3 : match.end()] = b"|_|"
    for match in _NOT_A_NUMBER.finditer(text, code.body):
        code.text[match.start()] = 0x5F
    if b"static" in text:
        for match in _STATIC_MACRO.finditer(text, code.body):
            code.blank(match.start(), match.end())
    if b"alignof" in text:
        for match in _ALIGNOF.finditer(text):
            code.text[match.start()] = 0x58
    if b"offsetof" in text:
        for match in _OFFSETOF.finditer(bytes(code.text)):
            code.text[match.start()] = 0x4F
    if b"goto" in text:
        for match in _COMPUTED_GOTO.finditer(text):
            code.put(match.start(), match.end(), b"goto _")


def _assembly(code: Code, text: bytes, start: int, opening: int) -> int:
    """Leave of inline assembly `asm("...")`; of a declaration's register name nothing; return its end."""
    end = group_end(text, opening)
    before = word_before(text, start)
    if before and before not in KEYWORDS:
        code.blank(start, end)
        return end
    string = _STRING.search(text, opening, end)
    code.put(start, opening, b"asm")
    if string is not None:
        code.blank(opening + 1, string.start())
        code.blank(string.end(), end - 1)
    elif end - opening >= 4:
        code.put(opening + 1, end - 1, b'""')
    return end


def _cleanup(code: Code, text: bytes, match: re.Match[bytes]) -> int:
    """Blank `__free(function)` and mark the variable before it; return its end."""
    opening = text.find(b"(", match.end())
    if opening < 0:
        return match.end()
    end = group_end(text, opening)
    variable = _WORD_BEFORE.search(text[max(0, match.start() - 128) : match.start()])
    if variable is not None:
        at = match.start() - (min(match.start(), 128) - variable.start(1))
        code.marks[at] = Mark(
            "cleanup", text[opening + 1 : end - 1].strip().decode("ascii", "replace"), code.base + match.start()
        )
    code.blank(match.start(), end)
    return end


@dataclass(frozen=True)
class _Patterns:
    assembly: re.Pattern[bytes]
    attribute: re.Pattern[bytes]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    """Return the patterns that hold words of the vocabulary."""
    known = vocabulary()
    plain = sorted(word for word in known.attributes | known.cleanups if not word.startswith(b"__"))
    assembly = b"".join(b"|" + word for word in sorted(known.assembly))
    return _Patterns(
        assembly=re.compile(_ASSEMBLY % assembly),
        attribute=re.compile(rb"\b(?:__\w++|(?:" + b"|".join(plain) + rb")\b)"),
    )
