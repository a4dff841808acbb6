"""The values that the stages of ``patch`` hand to each other.

A mail is a list of lines that know where they stood in the input; a patch is
what those lines say after repair; an `Applied` says what became of each hunk.
Text of C files is bytes without the newline; text of mails is `str`, in which
a byte that no charset explains is a surrogate escape, so it goes back
unchanged into the post-image.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Repairs(Mapping[str, int]):
    """How often each kind of damage was repaired; kinds that did not occur are absent."""

    counts: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> "Repairs":
        """Return the counts that are not zero, in order of their names."""
        return cls(tuple(sorted((kind, n) for kind, n in counts.items() if n)))

    def __getitem__(self, kind: str) -> int:
        for name, count in self.counts:
            if name == kind:
                return count
        raise KeyError(kind)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.counts)

    def __len__(self) -> int:
        return len(self.counts)

    def plus(self, other: Mapping[str, int]) -> "Repairs":
        """Return both sets of counts added up."""
        return Repairs.of({k: self.get(k, 0) + other.get(k, 0) for k in {*self, *other}})

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in self.counts) or "none"


@dataclass(frozen=True, slots=True)
class MailLine:
    """One decoded line of a mail's body.

    `number` counts the lines of the whole input from 1; a line that was
    base64 or quoted-printable has the number of the line where it began.
    `soft` is a format=flowed line break: the next line belongs to this one.
    """

    text: str
    number: int
    soft: bool = False


@dataclass(frozen=True)
class MailMessage:
    """One mail, commit or bare diff of a stream.

    A `problem` says why (part of) the message could not be read; what could be
    read is there all the same. `commit` is the id on a git "From" or "commit" line.
    """

    source: str
    line: int
    message_id: str = ""
    subject: str = ""
    author: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    date: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    commit: str = ""
    from_log: bool = False
    body: tuple[MailLine, ...] = field(default=(), repr=False)
    repairs: Repairs = Repairs()
    notes: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class HunkLine:
    """A line of a hunk: kind " ", "+" or "-"; `no_newline` when the file ends here without one."""

    kind: str
    text: bytes
    mail_line: int
    no_newline: bool = False


@dataclass(frozen=True)
class Hunk:
    """One hunk with the counts that its header promises.

    `truncated`: fewer lines arrived than promised. `breaks` are indices into
    `lines` before which the mail was interrupted (a comment of the one who
    replies); in a truncated hunk lines may be missing there.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str
    lines: tuple[HunkLine, ...]
    mail_line: int
    truncated: bool = False
    breaks: tuple[int, ...] = ()


class FileKind(StrEnum):
    """What a patch does to a file as a whole."""

    MODIFY = "modify"
    CREATE = "create"
    DELETE = "delete"
    RENAME = "rename"
    COPY = "copy"
    MODE = "mode"
    BINARY = "binary"
    COMBINED = "combined"


@dataclass(frozen=True)
class FilePatch:
    """What a patch does to one file.

    `old_path`/`new_path` are relative to the tree's root as far as the patch
    alone can tell, None where there is no such side. `spellings` are further
    readings of the path (other numbers of leading folders dropped) that a
    tree decides between.
    """

    old_path: str | None
    new_path: str | None
    kind: FileKind
    hunks: tuple[Hunk, ...]
    mail_line: int
    old_blob: str = ""
    new_blob: str = ""
    old_mode: str = ""
    new_mode: str = ""
    spellings: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return the path after the patch, or before it for a file that is deleted."""
        return self.new_path or self.old_path or ""


@dataclass(frozen=True)
class Patch:
    """What one message says is to be changed.

    `author` is who wrote the patch (a From line in the body counts), `sender` who mailed it.
    `number`/`total` come from "[PATCH 3/10]"; 0/0 when the subject has none.
    `problems` name what of the message is not in `files`.
    """

    message_id: str
    subject: str
    title: str
    number: int
    total: int
    version: int
    author: str
    sender: str
    date: str
    source: str
    line: int
    files: tuple[FilePatch, ...]
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    commit: str = ""
    from_log: bool = False
    base_commit: str = ""
    prerequisites: tuple[str, ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    is_cover: bool = False
    is_reply: bool = False
    repairs: Repairs = Repairs()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """The patches of one posting in the order in which they apply."""

    title: str
    version: int
    patches: tuple[Patch, ...]
    cover: Patch | None = None
    notes: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a hunk was put: `line` is the pre-image line of its first line.

    `offset` is counted in lines against the header; `fuzz` is the number of
    outer context lines that were ignored; `whitespace` is set when the text
    agreed only after white space was left out of the comparison; `partial`
    when only the whole part of a truncated hunk was applied.
    """

    path: str
    number: int
    mail_line: int
    line: int
    offset: int = 0
    fuzz: int = 0
    whitespace: bool = False
    partial: bool = False

    def note(self) -> str:
        """Return how the hunk was applied as patch(1) words it; "" when exactly."""
        words = []
        if self.offset:
            words.append(f"offset {self.offset} line{'s' if abs(self.offset) != 1 else ''}")
        if self.fuzz:
            words.append(f"fuzz {self.fuzz}")
        if self.whitespace:
            words.append("compared without white space")
        if self.partial:
            words.append("cut off, its whole part only")
        return f"{self.path}: hunk {self.number}: {', '.join(words)}" if words else ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A hunk, or with `hunk` 0 a whole file, that was not applied."""

    path: str
    hunk: int
    mail_line: int
    reason: str

    def __str__(self) -> str:
        what = f"hunk {self.hunk}" if self.hunk else "file"
        return f"{self.path}: {what} (line {self.mail_line} of the mail): {self.reason}"


@dataclass(frozen=True)
class FileChange:
    """Which lines of one file a patch touched, before and after.

    `post_lines` maps lines of the post-image to lines of the mail and
    `pre_lines` lines of the pre-image; both hold context lines too. The
    ranges are inclusive and pair up, one per run of changed lines; a run that
    only deletes has the empty range (n, n - 1) in `post_ranges`, one that only
    adds has it in `pre_ranges`.
    """

    old_path: str | None
    new_path: str | None
    post_lines: Mapping[int, int] = field(default_factory=dict, repr=False)
    pre_lines: Mapping[int, int] = field(default_factory=dict, repr=False)
    post_ranges: tuple[tuple[int, int], ...] = ()
    pre_ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Applied:
    """A patch on a tree: the files that it replaces (None: removes) and what became of each hunk."""

    overlay: Mapping[str, bytes | None]
    changes: tuple[FileChange, ...] = ()
    placements: tuple[Placement, ...] = ()
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()

    def mail_line(self, path: str, line: int) -> int | None:
        """Return the mail line that shows `line` of the post-image; None outside the hunks."""
        for change in self.changes:
            if change.new_path == path and line in change.post_lines:
                return change.post_lines[line]
        return None
