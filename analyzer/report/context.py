"""What a renderer is told beside the result: the run, the rules, the mail it answers.

Plain values only. A renderer is a pure function of a result and a context:
it reads no clock, no environment and no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RulePage:
    """What a report may say about a rule: its one-line summary and its page in Markdown."""

    id: str
    summary: str
    severity: str
    confidence: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """One line of a hunk as it stands in the patch, with its leading `+`, `-` or blank.

    `mail_line` is its line in the original mail; `source_line` is its line in
    the post-image, or in the pre-image for a deleted line. None is unknown.
    """

    text: str
    mail_line: int | None = None
    source_line: int | None = None


@dataclass(frozen=True, slots=True)
class QuotedHunk:
    """One hunk of the patch: the file it changes, its `@@` line and its lines, all of them."""

    file: str
    header: str
    lines: tuple[QuotedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class OriginalMail:
    """The patch mail that is judged: decoded header values and its hunks in order.

    Addresses are as in the header (`Name <user@host>`), one per item. Header
    values may hold anything a mail can hold; renderers clean what they print.
    """

    message_id: str = ""
    subject: str = ""
    sender: str = ""
    date: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    hunks: tuple[QuotedHunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a renderer may know beside the result."""

    version: str = ""
    """Version of the tool."""

    rules: Mapping[str, RulePage] = field(default_factory=dict)
    """The catalogue by rule id; a finding may name a rule that is not in it."""

    patch_mode: bool = False
    """A patch was judged, so that the status of a finding means something."""

    color: bool = False
    """Escape sequences may be written; see `want_color`."""

    command: str = ""
    """A command that repeats the run, or ""."""

    mail: OriginalMail | None = None
    """The mail that was judged, when the input was one."""
