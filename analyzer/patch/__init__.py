"""Patch mail as it arrives: bytes to messages to patches to hunks to an overlay on a tree.

    read_messages(stream, name)   messages of a diff, mail, mbox, git log, or gzip of those
    parse_patch(message)          what one message changes; repairs counted, problems named
    gather_series(patches)        patches as series, newest version only; series_of for all at once
    choose_base(patches, folder)  the tree below them: --base, base-commit, blob ids, HEAD, folder
    apply_patch(patch, tree)      the post-image as an overlay, each hunk placed or rejected
    fragments(patch)              files rebuilt from the hunks alone, when there is no tree
    rejected_part(patch, applied) what is left of a patch when it was applied: for `fragments`
    reverse_patch(patch)          the patch that undoes it

Nothing is written and nothing that a patch names is run. Lines of the input
are kept for every line of a hunk, so that a finding can be shown in the mail.
"""

from analyzer.patch.apply import apply_patch, rejected_part
from analyzer.patch.base import Base, Rung, choose_base
from analyzer.patch.fragments import Fragment, Piece, fragments
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
from analyzer.patch.reverse import reverse_patch, tree_without
from analyzer.patch.series import gather_series, series_of

__all__ = [
    "Applied",
    "Base",
    "FileChange",
    "FileKind",
    "FilePatch",
    "Fragment",
    "Hunk",
    "HunkLine",
    "MailLine",
    "MailMessage",
    "Patch",
    "Piece",
    "Placement",
    "Reject",
    "Repairs",
    "Rung",
    "Series",
    "apply_patch",
    "choose_base",
    "fragments",
    "gather_series",
    "parse_patch",
    "read_messages",
    "rejected_part",
    "reverse_patch",
    "series_of",
    "tree_without",
]
