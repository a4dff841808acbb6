"""Restore the lines of one hunk from what a mail left of them.

The counts in the hunk's header decide. Lines that a mail client wrapped are
joined again, empty context lines get their blank back, lines without a mark
are context, until old and new counts are met exactly and what follows is no
hunk line. Among the readings that meet the counts the one with the least
repair is taken (a shortest path over line, old count, new count). When no
reading meets them the hunk is `truncated`, and holds the lines up to the
first that is no hunk line.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise

from analyzer.patch.records import MailLine

MAX_STEPS = 200_000
STEPS_PER_LINE = 100
WRAP_COLUMN = 66  # mail clients and archives wrap at 68 to 80 columns
USUAL_COLUMN = 71  # few of them before this
MAX_COST_BASE = 12
# No line of C begins with these behind its mark, but the rest of a wrapped line may.
OPERATOR = re.compile(r"[+-](?: [^\s*]|[^\s\w#/*{}\"]|\d)")
NO_NEWLINE = "\\ "
DASHES = re.compile(r"-{5,} *$")
HYPHENATED = re.compile(r"[^\s+-]-$")  # clients break "p->lock" behind the dash
BREAKABLE = re.compile(r"(?:[ \t]?[>|])*[ +-][ \t]*\S{1,30}[ \t]+\S")
SIGNATURE = re.compile(r"-- ?$")
RULER = re.compile(r"(_+|[=*#~]{3,}) *$")  # below a patch of akpm's scripts, above the footer of a mailing list


@dataclass(frozen=True, slots=True)
class Unit:
    """One physical line behind its quote marks; `width` and `length` are the columns and characters that it filled.

    `after_gap`: lines with fewer quote marks stood before it. `loose`: it has
    fewer marks itself, but may be what a client wrapped behind a quoted line.
    """

    text: str
    number: int
    width: int
    length: int
    soft: bool = False
    after_gap: bool = False
    loose: bool = False

    @classmethod
    def of(cls, text: str, line: MailLine, after_gap: bool = False, loose: bool = False) -> "Unit":
        """Return the unit of a line of the mail, of which `text` stands behind the marks."""
        return cls(text, line.number, column_width(line.text), len(line.text), line.soft, after_gap, loose)

    @property
    def mark(self) -> str:
        r"""Return the first character: "" for an empty line, "\" only for the mark of a missing newline."""
        return self.text[:1] if not self.text.startswith("\\") or self.text.startswith(NO_NEWLINE) else "x"


def column_width(text: str) -> int:
    """Return how many columns a line fills: clients that wrap count tabs as what they show."""
    return len(text.expandtabs(8)) if "\t" in text else len(text)


@dataclass(frozen=True, slots=True)
class Margin:
    """How wide lines of the diff are that a client could have broken and did not: lines as wide were never broken."""

    width: int = 0
    length: int = 0

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Margin":
        """Return the margin of lines with their quote marks; clients count tabs as columns or as characters."""
        whole = [line for line in lines if BREAKABLE.match(line)]
        return cls(max(map(column_width, whole), default=0), max(map(len, whole), default=0))


class Following(Enum):
    """What comes after the lines that may belong to a hunk; CUT is the end of what somebody quoted."""

    HUNK = auto()
    FILE = auto()
    END = auto()
    CUT = auto()


@dataclass(slots=True)
class RestoredLine:
    r"""A line of the hunk; "\" is the mark of a missing newline at the end of the file."""

    kind: str
    text: str
    number: int
    after_gap: bool = False


@dataclass
class RestoredHunk:
    """What was made of the units: `used` of them belong to the hunk."""

    lines: list[RestoredLine]
    used: int
    section: str
    repairs: Counter[str] = field(default_factory=Counter)
    truncated: bool = False

    @property
    def breaks(self) -> tuple[int, ...]:
        """Return the indices of lines before which the mail was interrupted."""
        kept = [line for line in self.lines if line.kind != "\\"]
        return tuple(index for index, line in enumerate(kept) if line.after_gap and index)

    def counts(self) -> tuple[int, int]:
        """Return how many old and new lines there are."""
        old = sum(1 for line in self.lines if line.kind in " -")
        new = sum(1 for line in self.lines if line.kind in " +")
        return old, new


def restore_hunk(
    header: Unit, section: str, units: list[Unit], counts: tuple[int, int], following: Following, margin: Margin
) -> RestoredHunk:
    """Return the hunk of `counts` old and new lines that begins at `units[0]`.

    `units` go up to what is `following`. Counts that are wrong although
    nothing else is damaged (the diff was edited by hand) are counted anew.
    """
    old, new = counts
    steps = _plain_reading(units, old, new, following)
    if steps is None:
        wrapped = [is_wrapped(before, unit, margin) for before, unit in pairwise([header, *units])]
        steps = _cheapest_reading(header, units, wrapped, counts, following)
    if steps is None:
        steps = _recounted(units, following)
        if steps is None:
            return _truncated(header, section, units, wrapped, counts)
        hunk = _build(header, section, units, steps)
        hunk.repairs["recounted"] += 1
        return hunk
    return _build(header, section, units, steps)


