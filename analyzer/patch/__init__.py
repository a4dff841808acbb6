"""Patch mail as it arrives: bytes to messages to patches to hunks to an overlay on a tree.

    read_messages(stream, name)   messages of a diff, mail, mbox, git log, or gzip of those
    parse_patch(message)          what one message changes; repairs counted, problems named
    apply_patch(patch, tree)      the post-image as an overlay, each hunk placed or rejected

Nothing is written and nothing that a patch names is run. Lines of the input
are kept for every line of a hunk, so that a finding can be shown in the mail.
"""

from analyzer.patch.apply import apply_patch
from analyzer.patch.mail import read_messages
from analyzer.patch.parse import parse_patch
from analyzer.patch.records import (
    Applied,
    FileChange,
    FileKind,
    FilePatch,
    Hunk,
    HunkLine,
    MailLine,
    MailMessage,
    Patch,
    Placement,
    Reject,
    Repairs,
    Series,
)

__all__ = [
    "Applied",
    "FileChange",
    "FileKind",
    "FilePatch",
    "Hunk",
    "HunkLine",
    "MailLine",
    "MailMessage",
    "Patch",
    "Placement",
    "Reject",
    "Repairs",
    "Series",
    "apply_patch",
    "parse_patch",
    "read_messages",
]
