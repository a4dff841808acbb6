"""Hides what must not be mistaken for code: comments for good, literals until the text is rewritten."""

import re
from dataclasses import dataclass

from analyzer.syntax.outline import blank

_HIDDEN = re.compile(
    rb"""/\*.*?(?:\*/|\Z)|//(?:[^\n\\]|\\\r?\n|\\)*+|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|\\\r\n|\x00|\x0c|\r""",
    re.DOTALL,
)
_CONTENT = re.compile(rb"[^\n]")
_SPECIAL = frozenset(rb"""'"()[]{},;#\:?""")


@dataclass(frozen=True)
class Masked:
    """Text without comments, and the literals whose content was replaced by underscores."""

    text: bytes
    literals: tuple[tuple[int, bytes], ...]

    def restore(self, text: bytes) -> bytes:
        """Return `text` (rewritten from `self.text`, same length) with the literals that it still has."""
        if not self.literals:
            return text
        restored = bytearray(text)
        for start, literal in self.literals:
            end = start + len(literal)
            if text[start] == literal[0] and text[end - 1] == literal[-1]:
                restored[start:end] = literal
        return bytes(restored)


def mask(text: bytes) -> Masked:
    """Return `text` with comments and stray control bytes blank and literals opaque, same length."""
    literals: list[tuple[int, bytes]] = []

    def hide(match: re.Match[bytes]) -> bytes:
        found = match[0]
        first = found[0]
        if first == 0x5C:
            return b" \\\n"
        if first == 0x22 or first == 0x27:
            if len(found) < 2 or found[-1] != first:
                return blank(found)
            inner = found[1:-1]
            if first == 0x22 or not _SPECIAL.isdisjoint(inner):
                literals.append((match.start(), found))
                return found[:1] + _CONTENT.sub(b"_", inner) + found[:1]
            return found
        return blank(found)

    return Masked(_HIDDEN.sub(hide, text), tuple(literals))
