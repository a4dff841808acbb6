"""Put a patch on a tree, in memory.

Hunks are placed as patch(1) places them: at their line, then ever further
from it, then with up to two outer context lines left out. Before fuzz is
tried the same places are compared without white space; then the file's own
bytes stand for the context, and added lines get the file's indentation.

Nothing is guessed beyond that. A hunk that does not fit, is there already, or
was cut off where it cannot be placed without doubt is rejected by name, and
the other hunks still apply.
"""

from dataclasses import dataclass, field, replace

from analyzer.patch.matching import FileLines, Match, find_hunk, is_applied
from analyzer.patch.records import Applied, FileChange, FileKind, FilePatch, Hunk, HunkLine, Patch, Placement, Reject
from analyzer.patch.whitespace import Indenter
from analyzer.source import SourceError, Tree

ALREADY_APPLIED = "already applied"


def apply_patch(patch: Patch, tree: Tree) -> Applied:
    """Return the files of `tree` that the patch changes, with what became of each of its hunks."""
    work = _Work(tree)
    for file in patch.files:
        work.apply_file(file)
    return Applied(
        overlay=dict(work.overlay),
        changes=tuple(work.changes),
        placements=tuple(work.placements),
        rejects=tuple(work.rejects),
        notes=tuple(note for placement in work.placements if (note := placement.note())),
    )


def rejected_part(patch: Patch, applied: Applied) -> Patch:
    """Return the patch reduced to what was rejected, to be judged from its hunks alone.

    What the tree has already is not part of it.
    """
    lines = {reject.mail_line for reject in applied.rejects if reject.reason != ALREADY_APPLIED}
    files = []
    for file in patch.files:
        hunks = file.hunks
        if file.mail_line not in lines:
            hunks = tuple(hunk for hunk in hunks if hunk.mail_line in lines)
        if hunks:
            files.append(replace(file, hunks=hunks))
    return replace(patch, files=tuple(files))


@dataclass
class _Work:
    """The overlay that grows file by file."""

    tree: Tree
    overlay: dict[str, bytes | None] = field(default_factory=dict)
    changes: list[FileChange] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def apply_file(self, file: FilePatch) -> None:
        """Add what the patch does to one file."""
        match file.kind:
            case FileKind.BINARY:
                self._reject(file, "binary change")
            case FileKind.COMBINED:
                self._reject(file, "combined diff of a merge")
            case FileKind.CREATE:
                self._create(file)
            case FileKind.DELETE:
                self._delete(file)
            case _:
                self._modify(file)

    def _reject(self, file: FilePatch, reason: str) -> None:
        self.rejects.append(Reject(file.path, 0, file.mail_line, reason))

    def _exists(self, path: str) -> bool:
        if path in self.overlay:
            return self.overlay[path] is not None
        return self.tree.exists(path)

    def _read(self, path: str) -> bytes:
        data = self.overlay.get(path)
        return data if data is not None else self.tree.read(path)

    def _locate(self, path: str | None, file: FilePatch) -> str | None:
        """Return the spelling of the path that the tree knows; None when it knows none."""
        for name in (path, *file.spellings):
            if name and self._exists(name):
                return name
        return None

    def _create(self, file: FilePatch) -> None:
        path = file.path
        if any(hunk.truncated for hunk in file.hunks):
            self._reject(file, "new file is cut off")
            return
        lines = [line for hunk in file.hunks for line in hunk.lines if line.kind != "-"]
        data = join_lines(lines)
        if self._exists(path):
            same = self._read(path) == data
            self._reject(file, ALREADY_APPLIED if same else "new file exists already")
            return
        self.overlay[path] = data
        self.placements += [Placement(path, number, hunk.mail_line, 1) for number, hunk in enumerate(file.hunks, 1)]
        numbers = {number: line.mail_line for number, line in enumerate(lines, 1)}
        ranges = ((1, len(lines)),) if lines else ()
        self.changes.append(FileChange(None, path, numbers, {}, ranges, ()))

    def _delete(self, file: FilePatch) -> None:
        path = self._locate(file.old_path, file)
        if path is None:
            self._reject(file, f"no such file in {self.tree.name}")
            return
        try:
            data = self._read(path)
        except SourceError as error:
            self._reject(file, str(error))
            return
        done = place_hunks(path, data, file.hunks)
        self.placements += done.placements
        self.rejects += done.rejects
        if done.rejects:
            return
        if file.hunks and done.data:
            self._reject(file, "the file to delete has more in it than the patch knows")
            return
        self.overlay[path] = None
        self.changes.append(replace(done.change, new_path=None))

    def _modify(self, file: FilePatch) -> None:
        old_path = self._locate(file.old_path, file)
        if old_path is None:
            reason = ALREADY_APPLIED if self._is_renamed(file) else f"no such file in {self.tree.name}"
            self._reject(file, reason)
            return
        new_path = file.new_path if file.kind in (FileKind.RENAME, FileKind.COPY) and file.new_path else old_path
        if new_path != old_path and self._exists(new_path):
            self._reject(file, f"{new_path} exists already")
            return
        try:
            data = self._read(old_path)
        except SourceError as error:
            self._reject(file, str(error))
            return
        done = place_hunks(new_path, data, file.hunks)
        self.placements += done.placements
        self.rejects += done.rejects
        if file.kind is FileKind.RENAME:
            self.overlay[old_path] = None
        if done.placements or new_path != old_path:
            self.overlay[new_path] = done.data
            self.changes.append(replace(done.change, old_path=old_path, new_path=new_path))

    def _is_renamed(self, file: FilePatch) -> bool:
        return file.kind is FileKind.RENAME and file.new_path is not None and self._exists(file.new_path)


