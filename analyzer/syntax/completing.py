"""Makes a function of a piece of one, so that it can be parsed: a few lines of a hunk become a text that balances.

Nothing is known of what stands before a piece, between blocks that it sees only
the end of, and after it. The function that is made says so: it may start at any
entry of the piece (its first statement, what follows a brace that closes a block
opened before, every label), and where the unseen code begins it goes round for
ever, so that no path leads out of the piece but a visible `return`. A path of the
made function is therefore one of the real function, and not every path of the
real one is there: an under-approximation.

Where the piece begins or ends within a statement, that statement is left out. A
piece with preprocessor lines or a macro's continuation lines is not made a function.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

_NOISE = re.compile(rb"""/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""", re.DOTALL)
_TOKEN = re.compile(rb"[{}();]|\b[A-Za-z_]\w*")
_DIRECTIVE = re.compile(rb"^[ \t]*#|\\$", re.MULTILINE)
_COMMENT_LINES = re.compile(rb"(?:[ \t]*\*(?:[ \t/][^\n]*)?(?:\n|\Z))+")
_LABEL = re.compile(rb"^[ \t]*([A-Za-z_]\w*)[ \t]*:(?!:)", re.MULTILINE)
_STATEMENT = re.compile(rb"\s*(?:if|while|for|switch|do|return|goto|break|continue|case|default)\b|\s*\}")
_VARIABLE = re.compile(rb"(?<![\w.])(?<!->)([a-z_]\w*)\b(?!\s*\()")
_TAIL = re.compile(rb"[ \t]*while\b[^\n]*?;")
_IF = re.compile(rb"\s*if\b")
_ELSE = re.compile(rb"\s*else\b")
_WORDS_OF_C = frozenset(
    b"auto break case char const continue default do double else enum extern float for goto if inline int long register"
    b" return short signed sizeof static struct switch typedef union unsigned void volatile while bool".split()
)
_FOREVER = b"for(;;);"
_CHOICE = "choice_%d"
_CASE = "choice_of_case"
_ENTRY = "entry_%d"


@dataclass(frozen=True)
class Completed:
    """A piece as a function: `head`, its own lines, `tail`.

    `text` has the lines of the piece; `shifts` says by how many bytes the text behind a changed place of a line
    (counted from 0) stands further right than it did.
    """

    head: bytes
    text: bytes
    tail: bytes
    shifts: dict[int, int] = field(default_factory=dict)


def complete_piece(text: bytes, name: str) -> Completed | None:
    """Return the function `name` of a piece from the middle of a function, or from its middle to its end.

    None when the piece cannot be made one.
    """
    if _DIRECTIVE.search(text):
        return None
    return _Completion(text, name).run()


def complete_end(text: bytes) -> Completed | None:
    """Return the function of a piece that starts with the function's head; None when it cannot be made one."""
    if _DIRECTIVE.search(text):
        return None
    text = _without_comment_begun_before(text)
    scan = _scan(_blank_noise(text))
    if scan is None or not scan.openers or scan.closers:
        return None
    return Completed(b"", _blank_from(text, scan.end), _close(scan.openers))


@dataclass(frozen=True)
class _Scan:
    """Brackets of a text: where its first statement ends, where its last does, and what is open there.

    closers: offsets of braces that close what was opened before; `broken` when the first statement began before.
    """

    first: int
    first_brace: bool
    end: int
    openers: tuple[bytes, ...]
    closers: tuple[int, ...]
    broken: bool


def _scan(masked: bytes) -> _Scan | None:
    """Return the brackets of a text without comments and strings; None when they cannot be made sense of."""
    stack: list[bytes] = []
    closers: list[int] = []
    openers: tuple[bytes, ...] = ()
    first = end = -1
    first_brace = broken = False
    word = b""
    for token in _TOKEN.finditer(masked):
        kind, at = token[0], token.start()
        boundary = False
        if kind == b"(":
            stack.append(b"(")
        elif kind == b")":
            if stack and stack[-1] == b"(":
                stack.pop()
            elif stack or first >= 0:
                return None
            else:
                broken = True
        elif kind == b"{":
            boundary = b"(" not in stack
            stack.append(b"do" if word == b"do" else b"{")
        elif kind == b"}":
            if stack and stack[-1] == b"(":
                return None
            if stack:
                stack.pop()
            else:
                closers.append(at)
            boundary = b"(" not in stack
        elif kind == b";":
            boundary = b"(" not in stack
        word = kind
        if boundary:
            if first < 0:
                first, first_brace = at, kind == b"{"
            end, openers = at + 1, tuple(stack)
    if end < 0:
        return None
    return _Scan(first, first_brace, end, openers, tuple(closers), broken)


