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

from analyzer.patch.hunks import Following, RestoredHunk, Unit, column_width, is_wrapped, restore_hunk
from analyzer.patch.paths import NOWHERE, Names, is_epoch, read_name, resolve_names, split_git_names
from analyzer.patch.quoting import Quoting, quoting_of_start
from analyzer.patch.records import FileKind, FilePatch, Hunk, HunkLine, MailLine
from analyzer.patch.whitespace import TAB
from analyzer.source import PatchError

HUNK_HEADER = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)", re.DOTALL)
COMBINED_HEADER = re.compile(r"@@@+ -\d")
INDEX_LINE = re.compile(r"index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})(?: (\d{6}))?\s*$")
EXTENDED = re.compile(
    r"(old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to"
    r"|similarity index|dissimilarity index|index) (.*)",
    re.DOTALL,
)
BINARY = re.compile(r"(GIT binary patch|Binary files .* differ|Files .* differ)\s*$")
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
ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"))
CONTEXT_DIFF = re.compile(r"(?:[ \t]?>)*[ \t]?\*{15}")
REFILLED = re.compile(r"\S.* @@ -\d+,\d+ \+\d+,\d+ @@|[^\s>].* diff --git a/\S|[;})/] diff --git$")
STUFFED = re.compile(rb" (\t|[^ *])")
LEADING_NBSP = re.compile("(?:[ \\t\u00a0]?>)*[ +\\-]*[ \\t]*\u00a0")


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
    lines = _without_archive_marks(body, text.repairs)
    starts = _starts(lines, text.notes)
    if not starts:
        text.problems += _unreadable(lines)
        return text
    text.indented = all(quoting.levels == 0 and quoting.blanks for quoting, _ in starts.values())
    _Reader(lines, starts, text).run()
    return text


def _unreadable(lines: list[MailLine]) -> list[str]:
    """Name a diff that stands in the lines in a form that is not read."""
    for line in lines:
        if CONTEXT_DIFF.match(line.text):
            return [f"line {line.number}: a context diff (diff -c) is not read"]
        if REFILLED.search(line.text):
            return [f"line {line.number}: a diff that was filled like prose is not read"]
    return []


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


def _without_archive_marks(body: tuple[MailLine, ...], repairs: Counter[str]) -> list[MailLine]:
    """Undo what web pages do to characters: non-breaking spaces in the indentation, HTML entities."""
    lines = list(body)
    if any(LEADING_NBSP.match(line.text) for line in lines):
        repairs["non-breaking-space"] += sum(1 for line in lines if "\u00a0" in line.text)
        lines = [MailLine(line.text.replace("\u00a0", " "), line.number, line.soft) for line in lines]
    if any("-&gt;" in line.text for line in lines):
        repairs["entity"] += sum(1 for line in lines if any(name in line.text for name, _ in ENTITIES))
        for name, letter in ENTITIES:
            lines = [MailLine(line.text.replace(name, letter), line.number, line.soft) for line in lines]
    return lines


def _starts(lines: list[MailLine], notes: list[str]) -> dict[int, tuple[Quoting, str]]:
    """Return the lines that begin a file or hunk, all of the outermost diff of the message."""
    found: dict[int, tuple[Quoting, str]] = {}
    for index, line in enumerate(lines):
        start = quoting_of_start(line.text)
        if start and _is_start(lines, index, *start):
            found[index] = start
    headed = {q for q, text in found.values() if not text.startswith("@@")} or {q for q, _ in found.values()}
    if any(q.levels == 0 for q in headed):
        if any(q.levels for q in headed):
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


