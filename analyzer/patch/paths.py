"""File names as diffs spell them: quoted, with a prefix, with a time stamp.

A leading folder is dropped when it is one that diff tools put there (`a/`,
`linux-2.6.10.orig/`) or when it is all that the two sides differ in. What is
left open here, a tree decides by the further `spellings`.
"""

import re
from dataclasses import dataclass

NOWHERE = "/dev/null"
LONGEST_LINE = 4096

TOOL_PREFIX = re.compile(
    r"[abciow12]$"  # git, and git with diff.mnemonicPrefix
    r"|(?i:linux)([-_.].*)?$|.*\.(orig|old|new|bak)$"
    r"|v?\d+(\.\d+)+([-.+].*)?$|\d+(-\w+)?$"  # release folders, also those of akpm's scripts: 25, 25-akpm
    r"|edited$"
)
STAMP = re.compile(
    r"\t.*$|\s+(\d{4}-\d\d-\d\d\b|(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[ ,]|\(revision |\(working copy\)|\(nonexistent\)).*$"
)
EPOCH = re.compile(r"(1970-01-01|1969-12-31|Thu,? +(Jan +1|1 +Jan)\b.*1970)")
ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
AKPM_SUFFIX = re.compile(r"~[\w.-]+$")


@dataclass(frozen=True)
class Names:
    """The two sides of a file header, None where there is no file, and other readings of them."""

    old: str | None
    new: str | None
    spellings: tuple[str, ...] = ()


def read_name(text: str) -> str:
    """Return the name on a `---` or `+++` line: unquoted, without time stamp."""
    text = text[:LONGEST_LINE].strip("\r\n")
    if text.startswith('"'):
        end = re.compile(r'"((?:[^"\\]|\\.)*)"').match(text)
        if end:
            return unquote_name(end[1])
    return STAMP.sub("", text).strip()


def is_epoch(text: str) -> bool:
    """Tell whether the line's time stamp is how diff marks a file that is not there."""
    return bool(EPOCH.search(text))


def unquote_name(text: str) -> str:
    """Return a name with git's C-style escapes undone."""

    def replace(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if len(code) == 3:
            return bytes([int(code, 8) & 0xFF])
        return ESCAPES.get(code, code)

    return ESCAPE.sub(replace, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def split_git_names(text: str) -> tuple[str, str] | None:
    """Return both names of a `diff --git` line, whose names may hold blanks; None when it has but one."""
    text = text[:LONGEST_LINE].strip()
    quoted = re.match(r'("(?:[^"\\]|\\.)*"|\S+)\s+("(?:[^"\\]|\\.)*"|\S+)$', text)
    if quoted:
        return read_name(quoted[1]), read_name(quoted[2])
    halves = [(text[:at].strip(), text[at + 1 :].strip()) for at, letter in enumerate(text) if letter in " \t" and at]
    for old, new in halves:
        if old == new or (old.partition("/")[2] and old.partition("/")[2] == new.partition("/")[2]):
            return old, new
    for old, new in halves:
        if old.startswith("a/") and new.startswith("b/"):
            return old, new
    return None


def resolve_names(old: str, new: str, renamed: bool) -> Names:
    """Return tree-relative names for the two sides of a header.

    Unless the file is renamed both sides name one file, and the new side's
    spelling counts: backup suffixes stand on the old side.
    """
    if old == NOWHERE or new == NOWHERE:
        known = new if old == NOWHERE else old
        name = _without_prefix(known)
        return Names(None if old == NOWHERE else name, None if new == NOWHERE else name, _spellings(known, name))
    first_old, _, rest_old = old.partition("/")
    first_new, _, rest_new = new.partition("/")
    if first_old != first_new and rest_old and rest_new in (rest_old, AKPM_SUFFIX.sub("", rest_old)):
        return Names(rest_new, rest_new, _spellings(new, rest_new))
    name = _without_prefix(new)
    if renamed:
        return Names(_without_prefix(old), name, _spellings(new, name))
    return Names(name, name, tuple(dict.fromkeys((*_spellings(new, name), *_spellings(old, name)))))


def _without_prefix(name: str) -> str:
    first, _, rest = name.partition("/")
    return rest if rest and TOOL_PREFIX.match(first) else name


def _spellings(raw: str, chosen: str) -> tuple[str, ...]:
    """Return the name with 0, 1, 2, ... leading folders dropped, without the chosen reading."""
    parts = [part for part in raw.split("/") if part not in ("", ".")]
    return tuple(name for at in range(len(parts)) if (name := "/".join(parts[at:])) != chosen)