def _recounted(units: list[Unit], following: Following) -> list[str] | None:
    """Return the plain reading of all units, whatever the counts are; None when a line is no hunk line.

    What somebody quoted is never counted anew: there lines are missing more likely.
    """
    if following is Following.CUT or any(unit.after_gap for unit in units):
        return None
    end = next((at for at, unit in enumerate(units) if SIGNATURE.match(unit.text)), len(units))
    while end and following is Following.END and not units[end - 1].text.strip():
        end -= 1
    if not end or any(unit.loose or unit.mark not in ("", " ", "+", "-", "\\") for unit in units[:end]):
        return None
    return ["end" if unit.mark == "\\" else "mark" if unit.text else "blank" for unit in units[:end]]


def _plain_reading(units: list[Unit], old: int, new: int, following: Following) -> list[str] | None:
    """Return the reading of a hunk that needs no guess; None when it needs one."""
    steps: list[str] = []
    for unit in units:
        mark = unit.mark
        if unit.loose:
            return None
        if (old, new) == (0, 0) and mark != "\\":
            break
        if mark == "\\":
            steps.append("end")
            continue
        if mark not in ("", " ", "+", "-"):
            return None
        old -= mark != "+"
        new -= mark != "-"
        if old < 0 or new < 0:
            return None
        steps.append("mark" if mark else "blank")
    if (old, new) != (0, 0) or _end_cost(units, len(steps), following):
        return None
    return steps


def _end_cost(units: list[Unit], at: int, following: Following) -> int:
    """Return how unlikely it is that the hunk ends before `units[at]`."""
    blank = at
    while blank < len(units) and not units[blank].after_gap and not units[blank].text.strip():
        blank += 1
    if blank == len(units):
        return 0 if blank == at or following in (Following.END, Following.CUT) else 4
    text = units[blank].text
    if units[blank].after_gap or SIGNATURE.match(text) or RULER.match(text) or text.startswith("---"):
        return 0
    cost = 8 if text[0] in "+-" else 6 if text[0] in " \t" else 5
    if following in (Following.HUNK, Following.FILE):
        return 2 * cost
    return cost if blank == at else cost // 2 if text[0] in "+- \t" else 0


State = tuple[int, int, int]


def _cheapest_reading(
    header: Unit, units: list[Unit], wrapped: list[bool], counts: tuple[int, int], following: Following
) -> list[str] | None:
    """Return the steps of the least damaged reading that meets the counts (Dijkstra); None if there is none."""
    old, new = counts
    queue: list[tuple[int, State]] = [(0, (0, old, new))]
    best: dict[State, int] = {(0, old, new): 0}
    came: dict[State, tuple[State, str]] = {}
    finish: State = (-1, 0, 0)
    limit = MAX_COST_BASE + 4 * min(len(units), old + new)
    for _ in range(min(MAX_STEPS, 1000 + STEPS_PER_LINE * len(units))):
        if not queue:
            return None
        cost, state = heapq.heappop(queue)
        if cost > best.get(state, cost) or cost > limit:
            continue
        if state == finish:
            return _steps_to(finish, came)
        for step, price, after in _choices(header, units, wrapped, state, following, finish):
            total = cost + price
            if total < best.get(after, total + 1):
                best[after] = total
                came[after] = (state, step)
                heapq.heappush(queue, (total, after))
    return None


def _steps_to(state: State, came: dict[State, tuple[State, str]]) -> list[str]:
    steps = []
    while state in came:
        state, step = came[state]
        if step != "finish":
            steps.append(step)
    return steps[::-1]


def _choices(
    header: Unit, units: list[Unit], wraps: list[bool], state: State, following: Following, finish: State
) -> Iterator[tuple[str, int, State]]:
    """Yield (step, price, next state) for what the next unit may be."""
    at, old, new = state
    if (old, new) == (0, 0):
        yield "finish", _end_cost(units, at, following), finish
    if at >= len(units):
        if old == new and 0 < old <= 3 and following is Following.END:
            yield "lost", 3, (at, old - 1, new - 1)
        return
    unit = units[at]
    previous = units[at - 1] if at else header
    mark = unit.mark
    wrapped = wraps[at]
    if unit.loose:
        yield "drop", 3, (at + 1, old, new)
        yield "join", 1, (at + 1, old, new)
        return
    if mark == "\\":
        yield "end", 0, (at + 1, old, new)
        return
    if not unit.text.strip():
        yield "drop", 8 if not unit.after_gap else 4, (at + 1, old, new)
    if mark in ("+", "-", " ") and (old or mark == "+") and (new or mark == "-"):
        doubt = 0
        if (wrapped and OPERATOR.match(unit.text)) or (wrapped and previous.text.endswith(" ") and mark == " "):
            doubt = 2
        yield "mark", doubt, (at + 1, old - (mark != "+"), new - (mark != "-"))
    elif not mark and old and new:
        yield "blank", 0, (at + 1, old - 1, new - 1)
    elif mark and mark not in "+- " and old and new and not wrapped:
        yield "bare", 5 if mark == "\t" else 11, (at + 1, old - 1, new - 1)
    if mark:
        price = _join_price(unit.text, wrapped, previous)
        if price is not None and not unit.after_gap:
            early = wrapped and not previous.soft and _width_together(previous, unit) <= USUAL_COLUMN
            yield "join", price + early, (at + 1, old, new)