def _close(openers: tuple[bytes, ...]) -> bytes:
    """Return what closes the blocks that are open, with unseen code at the end of each."""
    return b"".join(_FOREVER + (b"}while(0);" if kind == b"do" else b"}") for kind in reversed(openers))


class _Completion:
    """The completion of one piece from the middle of a function."""

    def __init__(self, text: bytes, name: str) -> None:
        self.text = text
        self.name = name
        self.entries: list[bytes] = []
        self.shifts: dict[int, int] = {}

    def run(self) -> Completed | None:
        text = _without_comment_begun_before(self.text)
        scan = _scan(_blank_noise(text))
        if scan is None:
            return None
        text = _blank_from(text, scan.end)
        if scan.broken or not (_STATEMENT.match(_blank_noise(text)) or scan.first_brace):
            # the block of a head that is cut in two is left as one that was opened before
            text = _blank(text[: scan.first + 1]) + text[scan.first + 1 :]
            again = _scan(_blank_noise(text))
            if again is None:
                return None
            scan = replace(again, first=scan.first)
        masked = _blank_noise(text)
        cuts = [(closer, closer + 1) for closer in scan.closers]
        if _ELSE.match(masked):
            text = _ELSE.sub(_blanks, text, count=1)
        elif (
            masked[scan.first : scan.first + 1] != b"}"
            and not _IF.match(masked)
            and _ELSE.match(masked, scan.first + 1)
        ):
            cuts.insert(0, (scan.first + 1, scan.first + 1))
        self.entries += [label for label in _LABEL.findall(masked) if label != b"default"]
        last = scan.closers[-1] if scan.closers else -1
        ended = last >= 0 and last + 1 == scan.end and text.rfind(b"\n", 0, last) + 1 == last
        done = self._cut(text, cuts, ended)
        if done is None:
            return None
        variables = sorted(set(_VARIABLE.findall(_blank_noise(done))) - _WORDS_OF_C - set(self.entries))
        return Completed(self._head(variables), done, _close((b"{", b"do", b"{", *scan.openers)), self.shifts)

    def _cut(self, text: bytes, cuts: Sequence[tuple[int, int]], ended: bool) -> bytes | None:
        """Put unseen code in place of each cut, an (offset, end), and an entry behind it.

        A cut is where a block ends that began before. With `ended` the last one ends the function.
        """
        parts: list[bytes] = []
        at = 0
        for start, end in cuts:
            parts.append(text[at:start])
            at = end
            if ended and (start, end) == cuts[-1]:
                parts.append(b"return;")
                continue
            rest = _blank_noise(text[at:])
            if rest.lstrip()[:1] in (b",", b")", b"="):
                return None
            entry = (_ENTRY % len(self.entries)).encode()
            self.entries.append(entry)
            put = _FOREVER + entry + b":;"
            parts.append(put)
            line = text.count(b"\n", 0, start)
            self.shifts[line] = self.shifts.get(line, 0) + len(put) - (end - start)
            gone = _ELSE.match(rest) or _TAIL.match(rest)
            if gone is not None:
                parts.append(_blank(text[at : at + gone.end()]))
                at += gone.end()
        parts.append(text[at:])
        return b"".join(parts)

    def _head(self, variables: list[bytes]) -> bytes:
        """Return the head: every name of the piece is a parameter of which nothing is known."""
        start = _ENTRY % len(self.entries)
        choices = [_CHOICE % number for number in range(len(self.entries))]
        parameters = ", ".join(f"long {name}" for name in (*(v.decode() for v in variables), *choices, _CASE))
        jumps = "".join(
            f"if({choice})goto {entry.decode()};" for choice, entry in zip(choices, self.entries, strict=True)
        )
        return f"int {self.name}({parameters}){{{jumps}goto {start};do{{switch({_CASE}){{{start}:;".encode()


def _without_comment_begun_before(text: bytes) -> bytes:
    """Return the text with the rest of a comment blanked of which it does not show the beginning."""
    lines = _COMMENT_LINES.match(text)
    end = lines.end() if lines else 0
    closing, opening = text.find(b"*/", end), text.find(b"/*", end)
    if closing >= 0 and not 0 <= opening < closing:
        end = closing + 2
    return _blank(text[:end]) + text[end:]


def _blank_noise(text: bytes) -> bytes:
    return _NOISE.sub(_blanks, text)


def _blank(text: bytes) -> bytes:
    return re.sub(rb"[^\n]", b" ", text)


def _blank_from(text: bytes, end: int) -> bytes:
    return text[:end] + _blank(text[end:])


def _blanks(match: re.Match[bytes]) -> bytes:
    return _blank(match[0])
