"""A race as kernel commit messages draw it: one column per context, time runs downwards.

    A (isolator)             B (owner)
    --------------------     --------------------
    isolate_page()
      trylock_page(page)
      mm/migrate.c:84
                             free_page()
                               __ClearPageMovable(page)
                               mm/zsmalloc.c:903

Each row belongs to one step; a function is named when its context enters it.
"""

import re
from collections.abc import Iterator, Sequence

from analyzer.findings import Step
from analyzer.report.plain import visible

WIDTH = 75
GAP = 2
NARROWEST = 18
"""Below this a column is unreadable, and the diagram grows beyond its width instead."""


def draw_columns(steps: Sequence[Step], width: int = WIDTH) -> tuple[str, ...]:
    """Return the lines of the diagram; contexts stand in the order in which they first act.

    Steps without a context share a column without a heading. Lines are at most
    `width` long unless there are so many contexts that columns would be
    narrower than NARROWEST.
    """
    contexts = list(dict.fromkeys(step.context for step in steps))
    if not contexts:
        return ()
    column = max(NARROWEST, (width + GAP) // len(contexts) - GAP)
    headings = [wrap_words(visible(name), column) for name in contexts]
    lines = _side_by_side(headings, column)
    lines += _side_by_side([["-" * max(map(len, heading))] if heading else [] for heading in headings], column)
    current: dict[str, str] = {}
    for step in steps:
        cell = list(_cell(step, current.get(step.context), column))
        current[step.context] = step.function
        margin = " " * (contexts.index(step.context) * (column + GAP))
        lines += [(margin + line).rstrip() for line in cell]
    return tuple(line for line in lines if line)


def _cell(step: Step, inside: str | None, column: int) -> Iterator[str]:
    """Yield the lines of one step: its function when that is new, what happens, and where."""
    if step.function and step.function != inside:
        yield from wrap_words(f"{visible(step.function)}()", column)
    for text in (visible(step.message), f"{visible(step.file)}:{step.line}"):
        for line in wrap_words(text, column - 2):
            yield "  " + line


def _side_by_side(cells: Sequence[Sequence[str]], column: int) -> list[str]:
    rows = max(map(len, cells))
    return [
        (" " * GAP).join((cell[row] if row < len(cell) else "").ljust(column) for cell in cells).rstrip()
        for row in range(rows)
    ]


def wrap_words(text: str, width: int) -> list[str]:
    """Return `text` in lines of at most `width`, broken at blanks.

    A word that is longer breaks after `/`, `_`, `,`, `(` or `>` where it can, so that a path or
    an expression stays readable, and anywhere where it cannot. Blanks at a break are dropped.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        line = ""
        for part in _parts(word, width):
            if line and len(line) + len(part) > width:
                lines.append(line)
                line = ""
            line += part
    return [*lines, line] if line else lines


def _parts(word: str, width: int) -> Iterator[str]:
    if len(word) <= width:
        yield word
        return
    for part in re.findall(r"[^/_,(>]*[/_,(>]|[^/_,(>]+", word):
        for start in range(0, len(part), width):
            yield part[start : start + width]
