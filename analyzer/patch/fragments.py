"""Rebuild files from hunks alone, for when there is no tree.

Each hunk stands at its own line numbers, with blank lines between, so that
positions are those of the real file as far as the patch knows them. What is
known is named by `pieces`; outside of them nothing is known. The file that a
patch creates is complete.
"""

from dataclasses import dataclass, field

from analyzer.patch.records import FileChange, FileKind, FilePatch, Hunk, HunkLine, Patch
from analyzer.patch.whitespace import guess_shift, indentation, shifted_indent

LAST_LINE = 100_000


@dataclass(frozen=True, slots=True)
class Piece:
    """The lines of one hunk, as inclusive ranges of the pre- and post-image; empty ranges end before they begin.

    `section` is what the hunk's header says about the function that it is in;
    `cut` when the mail ends within the hunk.
    """

    pre: tuple[int, int]
    post: tuple[int, int]
    section: str
    mail_line: int
    cut: bool = False


@dataclass(frozen=True)
class Fragment:
    """One file as far as the hunks show it; `complete` when that is the whole of the post-image."""

    old_path: str | None
    new_path: str | None
    pre: bytes = field(repr=False)
    post: bytes = field(repr=False)
    pieces: tuple[Piece, ...]
    change: FileChange
    complete: bool = False
    notes: tuple[str, ...] = ()


def fragments(patch: Patch) -> tuple[Fragment, ...]:
    """Return what the hunks show of each file; files without hunks give nothing."""
    everything = [line.text for file in patch.files for hunk in file.hunks for line in hunk.lines]
    shift = guess_shift(everything)
    return tuple(_rebuild(file, shift) for file in patch.files if file.hunks and file.kind is not FileKind.COMBINED)


def _rebuild(file: FilePatch, shift: int | None) -> Fragment:
    sheet = _Sheet(shift)
    for hunk in sorted(file.hunks, key=lambda hunk: (hunk.old_start, hunk.new_start)):
        sheet.add(hunk)
    change = FileChange(
        file.old_path,
        file.new_path,
        sheet.post.mail_lines,
        sheet.pre.mail_lines,
        tuple(sheet.post_ranges),
        tuple(sheet.pre_ranges),
    )
    complete = file.kind is FileKind.CREATE and not any(hunk.truncated for hunk in file.hunks)
    notes = ["line numbers of the hunks contradict each other"] if sheet.moved else []
    if shift is not None:
        notes.append("blanks of the indentation read as tabs")
    return Fragment(
        file.old_path,
        file.new_path,
        sheet.pre.text(),
        sheet.post.text(),
        tuple(sheet.pieces),
        change,
        complete,
        tuple(notes),
    )


class _Image:
    """One side of a file while it is rebuilt."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.mail_lines: dict[int, int] = {}

    def advance(self, line: int) -> bool:
        """Fill up with blank lines, so that `line` comes next; False when that line is taken or absurd."""
        missing = line - 1 - len(self.lines)
        fits = missing >= 0 and line <= LAST_LINE
        self._end_line()
        self.lines += [b"\n"] * missing if fits else [b"\n"] * bool(self.lines)
        return fits

    def append(self, text: bytes, mail_line: int) -> None:
        """Add one known line."""
        self._end_line()
        self.lines.append(text)
        self.mail_lines[len(self.lines)] = mail_line

    def _end_line(self) -> None:
        """End a line that a damaged hunk marks as the last of the file, though another comes."""
        if self.lines and not self.lines[-1].endswith(b"\n"):
            self.lines[-1] += b"\n"

    def text(self) -> bytes:
        """Return the whole side."""
        return b"".join(self.lines)


class _Sheet:
    """Both sides of a file while they are rebuilt."""

    def __init__(self, shift: int | None) -> None:
        self.pre = _Image()
        self.post = _Image()
        self.pieces: list[Piece] = []
        self.post_ranges: list[tuple[int, int]] = []
        self.pre_ranges: list[tuple[int, int]] = []
        self.moved = False
        self._shift = shift

    def add(self, hunk: Hunk) -> None:
        """Add one hunk at its line numbers; behind what is there when those are taken."""
        lines = hunk.lines[: hunk.breaks[0]] if hunk.truncated and hunk.breaks else hunk.lines
        fits = self.pre.advance(max(hunk.old_start + (hunk.old_count == 0), 1))
        fits = self.post.advance(max(hunk.new_start + (hunk.new_count == 0), 1)) and fits
        self.moved = self.moved or not fits
        pre, post = len(self.pre.lines), len(self.post.lines)
        run: tuple[int, int] | None = None
        for line in lines:
            if line.kind == " ":
                self._close(run)
                run = None
            elif run is None:
                run = (len(self.post.lines), len(self.pre.lines))
            text = self._text(line)
            if line.kind != "+":
                self.pre.append(text, line.mail_line)
            if line.kind != "-":
                self.post.append(text, line.mail_line)
        self._close(run)
        self.pieces.append(
            Piece(
                (pre + 1, len(self.pre.lines)),
                (post + 1, len(self.post.lines)),
                hunk.section,
                hunk.mail_line,
                hunk.truncated,
            )
        )

    def _close(self, run: tuple[int, int] | None) -> None:
        if run is not None:
            self.post_ranges.append((run[0] + 1, len(self.post.lines)))
            self.pre_ranges.append((run[1] + 1, len(self.pre.lines)))

    def _text(self, line: HunkLine) -> bytes:
        text = line.text
        blanks = len(indentation(text))
        if self._shift is not None and text.strip():
            text = shifted_indent(blanks, self._shift) + text[blanks:]
        return text if line.no_newline else text + b"\n"
