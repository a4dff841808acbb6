"""Damage to characters and blanks that shows in the whole of a mail.

Undone before the diff is read: what web pages do to characters. Undone after
it: blanks that a client put before lines that begin with one. And diffs that
are beyond repair are named.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from analyzer.patch.records import FilePatch, HunkLine, MailLine
from analyzer.patch.whitespace import TAB

ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"))
COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
CONTEXT_DIFF = re.compile(r"(?:[ \t]?>)*[ \t]?\*{15}")
REFILLED = re.compile(r"\S.* @@ -\d+,\d+ \+\d+,\d+ @@|[^\s>].* diff --git a/\S|[;})/] diff --git$")
STUFFED = re.compile(rb" (\t|[^ *])")
LEADING_NBSP = re.compile("(?:[ \\t\u00a0]?>)*[ +\\-]*[ \\t]*\u00a0")


MANGLED_NBSP = re.compile(r"((?:[ \t]?>)*[ \t]?[+-]?)((?:[ \t]*[A\u00c2][ \u00a0])+)(?=[ \t\w/*#{}()&.]|$)")
MANGLED_RUN = re.compile(r"(?<!\w)(?:[A\u00c2][ \u00a0]){2,}")
SURELY_MANGLED = re.compile(r"(?:[ \t]?>)*[ \t]?[+-]?[ \t]*[A\u00c2][ \u00a0]([ \t]*[A\u00c2][ \u00a0]|\t|$)")


def without_archive_marks(body: Sequence[MailLine], repairs: Counter[str]) -> list[MailLine]:
    """Undo what terminals and web pages do to characters: colours, non-breaking spaces, HTML entities.

    Each is looked for where a diff cannot have it: entities in an arrow, non-breaking spaces in the indentation.
    """
    lines = list(body)
    if any("\x1b[" in line.text for line in lines):
        repairs["colour"] += sum(1 for line in lines if "\x1b[" in line.text)
        lines = [MailLine(COLOUR.sub("", line.text), line.number, line.soft) for line in lines]
    if any(LEADING_NBSP.match(line.text) for line in lines):
        repairs["non-breaking-space"] += sum(1 for line in lines if "\u00a0" in line.text)
        lines = [MailLine(line.text.replace("\u00a0", " "), line.number, line.soft) for line in lines]
    if sum(1 for line in lines if SURELY_MANGLED.match(line.text)) > 1:
        repairs["non-breaking-space"] += sum(1 for line in lines if MANGLED_NBSP.match(line.text))
        lines = [MailLine(_unmangled(line.text), line.number, line.soft) for line in lines]
    if any("-&gt;" in line.text for line in lines):
        repairs["entity"] += sum(1 for line in lines if any(name in line.text for name, _ in ENTITIES))
        for name, letter in ENTITIES:
            lines = [MailLine(line.text.replace(name, letter), line.number, line.soft) for line in lines]
    return lines


def _unmangled(text: str) -> str:
    """Return a line with blanks for what lists without eight bits make of non-breaking spaces: "A "."""
    found = MANGLED_NBSP.match(text)
    if found:
        text = found[1] + re.sub("[A\u00c2][ \u00a0]", " ", found[2]) + text[found.end() :]
    return MANGLED_RUN.sub(lambda run: " " * (len(run[0]) // 2), text)


def name_unreadable(lines: list[MailLine]) -> list[str]:
    """Name a diff that stands in the lines in a form that is not read."""
    for line in lines:
        if CONTEXT_DIFF.match(line.text):
            return [f"line {line.number}: a context diff (diff -c) is not read"]
        if REFILLED.search(line.text):
            return [f"line {line.number}: a diff that was filled like prose is not read"]
    return []


def without_stuffing(files: list[FilePatch], repairs: Counter[str]) -> list[FilePatch]:
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
