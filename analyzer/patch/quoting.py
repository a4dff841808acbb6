"""Quote marks before the lines of a reply.

A diff in a reply carries the marks of its first line ("> ", ">>", "> >") on
each of its lines, spelled in any mix of those forms. A line with fewer marks
is somebody's comment.
"""

import re
from dataclasses import dataclass

LEVEL = re.compile(r"[ \t]?>")
BAR_LEVEL = re.compile(r"[ \t]?[>|]")
START = re.compile(
    r"(?P<marks>(?:[ \t]?[>|])*)(?P<blank>[ \t]*)"
    r"(?P<text>diff --git |diff --cc |diff --combined |diff -|Index: |--- ?|@@@* -\d).*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Quoting:
    """How the lines of one diff are quoted: number of marks, and the blanks after the last one.

    A "|" is a mark only where the first line has one: wrapped C begins with "||" often enough.
    """

    levels: int = 0
    blanks: int = 0
    bars: bool = False

    def strip(self, text: str) -> str | None:
        """Return the text behind the marks; None for a line with fewer marks.

        Blanks that the sender's client dropped from an otherwise empty line are not missed.
        """
        at = 0
        level = BAR_LEVEL if self.bars else LEVEL
        for _ in range(self.levels):
            mark = level.match(text, at)
            if not mark:
                return None
            at = mark.end()
        blanks = 0
        while blanks < self.blanks and text[at + blanks : at + blanks + 1] in (" ", "\t"):
            blanks += 1
        return text[at + blanks :]


def without_marks(text: str) -> str:
    """Return the text behind all of a line's quote marks, whatever their number."""
    at = 0
    while mark := LEVEL.match(text, at):
        at = mark.end()
    return text[at:].removeprefix(" ") if at else text


def quoting_of_start(text: str) -> tuple[Quoting, str] | None:
    """Return how a line that may begin a diff is quoted and what stands behind the marks; None for other lines."""
    found = START.match(text)
    if not found:
        return None
    levels = len(BAR_LEVEL.findall(found["marks"]))
    return Quoting(levels, len(found["blank"]), "|" in found["marks"]), text[found.start("text") :]
