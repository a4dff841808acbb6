"""Rewrites kernel C in place into C that the grammar knows, byte for byte in length.

The text that comes in is masked and has no preprocessor lines. Nothing is inserted or
removed: words are blanked, shortened and padded, or joined (`struct s` as a macro
argument becomes `struct_s`), and newlines stay where they are. Shape decides wherever it
can; the words that need naming are in rules/syntax.toml. A rewrite that guesses wrong
costs a misread statement, so each asks for a shape that valid C does not have.

What a reader of the tree meets that the file does not say: `case a ... b` is `case a |_| b`
(no constant), an operand of `typeof` and the inside of `asm` are gone (so are the labels of
`asm goto`), a computed goto is `goto _`, an operator or nothing as a macro argument is `_`,
a designator as a macro argument is an assignment. Where a semicolon or a brace has to be
added and no blank is near, a macro's arguments move by a byte or two: the one exception to
offsets that hold.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.syntax.arguments import rewrite_arguments
from analyzer.syntax.code import Code
from analyzer.syntax.head import rewrite_head
from analyzer.syntax.items import FunctionText, Mark
from analyzer.syntax.outline import blank
from analyzer.syntax.statements import complete_labels, end_lone_words, rewrite_calls, rewrite_fields
from analyzer.syntax.words import rewrite_words

_DIRECTIVE_LINE = re.compile(rb"^[ \t]*+#(?:[^\n\\]|\\\r?\n|\\)*+", re.MULTILINE)
_PASTED = re.compile(rb"(,)?[ \t]*+##[ \t]*+")
_STRINGISED = re.compile(rb"#(?=\s*+(\w))")


@dataclass(frozen=True)
class Rewritten:
    """The text after rewriting, and what went away, keyed by offset in it."""

    text: bytes
    marks: Mapping[int, Mark]


def normalise_function(text: bytes, function: FunctionText) -> Rewritten:
    """Return the text of one function, masked and without directives, in plain C."""
    code = Code(text.replace(b"\\\n", b" \n"), function.start)
    _rewrite_function_head(code, function)
    rewrite_words(code)
    code.pair_brackets()
    rewrite_fields(code)
    rewrite_calls(code)
    rewrite_arguments(code)
    end_lone_words(code)
    complete_labels(code)
    return Rewritten(bytes(code.text), code.marks)


def normalise_initialiser(text: bytes) -> bytes:
    """Return the masked text of an initialiser in plain C: all `#if` arms stay, of the declared name nothing does."""
    code = Code(_without_directives(text), 0)
    equals = code.source.find(b"=")
    if equals >= 5:
        code.text[:equals] = b"int x" + blank(code.source[5:equals])
    rewrite_words(code)
    code.pair_brackets()
    rewrite_arguments(code)
    return bytes(code.text)


def normalise_prototype(text: bytes, name: str) -> bytes:
    """Return the masked text of a prototype in plain C; all `#if` arms stay."""
    plain = _without_directives(text)
    end = plain.rfind(b";")
    found = re.search(rb"\b%s\s*+\(" % re.escape(name.encode("ascii", "replace")), plain)
    if found is None or end < 0:
        return plain
    return rewrite_head(plain[:end], found.start())[0] + plain[end:]


def _without_directives(text: bytes) -> bytes:
    return _DIRECTIVE_LINE.sub(lambda match: blank(match[0]), text).replace(b"\\\n", b" \n")


def _rewrite_function_head(code: Code, function: FunctionText) -> None:
    """Rewrite what stands before the body."""
    brace = function.body - code.base
    if function.is_macro:
        code.body = code.source.find(b"{")
        return
    if code.source[brace : brace + 1] != b"{":
        brace = code.source.find(b"{")
    if brace < 0:
        return
    code.body = brace
    head, attributes = rewrite_head(code.source[:brace], function.name_offset - code.base)
    code.text[:brace] = head
    for offset, attribute in attributes:
        code.mark("attribute", attribute, offset)


def as_function(definition: bytes, macro: FunctionText) -> bytes:
    """Return a macro's masked definition as a function around its replacement text, which stays where it was."""
    head = definition[: macro.body - macro.start]
    name_end = macro.name_offset - macro.start + len(macro.name)
    parameters = head[name_end:].replace(b"\\", b" ").rstrip()
    parameters = parameters.replace(b"...", b"   " if re.search(rb"\w\s*\.\.\.", parameters) else b"...")
    front = b"void " + macro.name.encode("ascii", "replace") + parameters
    room = len(head) - len(front) - 1
    body = _PASTED.sub(_paste, definition[len(head) :])
    if room < 0:
        front, room = b"void f()", len(head) - len(b"void f()") - 1
    newlines = head.count(b"\n")
    return front + b" " * (room - newlines) + b"\n" * newlines + b"{" + _STRINGISED.sub(rb"_\1", body) + b";}"


def _paste(match: re.Match[bytes]) -> bytes:
    """Return `a ## b` as one identifier, and `, ## args` as what it is without the operator."""
    return match[0].replace(b"##", b"  ") if match[1] else b"_" * len(match[0])
