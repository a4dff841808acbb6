"""The lines before a file's hunks: names, modes, blobs, and what is done to the file."""

import re
from dataclasses import dataclass, field

from analyzer.patch.paths import NOWHERE, Names, is_epoch, read_name, resolve_names, split_git_names
from analyzer.patch.records import FileKind, Hunk

INDEX_LINE = re.compile(r"index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})(?: (\d{6}))?\s*$")
EXTENDED = re.compile(
    r"(old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to"
    r"|similarity index|dissimilarity index|index) (.*)",
    re.DOTALL,
)
BINARY = re.compile(r"(GIT binary patch|Binary files .* differ|Files .* differ)\s*$")


@dataclass
class FileHeader:
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


def kind_of(header: FileHeader) -> FileKind:
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


def names_of(header: FileHeader, kind: FileKind) -> Names | None:
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
