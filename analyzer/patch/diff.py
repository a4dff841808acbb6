"""Find the diff in a message's lines and read it.

The lines are repaired first (quote marks, wrapped names, wrapped hunk lines,
lost blanks), then `unidiff` reads the hunks; each line keeps the number that
it has in the mail. An unquoted diff goes before one that is quoted in the
same mail. What is not read is named in the problems.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from analyzer.patch.damage import name_unreadable, without_archive_marks, without_stuffing
from analyzer.patch.headers import FileHeader, kind_of, names_of
from analyzer.patch.hunks import HYPHENATED, Following, Margin, RestoredHunk, Unit, is_wrapped, restore_hunk
from analyzer.patch.quoting import Quoting, quoting_of_start, without_marks
from analyzer.patch.records import FileKind, FilePatch, Hunk, HunkLine, MailLine
from analyzer.source import PatchError

HUNK_HEADER = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)", re.DOTALL)
COMBINED_HEADER = re.compile(r"@@@+ -\d")
KEYWORD = re.compile(
    r"diff --git |diff --cc |diff --combined |diff -|Index: |=====|--- |\+\+\+ |@@"
    r"|old mode |new mode |deleted file mode |new file mode |copy from |copy to |rename from |rename to "
    r"|similarity index |dissimilarity index |index |GIT binary patch|Binary files |Files "
    r"|retrieving revision |RCS file: "
)
OPENING = frozenset({"diff --git ", "diff --cc ", "diff --combined ", "diff -", "Index: "})
ONCE = frozenset({"diff --git ", "diff --cc ", "diff --combined ", "--- ", "+++ "})
WRAPPED_HEADERS = ("diff -", "--- ", "+++ ", "rename ", "copy ", "Index: ")
BOUNDARY = re.compile(r"diff --git |diff --cc |diff --combined |@@ -\d|@@@+ -\d|Index: |=====")
BROKEN_ARROW = re.compile(r">\w")  # behind a line that ends with a dash, where a blank stands behind every mark


@dataclass
class DiffText:
    """What a message's lines say about files, with everything that was repaired or left out."""

    files: list[FilePatch] = field(default_factory=list)
    repairs: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    first_line: int = 0
    indented: bool = False


def read_diff(body: tuple[MailLine, ...]) -> DiffText:
    """Return the files that the lines change; an empty result when there is no diff in them."""
    text = DiffText()
    lines = without_archive_marks(body, text.repairs)
    starts = _starts(lines, text.notes)
    if not starts:
        text.problems += name_unreadable(lines)
        return text
    text.indented = all(quoting.levels == 0 and quoting.blanks for quoting, _ in starts.values())
    _Reader(lines, starts, text).run()
    return text


def _without_copies(out: DiffText) -> None:
    """Keep the last of several copies of a file's change: what is shown in a mail may be attached once more."""
    seen: set[tuple[object, ...]] = set()
    kept: list[FilePatch] = []
    for file in reversed(out.files):
        shape = tuple((h.old_start, h.old_count, h.new_start, h.new_count) for h in file.hunks)
        copy = (file.path, file.kind, shape)
        if copy in seen:
            out.notes.append(f"{file.path}: the change at line {file.mail_line} is in the mail once more, further down")
        else:
            kept.append(file)
        seen.add(copy)
    out.files = kept[::-1]


def _without_older(out: DiffText, levels: dict[int, int]) -> None:
    """Keep the least quoted of several changes of one file: the more marks, the older; `levels` by line of the mail."""
    least: dict[str, int] = {}
    for file in out.files:
        level = levels[file.mail_line]
        least[file.path] = min(level, least.get(file.path, level))
    for file in out.files:
        if levels[file.mail_line] > least[file.path]:
            where = f"{file.path}: the change at line {file.mail_line}"
            out.notes.append(f"{where} is left out: it is quoted from an older mail than the other one")
    out.files = [file for file in out.files if levels[file.mail_line] == least[file.path]]


def _starts(lines: list[MailLine], notes: list[str]) -> dict[int, tuple[Quoting, str]]:
    """Return the lines that begin a file or hunk, all of the outermost diff of the message."""
    found: dict[int, tuple[Quoting, str]] = {}
    for index, line in enumerate(lines):
        start = quoting_of_start(line.text)
        if start and _is_start(lines, index, *start):
            found[index] = start
    headed = {q for q, text in found.values() if not text.startswith("@@")} or {q for q, _ in found.values()}
    if any(q.levels == 0 for q in headed):
        if any(q.levels for q, _ in found.values()):
            notes.append("a diff that the mail quotes is left out: it has one of its own")
        indent = min(q.blanks for q in headed if q.levels == 0)
        return {i: s for i, s in found.items() if s[0].levels == 0 and s[0].blanks == indent}
    return {i: s for i, s in found.items() if s[0].levels}


