"""The mail of a patch, as reports quote it."""

from analyzer.patch import FilePatch, Hunk, Patch
from analyzer.report import OriginalMail, QuotedHunk, QuotedLine


def original_mail(patch: Patch) -> OriginalMail:
    """Return headers and hunks of the mail that a patch came in."""
    return OriginalMail(
        message_id=patch.message_id,
        subject=patch.subject,
        sender=patch.sender or patch.author,
        date=patch.date,
        to=patch.to,
        cc=patch.cc,
        references=patch.references or ((patch.in_reply_to,) if patch.in_reply_to else ()),
        hunks=tuple(_quoted(file, hunk) for file in patch.files for hunk in file.hunks),
    )


def _quoted(file: FilePatch, hunk: Hunk) -> QuotedHunk:
    before, after = hunk.old_start, hunk.new_start
    lines = []
    for line in hunk.lines:
        number = before if line.kind == "-" else after
        text = line.kind + line.text.decode("utf-8", "replace").rstrip("\r")
        lines.append(QuotedLine(text, line.mail_line, number))
        before += line.kind != "+"
        after += line.kind != "-"
    section = f" {hunk.section}" if hunk.section else ""
    header = f"@@ -{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@{section}"
    return QuotedHunk(file.path, header, tuple(lines))
