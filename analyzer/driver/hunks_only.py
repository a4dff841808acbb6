"""What the hunks of a patch show of its files, for when there is no tree.

Only functions that stand whole in a hunk are kept. A function that is cut off
and handles pages is named, so that nobody takes silence for a clean bill.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.driver.analysis import Analysis
from analyzer.driver.fixpoint import Snapshot, contract_model
from analyzer.driver.images import Image, is_c, no_document
from analyzer.findings import Skipped
from analyzer.patch import FileChange, Fragment, Patch, Piece, fragments
from analyzer.program.locking_document import DOCUMENTS
from analyzer.source import EmptyTree, OverlayTree
from analyzer.source.search import NameSearch

_CLOSES = re.compile(rb"\}")
_OPENS = re.compile(rb"\{|[A-Za-z_].*\{\s*$")
_INDENTED = re.compile(rb"[ \t]+\S")
_HEAD = re.compile(rb"(\w+)\s*\(")

_STRUCT = re.compile(rb"\bstruct\s+(\w+)\s*\{?\s*$")
_OPERATION = re.compile(rb"^\s+\w[\w\s*]*\(\s*\*\s*(\w+)\s*\)\s*\(", re.MULTILINE)
_ROW = re.compile(rb"^(\w+):?(?:\s|$)")

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
    cut += _added_operations(patch, known)
    return Rebuilt(
        _image(before, analysis), _image(after, analysis), tuple(f.change for f in known), tuple(dict.fromkeys(cut))
    )


def _added_operations(patch: Patch, known: Sequence[Fragment]) -> Iterator[Skipped]:
    """Yield the operations that a patch adds to a struct of the model's contracts, unless it brings their rows too."""
    structs = contract_model().headers
    document = [hunk for file in patch.files if file.path in DOCUMENTS for hunk in file.hunks]
    rows = {word for hunk in document for line in hunk.lines if line.kind == "+" for word in _ROW.findall(line.text)}
    for fragment in known:
        pre, post = fragment.pre.splitlines(), fragment.post.splitlines()
        changed = {n for first, last in fragment.change.post_ranges for n in range(first, last + 1)}
        for piece in fragment.pieces:
            struct = piece.section.encode()
            gone = _OPERATION.findall(b"\n".join(pre[piece.pre[0] - 1 : piece.pre[1]]))
            for number in range(piece.post[0], piece.post[1] + 1):
                line = post[number - 1]
                struct = line if _STRUCT.search(line) else b"" if _CLOSES.match(line) else struct
                owner, added = _STRUCT.search(struct), _OPERATION.findall(line) if number in changed else []
                for name in added:
                    if owner and owner[1].decode() in structs and name not in gone and name not in rows:
                        yield no_document(fragment.new_path or "", owner[1].decode(), name.decode())


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
