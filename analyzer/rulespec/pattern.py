"""Patterns of calls and field accesses, as they stand in model files.

    lock_page($p)                     the argument is the subject
    $p = find_lock_page(_, _)         the result is the subject
    write_begin_of(_, *$p)            the subject is what the argument points to
    list_add(&$p->lru, ...)           the argument is the address of a field of the subject
    finish(_->page = $p)              the subject is the field `page` of what the argument points to
    put(_, 1)  get(_, FLAG)           the argument equals a constant
    get(_, has(FLAG), lacks(OTHER))   the argument is a mask with, or surely without, a flag
    ->read_folio(_, $p)               a call through a field of that name
    $p->mapping                       a read or write of a field of the subject

`_` is any argument, `...` any number of further arguments.
"""

import re

import msgspec

from analyzer.source import RuleError


class Argument(msgspec.Struct, frozen=True, array_like=True):
    """What one argument of a call must be.

    kind: any | subject | out | field-of-subject | subject-in-field | constant | has | lacks | rest.
    `word` is the field, constant or flag.
    """

    kind: str
    word: str = ""


class CallPattern(msgspec.Struct, frozen=True, array_like=True):
    """A call: `indirect` patterns match calls through a field named `callee`."""

    callee: str
    arguments: tuple[Argument, ...]
    subject_is_result: bool = False
    indirect: bool = False

    @property
    def name(self) -> str:
        """Return what a caller mentions: an identifier, or `->field`."""
        return f"->{self.callee}" if self.indirect else self.callee

    @property
    def subject_positions(self) -> tuple[int, ...]:
        """Return which arguments name the subject."""
        return tuple(i for i, a in enumerate(self.arguments) if a.kind in SUBJECT_KINDS)


SUBJECT_KINDS = frozenset({"subject", "out", "field-of-subject", "subject-in-field"})

_CALL = re.compile(r"(?:(\$p)\s*=\s*)?(->)?([A-Za-z_]\w*)\s*\((.*)\)$", re.DOTALL)
_FIELD = re.compile(r"\$p->([A-Za-z_]\w*)$")
_ARGUMENT_SHAPES = (
    (re.compile(r"_$"), "any"),
    (re.compile(r"\.\.\.$"), "rest"),
    (re.compile(r"\$p$"), "subject"),
    (re.compile(r"\*\$p$"), "out"),
    (re.compile(r"&\$p->(\w+)$"), "field-of-subject"),
    (re.compile(r"_->(\w+)\s*=\s*\$p$"), "subject-in-field"),
    (re.compile(r"has\((\w+)\)$"), "has"),
    (re.compile(r"lacks\((\w+)\)$"), "lacks"),
    (re.compile(r"(-?\w+)$"), "constant"),
)


def parse_call_pattern(text: str, where: str) -> CallPattern:
    """Return the pattern; raise RuleError that quotes `where` (file and key)."""
    match = _CALL.match(text.strip())
    if match is None:
        raise RuleError(f"{where}: {text!r} is not a call pattern such as 'lock_page($p)'")
    words = _split_arguments(match[4])
    arguments = tuple(_parse_argument(word, text, where) for word in words)
    pattern = CallPattern(match[3], arguments, match[1] is not None, match[2] is not None)
    if any(a.kind == "rest" for a in arguments[:-1]):
        raise RuleError(f"{where}: {text!r}: '...' must come last")
    return pattern


def parse_field_pattern(text: str, where: str) -> str:
    """Return the field of `$p->field`; raise RuleError otherwise."""
    match = _FIELD.match(text.strip())
    if match is None:
        raise RuleError(f"{where}: {text!r} is not a field pattern such as '$p->mapping'")
    return match[1]


def _split_arguments(text: str) -> list[str]:
    words, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            words.append(current.strip())
            current = ""
        else:
            current += character
    return [*words, current.strip()] if current.strip() or words else []


def _parse_argument(word: str, text: str, where: str) -> Argument:
    for shape, kind in _ARGUMENT_SHAPES:
        match = shape.match(word)
        if match is not None:
            return Argument(kind, match[1] if match.re.groups else "")
    raise RuleError(f"{where}: {text!r}: {word!r} is not an argument pattern")