def _is_start(lines: list[MailLine], index: int, quoting: Quoting, text: str) -> bool:
    if text.startswith("@@"):
        return bool(HUNK_HEADER.match(text) or COMBINED_HEADER.match(text) or re.match(r"@@ -\d+,\d+", text))
    if text.startswith("---"):
        return text.startswith("--- ") and _next_with(lines, index, quoting, "+++ ")
    if text.startswith("diff -") and not text.startswith("diff --"):
        return _next_with(lines, index, quoting, "--- ") or _next_with(lines, index, quoting, "Binary ")
    if text.startswith("Index: "):
        return _next_with(lines, index, quoting, "====") or _next_with(lines, index, quoting, "--- ")
    return True


def _next_with(lines: list[MailLine], index: int, quoting: Quoting, prefix: str) -> bool:
    """Tell whether one of the next three lines, behind its marks, begins with `prefix`."""
    for line in lines[index + 1 : index + 4]:
        text = quoting.strip(line.text)
        if text is not None and text.startswith(prefix):
            return True
    return False


class _Reader:
    """Walks over the lines of one diff."""

    def __init__(self, lines: list[MailLine], starts: dict[int, tuple[Quoting, str]], out: DiffText) -> None:
        self._lines = lines
        self._starts = starts
        self._out = out
        self._file: FileHeader | None = None
        self._margins: dict[Quoting, Margin] = {}
        self._levels: dict[int, int] = {}

    def run(self) -> None:
        """Read every file of the diff."""
        if any(quoting.levels for quoting, _ in self._starts.values()):
            self._out.repairs["quote"] += 1
        at = min(self._starts)
        self._out.first_line = self._lines[at].number
        while at < len(self._lines):
            if at not in self._starts:
                at += 1
                continue
            quoting, text = self._starts[at]
            if not text.startswith("@@"):
                self._finish_file()
                at = self._read_header(at, quoting)
            elif COMBINED_HEADER.match(text):
                if self._file is not None:
                    self._file.combined = True
                at += 1
            else:
                at = self._read_hunk(at, quoting)
        self._finish_file()
        _without_older(self._out, self._levels)
        self._out.files = without_stuffing(self._out.files, self._out.repairs)
        _without_copies(self._out)

    def _text(self, at: int, quoting: Quoting) -> str | None:
        return quoting.strip(self._lines[at].text) if at < len(self._lines) else None

    def _read_header(self, at: int, quoting: Quoting) -> int:
        """Read the header lines of a file from line `at`; return the line after them."""
        header = FileHeader(self._lines[at].number)
        self._levels[header.line] = quoting.levels
        whole = ""
        seen: set[str] = set()
        while (text := self._text(at, quoting)) is not None:
            keyword = KEYWORD.match(text)
            if keyword:
                if text.startswith("@@") or (keyword[0] in ONCE and keyword[0] in seen):
                    break
                if keyword[0] in OPENING and (seen & {"--- ", "diff -"}):
                    break
                if whole:
                    header.add(whole)
                whole = text
                seen.add(keyword[0])
            elif text.strip() and whole.startswith(WRAPPED_HEADERS) and self._keyword_follows(at, quoting):
                whole = f"{whole.rstrip()} {text.strip()}"
                self._out.repairs["rejoined"] += 1
            else:
                break
            at += 1
        if whole:
            header.add(whole)
        self._file = header
        return at

    def _keyword_follows(self, at: int, quoting: Quoting) -> bool:
        """Tell whether the lines after `at` go on as a file header does."""
        texts = [self._text(n, quoting) for n in (at + 1, at + 2)]
        return any(text and KEYWORD.match(text) for text in texts)

    def _read_hunk(self, at: int, quoting: Quoting) -> int:
        """Read the hunk whose header is line `at`; return the line after it."""
        line = self._lines[at]
        text = quoting.strip(line.text) or ""
        found = HUNK_HEADER.match(text)
        if not found:
            self._out.problems.append(f"line {line.number}: hunk header cannot be read")
            return at + 1
        old_start, new_start = int(found[1]), int(found[3])
        old, new = int(found[2] or 1), int(found[4] or 1)
        header = Unit.of(text, line)
        margin = self._margin(quoting)
        units, positions, following = self._hunk_units(at + 1, quoting, header, old + new, margin)
        restored = restore_hunk(header, found[5], units, (old, new), following, margin)
        self._out.repairs.update(restored.repairs)
        if self._file is None or self._levels[self._file.line] != quoting.levels:
            self._out.problems.append(f"line {line.number}: hunk without the name of its file")
        else:
            self._file.hunks.append(_read_hunk_lines(restored, (old_start, old, new_start, new), line.number))
        return positions[restored.used - 1] + 1 if restored.used else at + 1

    def _margin(self, quoting: Quoting) -> Margin:
        """Return the margin of all lines of the message that are quoted like this, from the first diff on."""
        if quoting not in self._margins:
            texts = [(line.text, quoting.strip(line.text)) for line in self._lines[min(self._starts) :]]
            self._margins[quoting] = Margin.of(whole for whole, text in texts if text and text[0] in " +-")
        return self._margins[quoting]

    def _hunk_units(
        self, at: int, quoting: Quoting, header: Unit, size: int, margin: Margin
    ) -> tuple[list[Unit], list[int], Following]:
        """Return the lines that may belong to a hunk, their indices, and what comes after them."""
        units: list[Unit] = []
        positions: list[int] = []
        gap = False
        limit = 3 * size + 64
        while at < len(self._lines) and len(units) < limit:
            line = self._lines[at]
            text = quoting.strip(line.text)
            if text is None:
                loose = Unit.of(without_marks(line.text), line, loose=True)
                if not gap and self._is_loose_end(at, quoting, units[-1] if units else header, loose, margin):
                    units.append(loose)
                    positions.append(at)
                else:
                    gap = True
            elif at in self._starts or BOUNDARY.match(text):
                return units, positions, self._following(text, gap)
            else:
                if units and quoting.blanks and BROKEN_ARROW.match(line.text) and HYPHENATED.search(units[-1].text):
                    text = line.text
                units.append(Unit.of(text, line, gap))
                positions.append(at)
                gap = False
            at += 1
        return units, positions, Following.CUT if gap or quoting.levels else Following.END

    def _is_loose_end(self, at: int, quoting: Quoting, previous: Unit, line: Unit, margin: Margin) -> bool:
        """Tell whether a line without marks may be the wrapped end of the quoted line before it.

        It takes up to three such lines, and then the quotation goes on.
        """
        for ahead in range(1, 4):
            if not line.text.strip() or line.text[0] in " \t" or not is_wrapped(previous, line, margin):
                return False
            if self._text(at + ahead, quoting) is not None:
                return True
            if at + ahead >= len(self._lines):
                return False
            after = self._lines[at + ahead]
            previous, line = line, Unit.of(without_marks(after.text), after)
        return False

    @staticmethod
    def _following(text: str, gap: bool) -> Following:
        if gap:
            return Following.CUT
        return Following.HUNK if text.startswith("@@") else Following.FILE

    def _finish_file(self) -> None:
        """Turn the header and hunks at hand into a file of the patch."""
        header, self._file = self._file, None
        if header is None:
            return
        kind = kind_of(header)
        names = names_of(header, kind)
        if names is None:
            self._out.problems.append(f"line {header.line}: diff without a file name")
            return
        file = FilePatch(
            old_path=names.old,
            new_path=names.new,
            kind=kind,
            hunks=tuple(header.hunks),
            mail_line=header.line,
            old_blob=header.blobs[0],
            new_blob=header.blobs[1],
            old_mode=header.fields.get("old mode") or header.fields.get("deleted file mode") or header.mode,
            new_mode=header.fields.get("new mode") or header.fields.get("new file mode") or header.mode,
            spellings=names.spellings,
        )
        if kind in (FileKind.MODIFY, FileKind.CREATE) and not header.hunks and "index" in header.fields:
            self._out.notes.append(f"{file.path}: no hunk of it is in the mail (line {header.line})")
        if kind is FileKind.COMBINED:
            self._out.problems.append(f"{file.path}: combined diff of a merge (line {header.line}) is not judged")
        elif kind is FileKind.BINARY:
            self._out.problems.append(f"{file.path}: binary change (line {header.line}) is not judged")
        self._out.files.append(file)


