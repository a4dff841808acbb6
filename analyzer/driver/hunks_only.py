"""What the hunks of a patch show of its files, for when there is no tree.

Functions that stand whole in a hunk are analysed as usual. Those that are cut
off and handle pages are analysed as pieces, and named all the same: nobody shall
take silence for a clean bill.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.driver.analysis import Analysis
from analyzer.driver.comparing import FileImage
from analyzer.driver.fixpoint import contract_model
from analyzer.driver.images import Image, is_c, no_document
from analyzer.driver.pieces import Cut, Pieces, analyse_pieces, judge_pieces
from analyzer.driver.snapshot import Snapshot
from analyzer.findings import Finding, Skipped
from analyzer.patch import FileChange, Fragment, Patch, Piece, fragments
from analyzer.program.locking_document import DOCUMENTS
from analyzer.source import EmptyTree, NameSearch, OverlayTree

_CLOSES = re.compile(rb"\}")
_OPENS = re.compile(rb"\{|[A-Za-z_].*\{\s*$")
_INDENTED = re.compile(rb"[ \t]+\S")
_HEAD = re.compile(rb"(\w+)\s*\(")

_STRUCT = re.compile(rb"\bstruct\s+(\w+)\s*\{?\s*$")
_OPERATION = re.compile(rb"^\s+\w[\w\s*]*\(\s*\*\s*(\w+)\s*\)\s*\(", re.MULTILINE)
_ROW = re.compile(rb"^(\w+):?(?:\s|$)")

CUT_OFF = "not whole in the hunk, and there is no tree to take the rest from (use --tree)"
ENDS = "the mail cuts the hunk off: "
PIECE = "only the piece in the hunk was analysed, there is no tree to take the rest from (use --tree)"


@dataclass(frozen=True)
class Rebuilt:
    """A patch without a tree; `cut` names what was not analysed in full.

    The trees of `pieces` hold the pieces as functions, for positions; `findings` are theirs.
    """

    before: Image
    after: Image
    changes: tuple[FileChange, ...]
    cut: tuple[Skipped, ...]
    pieces: tuple[Image, Image]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Side:
    """One side of a file: the functions that are whole, the pieces of the others, and what to say of these."""

    path: str
    whole: bytes
    pieces: Pieces
    cut: tuple[Skipped, ...]


def rebuild_images(patch: Patch, analysis: Analysis) -> Rebuilt:
    """Return both sides of a patch as far as its hunks show functions, and what their pieces tell."""
    known = [f for f in fragments(patch) if is_c(f.new_path or f.old_path or "")]
    search = NameSearch(analysis.knobs.model.names())
    before: list[_Side] = []
    after: list[_Side] = []
    cut: list[Skipped] = []
    findings: list[Finding] = []
    for fragment in known:
        old = _split(fragment.old_path, fragment.pre, fragment, [p.pre for p in fragment.pieces], search, analysis)
        settled = old.pieces.settled if old else frozenset()
        posts = [p.post for p in fragment.pieces]
        new = _split(fragment.new_path, fragment.post, fragment, posts, search, analysis, settled)
        before += [old] if old else []
        after += [new] if new else []
        cut += new.cut if new else ()
        named = {(entry.function, entry.line) for entry in cut}
        cut += [entry for entry in (old.cut if old else ()) if (entry.function, entry.line) not in named]
        findings += judge_pieces(old.pieces if old else None, new.pieces if new else None)
    cut += _added_operations(patch, known)
    return Rebuilt(
        _image(before, analysis),
        _image(after, analysis),
        tuple(f.change for f in known),
        tuple(dict.fromkeys(cut)),
        (_positions(before), _positions(after)),
        tuple(f for f in findings if analysis.choice.wants(f)),
    )


def _image(sides: Sequence[_Side], analysis: Analysis) -> Image:
    files = {side.path: side.whole for side in sides}
    tree = OverlayTree(EmptyTree(), dict(files))
    return Image(tree, analysis.update(Snapshot(), tree, files, files, shown=False))


def _positions(sides: Sequence[_Side]) -> Image:
    return Image(OverlayTree(EmptyTree(), {side.path: side.pieces.image.data for side in sides}), Snapshot())


def _added_operations(patch: Patch, known: Sequence[Fragment]) -> Iterator[Skipped]:
    """Yield the operations that a patch adds to a struct of the model's contracts, unless it brings their rows too."""
    structs = contract_model().headers
    document = [hunk for file in patch.files if file.path in DOCUMENTS for hunk in file.hunks]
    rows = {word for hunk in document for line in hunk.lines if line.kind == "+" for word in _ROW.findall(line.text)}
    for fragment in known:
        pre, post = fragment.pre.split(b"\n"), fragment.post.split(b"\n")
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


def _split(
    path: str | None,
    data: bytes,
    fragment: Fragment,
    ranges: Sequence[tuple[int, int]],
    search: NameSearch,
    analysis: Analysis,
    settled: frozenset[tuple[str, str]] = frozenset(),
) -> _Side | None:
    """Return one side with the lines of functions that are cut off left blank, and those analysed by themselves."""
    if path is None:
        return None
    if fragment.complete:
        return _Side(path, data, Pieces(FileImage(path, b"")), ())
    lines = [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")]
    whole = list(lines)
    cuts: dict[Cut, Piece] = {}
    for piece, (first, last) in zip(fragment.pieces, ranges, strict=True):
        for cut in _cut_off(lines, first, last, piece):
            if search.names_in(b"".join(lines[cut.first - 1 : cut.last])):
                cuts[cut] = piece
            whole[cut.first - 1 : cut.last] = [b"\n"] * (cut.last - cut.first + 1)
    shown = frozenset(number for first, last in ranges for number in range(first, last + 1))
    pieces = analyse_pieces(path, lines, tuple(cuts), shown, analysis.knobs, settled)
    named = fragment.new_path or path
    entries = tuple(
        Skipped(
            file=named,
            function=cut.name or None,
            line=piece.post[0],
            reason=f"{ENDS if piece.cut else ''}{PIECE if cut in pieces.analysed else CUT_OFF}",
        )
        for cut, piece in cuts.items()
    )
    return _Side(path, b"".join(whole), pieces, entries)


def _cut_off(lines: list[bytes], first: int, last: int, piece: Piece) -> list[Cut]:
    """Return what a hunk shows only in part; kernel style is taken for granted."""
    closes = [n for n in range(first, last + 1) if _CLOSES.match(lines[n - 1])]
    opens = [n for n in range(first, last + 1) if _OPENS.match(lines[n - 1])]
    found = []
    start = first
    begins_inside = closes and (not opens or closes[0] < opens[0])
    if not closes and not opens:
        text = [n for n in range(first, last + 1) if lines[n - 1].strip()]
        if text and _INDENTED.match(lines[text[0] - 1]):
            return [Cut(first, last, _name_of(piece.section.encode()), headed=False)]
        return []
    if begins_inside:
        start = closes[0] + 1
        found.append(Cut(first, closes[0], _name_of(piece.section.encode()), headed=False))
    if opens and (not closes or opens[-1] > closes[-1]):
        head = max([start, *(n + 1 for n in closes)])
        found.append(Cut(head, last, _name_of(b" ".join(lines[head - 1 : opens[-1]])), headed=True))
    return found


def _name_of(head: bytes) -> str:
    found = _HEAD.search(head)
    return found[1].decode("ascii", "replace") if found else ""
