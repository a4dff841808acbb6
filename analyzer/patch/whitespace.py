"""Compare lines without white space, and give indentation its tabs back.

Mail clients and archives turn tabs into blanks, counted from the start of the
mail's own line, quote marks included. So the first tab of a line may have
become 1 to 8 blanks: every indentation of a damaged diff is short of a
multiple of eight by the same number, its *shift*.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

TAB = 8
LONGEST_LINE = 1024
MANGLED = re.compile(rb"\S*?\.\.\.@\S+|\S+@x{4,}\S*|\[email\s*protected\]", re.IGNORECASE)


def squeeze(line: bytes) -> bytes:
    """Return the line without any white space; lines that differ in nothing else are equal then."""
    return b"".join(line.split())


def mangled_pattern(line: bytes) -> re.Pattern[bytes] | None:
    """Return what a line with an address that an archive has hidden may have been; None for other lines.

    The pattern is for squeezed lines.
    """
    if (b"@" not in line and b"[" not in line) or len(line) > LONGEST_LINE:
        return None
    parts: list[bytes] = []
    at = 0
    for found in MANGLED.finditer(line):
        parts.append(re.escape(squeeze(line[at : found.start()])))
        known, hidden, rest = found[0].partition(b"...@")
        if hidden:
            parts.append(re.escape(known) + rb"\S*@" + re.escape(rest))
        else:
            parts.append(rb"\S*@\S*" if found[0][:1] == b"[" else re.escape(found[0].partition(b"@")[0]) + rb"@\S*")
        at = found.end()
    if not parts:
        return None
    return re.compile(b"".join(parts) + re.escape(squeeze(line[at:])) + rb"\Z")


def indentation(line: bytes) -> bytes:
    """Return the blanks and tabs before the text of a line."""
    return line[: len(line) - len(line.lstrip(b" \t"))]


class Indenter:
    """Turns the indentation of added lines into the file's own, as far as matched lines show how.

    Tabs may have become blanks up to the next tab stop (all lines then miss
    the same `shift`), or a fixed number of blanks each. Whichever explains
    most of the lines is taken; where neither explains half of them, only a
    width that was seen is translated.
    """

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Learn from `pairs` of (line in the mail, the same line in the file)."""
        indents = [(indentation(mail), indentation(file)) for mail, file in pairs if mail.strip()]
        tabbed_lines = [(len(have), want) for have, want in indents if b"\t" in want]
        self.active = bool(tabbed_lines) and not any(b"\t" in have for have, _ in indents)
        shifts = Counter(len(want.expandtabs(TAB)) - have for have, want in tabbed_lines)
        widths = Counter(
            have // len(want) for have, want in tabbed_lines if not want.strip(b"\t") and not have % len(want)
        )
        self._shift, shifted = (shifts.most_common(1) or [(0, 0)])[0]
        self._tab, scaled = (widths.most_common(1) or [(0, 0)])[0]
        if not self._tab or scaled <= shifted:
            self._tab = 0
        self._linear = 2 * max(scaled, shifted) >= len(tabbed_lines)
        self._seen = dict(tabbed_lines)

    def __call__(self, line: bytes) -> bytes:
        """Return the line with its indentation as the file has it."""
        have = indentation(line)
        text = line[len(have) :]
        if not self.active or not have or b"\t" in have or not text:
            return line
        if not self._linear:
            return self._seen.get(len(have), have) + text
        if self._tab:
            count, rest = divmod(len(have), self._tab)
            return b"\t" * count + b" " * rest + text
        return shifted_indent(len(have), self._shift) + text


def shifted_indent(blanks: int, shift: int) -> bytes:
    """Return as tabs, and blanks left over, an indentation of blanks that falls short of tab stops by `shift`.

    Fewer blanks than lead up to the first tab stop were never a tab.
    """
    tabs, rest = divmod(max(blanks + shift, 0), TAB)
    return b"\t" * tabs + b" " * rest if tabs else b" " * blanks


def guess_shift(lines: Sequence[bytes]) -> int | None:
    """Return by how much the indentation of a diff without tabs falls short of tab stops; None when none is likely.

    A vote of the indented lines; half of them must agree, and lines that
    continue a comment or an argument list are expected to stand elsewhere.
    """
    if any(b"\t" in line for line in lines):
        return None
    widths = [len(indentation(line)) for line in lines if line[:1] == b" " and line.strip()[:1] not in (b"", b"*")]
    if len(widths) < 2:
        return None
    residues = Counter(-width % TAB for width in widths)
    shift, votes = residues.most_common(1)[0]
    if votes * 2 <= len(widths) or max(widths) + shift < TAB:
        return None
    return shift