def is_wrapped(previous: Unit, unit: Unit, margin: Margin) -> bool:
    """Tell whether the first word of a line would not have fitted on the line before it.

    Never where the diff has whole lines that are as wide as both together.
    """
    if previous.soft:
        return True
    width = _width_together(previous, unit)
    more = width - previous.width
    return width > WRAP_COLUMN and (width > margin.width or previous.length + more > margin.length)


def _width_together(previous: Unit, unit: Unit) -> int:
    """Return how wide a line would be with the first word of the next one."""
    word = unit.text.split(None, 1)[0] if unit.text.strip() else ""
    return previous.width + 1 + len(word)


def _join_price(text: str, wrapped: bool, previous: Unit) -> int | None:
    """Return what it costs to take a line for the rest of the one before; None for never."""
    if previous.soft:
        return 0
    if RULER.match(text):
        return None
    if text[0] == " " and not text[1:2].strip():
        return 10 if wrapped else None
    if text[0] in "+-":
        return (3 if OPERATOR.match(text) else 8) if wrapped else None
    if text[0] == " ":
        return (1 if previous.text.endswith(" ") else 2) if wrapped else None
    return 1 if wrapped else 9


def _join(left: str, right: str, soft: bool) -> str:
    if soft:
        return left + right
    if (left.endswith("*") and right.startswith("/")) or HYPHENATED.search(left):
        return left + right
    return f"{left.rstrip()} {right.strip()}"


def _build(header: Unit, section: str, units: list[Unit], steps: list[str]) -> RestoredHunk:
    """Return the hunk that the steps describe."""
    hunk = RestoredHunk([], 0, section)
    gap = False
    for at, step in enumerate(steps):
        if step == "lost":
            hunk.lines.append(RestoredLine(" ", "", units[-1].number if units else header.number))
            hunk.repairs["blank-restored"] += 1
            continue
        unit = units[at]
        hunk.used = at + 1
        gap = gap or unit.after_gap
        if step == "drop":
            hunk.repairs["blank-dropped"] += not unit.loose
            continue
        if step == "join":
            hunk.repairs["rejoined"] += 1
            soft = (units[at - 1] if at else header).soft
            if hunk.lines:
                hunk.lines[-1].text = _join(hunk.lines[-1].text, unit.text, soft)
            else:
                hunk.section = _join(hunk.section, unit.text, soft)
            continue
        if step == "end":
            hunk.lines.append(RestoredLine("\\", unit.text[1:], unit.number))
            continue
        if step == "blank":
            hunk.repairs["blank-restored"] += 1
        if step == "bare":
            hunk.repairs["mark-restored"] += 1
        kind, text = (" ", unit.text) if step in ("bare", "blank") else (unit.text[0], unit.text[1:])
        hunk.lines.append(RestoredLine(kind, text, unit.number, gap))
        gap = False
    return hunk


def _truncated(
    header: Unit, section: str, units: list[Unit], wraps: list[bool], counts: tuple[int, int]
) -> RestoredHunk:
    """Return the lines up to the first that is no line of the hunk; blanks at its end are not the hunk's."""
    old, new = counts
    steps: list[str] = []
    for at, unit in enumerate(units):
        mark = unit.mark
        previous = units[at - 1] if at else header
        wrapped = wraps[at]
        if unit.loose:
            steps.append("join")
            continue
        if mark == "\\":
            steps.append("end")
            continue
        if mark in ("+", "-", " ", ""):
            broken = OPERATOR.match(unit.text) or (mark == " " and (previous.soft or previous.text.endswith(" ")))
            if broken and wrapped and not unit.after_gap:
                steps.append("join")
                continue
            old -= mark != "+"
            new -= mark != "-"
            if old < 0 or new < 0 or SIGNATURE.match(unit.text) or DASHES.match(unit.text):
                break
            steps.append("mark" if mark else "blank")
        elif wrapped and not unit.after_gap and not RULER.match(unit.text):
            steps.append("join")
        else:
            break
    while steps and steps[-1] == "blank":
        steps.pop()
    hunk = _build(header, section, units, steps)
    hunk.truncated = True
    return hunk