@dataclass
class _Header:
    """What the lines before a file's hunks said."""

    line: int
    git_names: tuple[str, str] | None = None
    other_name: str = ""
    old: str | None = None
    new: str | None = None
    old_missing: bool = False
    new_missing: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    blobs: tuple[str, str] = ("", "")
    mode: str = ""
    binary: bool = False
    combined: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take in one whole header line."""
        if text.startswith("diff --git "):
            self.git_names = split_git_names(text[11:])
        elif text.startswith(("diff --cc ", "diff --combined ")):
            self.combined = True
            self.other_name = read_name(text.split(" ", 2)[2])
        elif text.startswith("Index: "):
            self.other_name = read_name(text[7:])
        elif text.startswith("--- "):
            self.old, self.old_missing = read_name(text[4:]), is_epoch(text)
        elif text.startswith("+++ "):
            self.new, self.new_missing = read_name(text[4:]), is_epoch(text)
        elif BINARY.match(text):
            self.binary = True
        elif extended := EXTENDED.match(text):
            self.fields[extended[1]] = extended[2].strip()
            if index := INDEX_LINE.match(text):
                self.blobs = (index[1], index[2])
                self.mode = index[3] or ""


class _Reader:
    """Walks over the lines of one diff."""

    def __init__(self, lines: list[MailLine], starts: dict[int, tuple[Quoting, str]], out: DiffText) -> None:
        self._lines = lines
        self._starts = starts
        self._out = out
        self._file: _Header | None = None

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
        self._out.files = _without_stuffing(self._out.files, self._out.repairs)
        _without_copies(self._out)

    def _text(self, at: int, quoting: Quoting) -> str | None:
        return quoting.strip(self._lines[at].text) if at < len(self._lines) else None

    def _read_header(self, at: int, quoting: Quoting) -> int:
        """Read the header lines of a file from line `at`; return the line after them."""
        header = _Header(self._lines[at].number)
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
        header = Unit(text, line.number, column_width(line.text), line.soft)
        units, positions, following = self._hunk_units(at + 1, quoting, header, old + new)
        restored = restore_hunk(header, found[5], units, old, new, following)
        self._out.repairs.update(restored.repairs)
        if self._file is None:
            self._out.problems.append(f"line {line.number}: hunk without the name of its file")
        else:
            self._file.hunks.append(_read_hunk_lines(restored, (old_start, old, new_start, new), line.number))
        return positions[restored.used - 1] + 1 if restored.used else at + 1

    def _hunk_units(
        self, at: int, quoting: Quoting, header: Unit, size: int
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
                loose = Unit(line.text, line.number, column_width(line.text), line.soft, loose=True)
                if not gap and self._is_loose_end(at, quoting, units[-1] if units else header, loose):
                    units.append(loose)
                    positions.append(at)
                else:
                    gap = True
            elif at in self._starts or BOUNDARY.match(text):
                return units, positions, self._following(text, gap)
            else:
                units.append(Unit(text, line.number, column_width(line.text), line.soft, gap))
                positions.append(at)
                gap = False
            at += 1
        return units, positions, Following.CUT if gap or quoting.levels else Following.END

    def _is_loose_end(self, at: int, quoting: Quoting, previous: Unit, line: Unit) -> bool:
        """Tell whether a line without marks may be the wrapped end of the quoted line before it.

        It takes up to three such lines, and then the quotation goes on.
        """
        for ahead in range(1, 4):
            if not line.text.strip() or line.text[0] in " \t" or not is_wrapped(previous, line):
                return False
            if self._text(at + ahead, quoting) is not None:
                return True
            if at + ahead >= len(self._lines):
                return False
            text = self._lines[at + ahead].text
            previous, line = line, Unit(text, 0, column_width(text))
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
        kind = _kind_of(header)
        names = _names_of(header, kind)
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


def _without_stuffing(files: list[FilePatch], repairs: Counter[str]) -> list[FilePatch]:
    """Drop the blank that some clients put before every line that begins with one, context lines that is.

    It is there when all context lines have one, and it shows: one of them
    stands where kernel code has none (before a tab, or alone before a word),
    or the indentation of context is one blank ahead of that of changed lines.
    Where tabs became blanks only after the stuffing, the indentations agree,
    and only lines without any lose the blank.
    """
    context = [line.text for f in files for h in f.hunks for line in h.lines if line.kind == " " and line.text.strip()]
    changed = [line.text for f in files for h in f.hunks for line in h.lines if line.kind != " "]
    if len(context) < 3 or not all(text.startswith(b" ") for text in context):
        return files
    tabs = any(b"\t" in text for text in context)
    ahead = not tabs and _usual_rest(context) - _usual_rest(changed) in (1, 1 - TAB)
    if not ahead and not any(STUFFED.match(text) for text in context):
        return files
    ahead = ahead or (not tabs and _usual_rest(context) in (1, 5))
    repairs["space-stuffed"] += len(context)

    def unstuffed(line: HunkLine) -> HunkLine:
        shallow = len(line.text) - len(line.text.lstrip(b" ")) < 4
        if line.kind != " " or not line.text.startswith(b" ") or not (tabs or ahead or shallow):
            return line
        return replace(line, text=line.text[1:])

    return [
        replace(file, hunks=tuple(replace(hunk, lines=tuple(map(unstuffed, hunk.lines))) for hunk in file.hunks))
        for file in files
    ]


def _usual_rest(lines: list[bytes]) -> int:
    """Return by how much most indentations of four or more blanks exceed a tab stop."""
    rests = Counter((len(line) - len(line.lstrip(b" "))) % TAB for line in lines if line.startswith(b"    "))
    return rests.most_common(1)[0][0] if rests else -TAB


def _kind_of(header: _Header) -> FileKind:
    """Return what the header says is done to the file."""
    fields = header.fields
    creates = len(header.hunks) == 1 and header.hunks[0].old_start == 0 and header.hunks[0].old_count == 0
    deletes = len(header.hunks) == 1 and header.hunks[0].new_start == 0 and header.hunks[0].new_count == 0
    if header.combined:
        return FileKind.COMBINED
    if header.binary:
        return FileKind.BINARY
    if "new file mode" in fields or header.old == NOWHERE or (header.old_missing and creates):
        return FileKind.CREATE
    if "deleted file mode" in fields or header.new == NOWHERE or (header.new_missing and deletes):
        return FileKind.DELETE
    if "rename to" in fields:
        return FileKind.RENAME
    if "copy to" in fields:
        return FileKind.COPY
    if "old mode" in fields and not header.hunks:
        return FileKind.MODE
    return FileKind.MODIFY


def _names_of(header: _Header, kind: FileKind) -> Names | None:
    """Return the file's names from the most exact of the header's lines; None when no line has one."""
    fields = header.fields
    if kind in (FileKind.RENAME, FileKind.COPY):
        word = kind.value
        old, new = fields.get(f"{word} from", ""), fields.get(f"{word} to", "")
        if old and new:
            return Names(read_name(old), read_name(new))
    old_name, new_name = header.old, header.new
    if old_name is None or new_name is None:
        if header.git_names is not None:
            old_name, new_name = header.git_names
        elif header.other_name:
            old_name = new_name = header.other_name
        else:
            return None
    if kind is FileKind.CREATE:
        old_name = NOWHERE
    elif kind is FileKind.DELETE:
        new_name = NOWHERE
    return resolve_names(old_name, new_name, renamed=kind in (FileKind.RENAME, FileKind.COPY))


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
