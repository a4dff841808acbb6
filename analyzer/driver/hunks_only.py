"""What the hunks of a patch show of its files, for when there is no tree.

Only functions that stand whole in a hunk are kept. A function that is cut off
and handles pages is named, so that nobody takes silence for a clean bill.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.driver.analysis import Analysis
from analyzer.driver.fixpoint import Snapshot
from analyzer.driver.images import Image, is_c
from analyzer.findings import Skipped
from analyzer.patch import FileChange, Fragment, Patch, Piece, fragments
from analyzer.source import EmptyTree, OverlayTree
from analyzer.source.search import NameSearch

_CLOSES = re.compile(rb"\}")
_OPENS = re.compile(rb"\{|[A-Za-z_].*\{\s*$")
_INDENTED = re.compile(rb"[ \t]+\S")
_HEAD = re.compile(rb"(\w+)\s*\(")

CUT_OFF = "not whole in the hunk, and there is no tree to take the rest from (use --tree)"


@dataclass(frozen=True)
class Rebuilt:
    """A patch without a tree; `cut` names what was left out."""

    before: Image
    after: Image
    changes: tuple[FileChange, ...]
    cut: tuple[Skipped, ...]


def rebuild_images(patch: Patch, analysis: Analysis) -> Rebuilt:
    """Return both sides of a patch as far as its hunks show whole functions."""
    search = NameSearch(analysis.knobs.model.names())
    known = [f for f in fragments(patch) if is_c(f.new_path or f.old_path or "")]
    cut: list[Skipped] = []
    before = {f.old_path: _whole(f, f.pre, [p.pre for p in f.pieces], search, cut) for f in known if f.old_path}
    after = {f.new_path: _whole(f, f.post, [p.post for p in f.pieces], search, cut) for f in known if f.new_path}
    return Rebuilt(
        _image(before, analysis), _image(after, analysis), tuple(f.change for f in known), tuple(dict.fromkeys(cut))
    )


def _image(files: dict[str, bytes], analysis: Analysis) -> Image:
    tree = OverlayTree(EmptyTree(), dict(files))
    return Image(tree, analysis.update(Snapshot(), tree, files, files))


def _whole(
    fragment: Fragment,
    data: bytes,
    ranges: Sequence[tuple[int, int]],
    search: NameSearch,
    cut: list[Skipped],
) -> bytes:
    """Return one side with the lines of functions that are cut off left blank."""
    if fragment.complete:
        return data
    lines = data.splitlines(keepends=True)
    for piece, (first, last) in zip(fragment.pieces, ranges, strict=True):
        for start, end, name in _cut_off(lines, first, last, piece):
            text = b"".join(lines[start - 1 : end])
            if search.names_in(text):
                path = fragment.new_path or fragment.old_path or ""
                cut.append(Skipped(file=path, function=name or None, line=piece.post[0], reason=CUT_OFF))
            lines[start - 1 : end] = [b"\n"] * (end - start + 1)
    return b"".join(lines)


def _cut_off(lines: list[bytes], first: int, last: int, piece: Piece) -> list[tuple[int, int, str]]:
    """Return (first line, last line, function) of what a hunk shows only in part; kernel style is taken for granted."""
    closes = [n for n in range(first, last + 1) if _CLOSES.match(lines[n - 1])]
    opens = [n for n in range(first, last + 1) if _OPENS.match(lines[n - 1])]
    found = []
    start = first
    begins_inside = closes and (not opens or closes[0] < opens[0])
    if not closes and not opens:
        text = [n for n in range(first, last + 1) if lines[n - 1].strip()]
        if text and _INDENTED.match(lines[text[0] - 1]):
            return [(first, last, _name_of(piece.section.encode()))]
        return []
    if begins_inside:
        start = closes[0] + 1
        found.append((first, closes[0], _name_of(piece.section.encode())))
    if opens and (not closes or opens[-1] > closes[-1]):
        head = max([start, *(n + 1 for n in closes)])
        found.append((head, last, _name_of(b" ".join(lines[head - 1 : opens[-1]]))))
    return found


def _name_of(head: bytes) -> str:
    found = _HEAD.search(head)
    return found[1].decode("ascii", "replace") if found else ""