@dataclass(frozen=True)
class PlacedHunks:
    """One file with those of its hunks applied that fit."""

    data: bytes
    change: FileChange
    placements: tuple[Placement, ...]
    rejects: tuple[Reject, ...]


@dataclass(frozen=True)
class _Placed:
    """A hunk with the lines that are used of it and where they go."""

    lines: tuple[HunkLine, ...]
    match: Match


def place_hunks(path: str, data: bytes, hunks: tuple[Hunk, ...]) -> PlacedHunks:
    """Return the file's text with the hunks applied, in any order that they come in."""
    text = FileLines.of(data)
    placed: list[_Placed] = []
    placements: list[Placement] = []
    rejects: list[Reject] = []
    offset = 0
    for number, hunk in enumerate(hunks, 1):
        taken = [(p.match.start, p.match.end) for p in placed]
        found = _find(text, hunk, offset, taken)
        if isinstance(found, str):
            rejects.append(Reject(path, number, hunk.mail_line, found))
            continue
        lines, match = found
        expected = max(hunk.old_start - (hunk.old_count > 0), 0)
        offset = match.start - match.skipped - expected
        placed.append(_Placed(lines, match))
        placements.append(
            Placement(
                path,
                number,
                hunk.mail_line,
                match.start + 1,
                offset,
                match.fuzz,
                match.whitespace,
                partial=hunk.truncated,
            )
        )
    placed.sort(key=lambda p: p.match.start)
    return _assemble(path, text, placed, tuple(placements), tuple(rejects))


def _find(
    text: FileLines, hunk: Hunk, offset: int, taken: list[tuple[int, int]]
) -> tuple[tuple[HunkLine, ...], Match] | str:
    """Return the lines to apply and their place, or the reason why there is none."""
    if not hunk.truncated:
        match = find_hunk(text, hunk, hunk.lines, offset, taken)
        if match is None:
            return ALREADY_APPLIED if is_applied(text, hunk, offset) else "context not found"
        return hunk.lines[match.skipped : len(hunk.lines) - match.dropped], match
    reason = "cut off before a change was whole"
    for end in dict.fromkeys((len(hunk.lines), *hunk.breaks[:1])):
        lines = whole_part(hunk.lines[:end])
        if not any(line.kind != " " for line in lines):
            continue
        match = find_hunk(text, hunk, lines, offset, taken, unique=True)
        if match is not None:
            return lines[match.skipped : len(lines) - match.dropped], match
        reason = "cut off, and its place is not certain"
    return reason


def whole_part(lines: tuple[HunkLine, ...]) -> tuple[HunkLine, ...]:
    """Return the lines up to the last context line: a change at the cut may go on behind it."""
    end = len(lines)
    while end and lines[end - 1].kind != " ":
        end -= 1
    return lines[:end]


def _assemble(
    path: str, text: FileLines, placed: list[_Placed], placements: tuple[Placement, ...], rejects: tuple[Reject, ...]
) -> PlacedHunks:
    """Build the post-image and the line maps from hunks in order of their place."""
    indent = _indenter(text, placed)
    out: list[bytes] = []
    post_lines: dict[int, int] = {}
    pre_lines: dict[int, int] = {}
    post_ranges: list[tuple[int, int]] = []
    pre_ranges: list[tuple[int, int]] = []
    at = 0
    for hunk in placed:
        out += text.lines[at : hunk.match.start]
        at = hunk.match.start
        run: tuple[int, int] | None = None
        for line in hunk.lines:
            if line.kind == " ":
                if run is not None:
                    _close_run(run, len(out), at, post_ranges, pre_ranges)
                    run = None
            elif run is None:
                run = (len(out), at)
            if line.kind == "+":
                out.append(_added_text(line, text, indent, hunk.match.whitespace))
                post_lines[len(out)] = line.mail_line
                continue
            if line.kind == " ":
                out.append(text.lines[at])
                post_lines[len(out)] = line.mail_line
            at += 1
            pre_lines[at] = line.mail_line
        if run is not None:
            _close_run(run, len(out), at, post_ranges, pre_ranges)
    out += text.lines[at:]
    change = FileChange(path, path, post_lines, pre_lines, tuple(post_ranges), tuple(pre_ranges))
    return PlacedHunks(b"".join(_with_newlines(out)), change, placements, rejects)


def _close_run(
    run: tuple[int, int], post: int, pre: int, post_ranges: list[tuple[int, int]], pre_ranges: list[tuple[int, int]]
) -> None:
    post_ranges.append((run[0] + 1, post))
    pre_ranges.append((run[1] + 1, pre))


def _indenter(text: FileLines, placed: list[_Placed]) -> Indenter:
    """Learn the indentation from all lines of the hunks that stand in the file too."""
    pairs: list[tuple[bytes, bytes]] = []
    for hunk in placed:
        if not hunk.match.whitespace:
            continue
        old = [line.text for line in hunk.lines if line.kind != "+"]
        pairs += zip(old, text.lines[hunk.match.start : hunk.match.end], strict=True)
    return Indenter(pairs)


def _added_text(line: HunkLine, text: FileLines, indent: Indenter, damaged: bool) -> bytes:
    data = indent(line.text)
    if damaged and text.crlf and not data.endswith(b"\r"):
        data += b"\r"
    return data if line.no_newline else data + b"\n"


def _with_newlines(lines: list[bytes]) -> list[bytes]:
    """Return the lines with a newline on each but the last, which keeps what it has."""
    return [line if line.endswith(b"\n") else line + b"\n" for line in lines[:-1]] + lines[-1:]


def join_lines(lines: list[HunkLine]) -> bytes:
    """Return the text of lines that stand in one file."""
    return b"".join(line.text if line.no_newline else line.text + b"\n" for line in lines)
