"""A text being rewritten in place: its brackets, its marks, and the few ways to change it."""

import re
from dataclasses import dataclass, field

from analyzer.syntax.items import Mark
from analyzer.syntax.outline import blank as blanks
from analyzer.syntax.vocabulary import Vocabulary, vocabulary

_BRACKET = re.compile(rb"[(){}\[\],;]")
KEYWORDS = frozenset(
    b"if while for switch return sizeof case else do goto typeof __typeof__ alignof _Alignof __alignof__ __alignof "
    b"defined offsetof asm __asm__ __asm _Generic void int char long short unsigned signed const volatile "
    b"struct".split()
)
"""Words of C that may stand before a parenthesis and make no call with it."""

_TYPE_OPERATORS = frozenset(
    b"sizeof typeof alignof _Alignof __alignof__ __alignof _Generic if while for switch return case else do "
    b"int char long short unsigned signed void const".split()
)


@dataclass
class Code:
    """`text` always has the length and the line ends that `source` came with.

    `base` is the file offset of its first byte, `body` where the function's block begins.
    After `pair_brackets`, `partner` maps each bracket to the one that closes or opens it,
    `encloser` each opening bracket and comma to the bracket around it, `semicolons` each
    parenthesis to those right inside it.
    """

    source: bytes
    base: int
    text: bytearray = field(init=False)
    body: int = 0
    marks: dict[int, Mark] = field(default_factory=dict)
    partner: dict[int, int] = field(default_factory=dict)
    encloser: dict[int, int] = field(default_factory=dict)
    semicolons: dict[int, list[int]] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=vocabulary)

    def __post_init__(self) -> None:
        self.text = bytearray(self.source)

    def pair_brackets(self) -> None:
        """Pair brackets, and find for each comma and bracket the one around it."""
        stack: list[int] = []
        partner, encloser = self.partner, self.encloser
        for bracket in _BRACKET.finditer(self.text):
            at = bracket.start()
            character = bracket[0]
            if character == b",":
                encloser[at] = stack[-1] if stack else -1
            elif character == b";":
                if stack and self.text[stack[-1]] == 0x28:
                    self.semicolons.setdefault(stack[-1], []).append(at)
            elif character in b"([{":
                encloser[at] = stack[-1] if stack else -1
                stack.append(at)
            elif stack:
                opening = stack.pop()
                partner[opening] = at
                partner[at] = opening

    def opening_at(self, text: bytes, at: int) -> int:
        """Return the bracket around the comma or bracket at `at`; an opening parenthesis is its own."""
        character = text[at]
        if character == 0x28:
            return at
        return self.encloser.get(at, -1) if character == 0x2C else self.partner.get(at, -1)

    def is_call(self, text: bytes, opening: int) -> bool:
        """Tell whether the bracket at `opening` holds the arguments of a call or macro."""
        if opening <= 0 or text[opening] != 0x28:
            return False
        word = word_before(text, opening)
        return bool(word) and word not in _TYPE_OPERATORS

    def begins_statement(self, text: bytes, at: int) -> bool:
        """Tell whether a statement may begin at `at`, by what stands before it."""
        end = at
        while end and text[end - 1] in b" \t\n":
            end -= 1
        before = text[end - 1 : end]
        if before == b"{":
            while (outer := _last_byte(text, end - 1)) == b"{":
                end = text.rfind(b"{", 0, end - 1) + 1
            return outer not in b"=,(["
        if before == b")":
            return bool(word_before(text, self.partner.get(end - 1, 0)))
        if before and before in b";}:":
            return True
        return word_before(text, at) in (b"else", b"do", b"static", b"const")

    def first_argument(self, opening: int) -> bytes:
        """Return the original text of the first argument in the parenthesis at `opening`."""
        closing = self.partner.get(opening, opening + 1)
        return bytes(self.source[opening + 1 : closing]).split(b",")[0].strip()

    def room(self, start: int, end: int) -> int | None:
        """Return the first blank in a range that is not a line end."""
        for at in range(start, end):
            if self.text[at] in b" \t":
                return at
        return None

    def mark(self, kind: str, text: bytes, at: int) -> None:
        """Note what stood at `at`."""
        self.marks[at] = Mark(kind, text.decode("ascii", "replace"), self.base + at)

    def blank(self, start: int, end: int) -> None:
        """Make a range blank but for line ends."""
        self.text[start:end] = blanks(bytes(self.text[start:end]))

    def put(self, start: int, end: int, word: bytes) -> None:
        """Put `word` at the start of a range, and blanks on the rest of it."""
        self.blank(start, end)
        if b"\n" not in self.text[start : start + len(word)] and start + len(word) <= end:
            self.text[start : start + len(word)] = word


def word_before(text: bytes, at: int) -> bytes:
    """Return the identifier that ends right before `at`, blanks aside; empty when there is none."""
    end = at
    while end and text[end - 1] in b" \t\n":
        end -= 1
    start = end
    while start and (
        text[start - 1] == 0x5F or 0x30 <= text[start - 1] <= 0x39 or 0x41 <= (text[start - 1] & 0xDF) <= 0x5A
    ):
        start -= 1
    return text[start:end]


def _last_byte(text: bytes, at: int) -> bytes:
    while at and text[at - 1] in b" \t\n":
        at -= 1
    return text[at - 1 : at] or b"="