def _read_hunk_lines(restored: RestoredHunk, header: tuple[int, int, int, int], mail_line: int) -> Hunk:
    """Return the repaired hunk as `unidiff` reads it, under the counts that its own header promised."""
    old_start, old, new_start, new = header
    has_old, has_new = restored.counts()
    lines = [f"--- a/file\n+++ b/file\n@@ -{old_start},{has_old} +{new_start},{has_new} @@ {restored.section}\n"]
    lines = lines[0].splitlines(keepends=True)
    numbers = [mail_line] * len(lines)
    for line in restored.lines:
        lines.append(f"{line.kind}{line.text}\n")
        numbers.append(line.number)
    out: list[HunkLine] = []
    try:
        files = PatchSet(lines)
    except UnidiffParseError as error:
        raise PatchError(f"line {mail_line}: hunk cannot be read: {error}") from error
    for read in (read for file in files for hunk in file for read in hunk):
        if read.line_type == "\\":
            if out:
                out[-1] = replace(out[-1], no_newline=True)
            continue
        text = read.value.removesuffix("\n").encode("utf-8", "surrogateescape")
        out.append(HunkLine(read.line_type, text, numbers[(read.diff_line_no or 1) - 1]))
    return Hunk(
        old_start,
        old,
        new_start,
        new,
        restored.section.strip(),
        tuple(out),
        mail_line,
        truncated=restored.truncated,
        breaks=restored.breaks,
    )
