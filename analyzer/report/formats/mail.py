"""A reply to the patch, ready to send and never sent: one message, or "" when there is nothing to say.

The hunks in question are quoted and trimmed, and each finding stands under the
line that it is about. Plain text, our own lines at most 72 columns; quoted
lines, message ids and diagrams are not broken. From, Date and Message-ID are
left to the program that sends. Several replies make an mbox with `as_mbox`.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from email.header import Header
from email.utils import formataddr, getaddresses

from analyzer.findings import Finding, Result
from analyzer.report.context import Context, OriginalMail, QuotedHunk
from analyzer.report.diagram import draw_columns
from analyzer.report.plain import is_race, visible
from analyzer.report.summary import answerable

WIDTH = 72
BEFORE = 8
"""Lines of a hunk that are quoted in front of a finding's line."""

ADVICE = "pagelint is not always right. Your judgement takes precedence."


def render(result: Result, context: Context) -> str:
    """Return the reply; without a mail to answer, a message about the findings with a subject of its own."""
    findings = answerable(result, context)
    if not findings:
        return ""
    mail = context.mail or OriginalMail(subject=f"[pagelint] {visible(findings[0].message)}")
    body = [*_attribution(mail), *_remarks(findings, mail), *_unread(result), *_closing(context)]
    headers = "\n".join(_headers(mail, is_reply=context.mail is not None))
    return headers + "\n\n" + "\n".join(body).strip("\n") + "\n"


def as_mbox(messages: Iterable[str]) -> str:
    """Return messages as one mbox in the mboxrd form: lines that look like a separator are quoted."""
    quoted = (re.sub(r"(?m)^(>*From )", r">\1", message) for message in messages if message)
    return "".join(f"From mboxrd@z Thu Jan  1 00:00:00 1970\n{message}\n" for message in quoted)


def _headers(mail: OriginalMail, is_reply: bool) -> Iterator[str]:
    subject = " ".join(visible(mail.subject, keep="\t\n\r").split())
    if is_reply and not subject.lower().startswith("re:"):
        subject = f"Re: {subject}"
    yield f"Subject: {_encoded(subject, 'Subject')}"
    author = _addresses([mail.sender])
    others = {key: value for key, value in _addresses([*mail.to, *mail.cc]).items() if key not in author}
    if author:
        yield "To: " + ",\n ".join(author.values())
    if others:
        yield "Cc: " + ",\n ".join(others.values())
    replied_to = _message_ids([mail.message_id])
    if replied_to:
        yield f"In-Reply-To: {replied_to[0]}"
        yield "References: " + "\n ".join(dict.fromkeys([*_message_ids(mail.references), replied_to[0]]))
    yield "MIME-Version: 1.0"
    yield "Content-Type: text/plain; charset=UTF-8"
    yield "Content-Transfer-Encoding: 8bit"


def _encoded(text: str, name: str) -> str:
    """Return a header value folded, as RFC 2047 words where it is not ASCII."""
    charset = "us-ascii" if text.isascii() else "utf-8"
    return Header(text, charset, header_name=name).encode(linesep="\n")


def _addresses(fields: Iterable[str]) -> dict[str, str]:
    """Return what to write by lower-case address; what is no ASCII `user@host` cannot be answered and is left out."""
    by_address: dict[str, str] = {}
    for field in fields:
        for name, address in _names_and_addresses(field):
            if re.fullmatch(r"[!-+\--;=?-~]+@[!-+\--;=?-~]+", address):
                by_address.setdefault(address.lower(), formataddr((name, address), "utf-8"))
    return by_address


def _names_and_addresses(field: str) -> list[tuple[str, str]]:
    """Return what a header names; a name with a comma that lost its quotes in decoding stays one name."""
    text = visible(field)
    single = re.fullmatch(r'\s*"?([^<>"@]*)"?\s*<([^<>]*)>\s*', text)
    return [(single[1].strip(), single[2])] if single else getaddresses([text])


def _message_ids(texts: Iterable[str]) -> list[str]:
    found = []
    for text in texts:
        ids = re.findall(r"<[!-;=?-~]+>", text)
        bare = text.strip()
        found += ids or ([f"<{bare}>"] if re.fullmatch(r"[!-;=?-~]+@[!-;=?-~]+", bare) else [])
    return found


def _attribution(mail: OriginalMail) -> Iterator[str]:
    who = next((name or address for name, address in _names_and_addresses(mail.sender)), "")
    if who:
        date = f"On {visible(mail.date)}, " if mail.date else ""
        yield from textwrap.wrap(f"{date}{who} wrote:", WIDTH)


def _remarks(findings: Sequence[Finding], mail: OriginalMail) -> Iterator[str]:
    """Yield each finding under the line it is about, in the order of the patch, then those about no line of it."""
    places = {finding: _place(finding, mail.hunks) for finding in findings}
    for number, hunk in enumerate(mail.hunks):
        here = {finding: place[1] for finding, place in places.items() if place is not None and place[0] == number}
        if here:
            yield from _quoted(hunk, here)
    for finding in (finding for finding, place in places.items() if place is None):
        yield ""
        yield from _wrapped(f"{finding.file}:{finding.line}: in {finding.function}():")
        if finding.line_text:
            yield "  " + visible(finding.line_text.strip(), keep="\t")
        yield ""
        yield from _remark(finding)


def _place(finding: Finding, hunks: Sequence[QuotedHunk]) -> tuple[int, int] | None:
    """Return (hunk, line) as indices of what the finding is about: by its mail line, else by file and line."""
    mail_line = finding.patch.line if finding.patch is not None else None
    lines = [(h, i, hunk, line) for h, hunk in enumerate(hunks) for i, line in enumerate(hunk.lines)]
    if mail_line is not None:
        for h, i, _, line in lines:
            if line.mail_line == mail_line:
                return h, i
    for h, i, hunk, line in lines:
        if hunk.file == finding.file and line.source_line == finding.line and not line.text.startswith("-"):
            return h, i
    return None


def _quoted(hunk: QuotedHunk, index_by_finding: dict[Finding, int]) -> Iterator[str]:
    yield f"> --- a/{visible(hunk.file)}"
    yield f"> +++ b/{visible(hunk.file)}"
    yield f"> {visible(hunk.header, keep=chr(9))}".rstrip()
    done = 0
    for index in sorted(set(index_by_finding.values())):
        start = max(done, index - BEFORE)
        if start > done:
            yield "> [...]"
        yield from (f"> {visible(line.text, keep=chr(9))}".rstrip() for line in hunk.lines[start : index + 1])
        done = index + 1
        for finding in (f for f, at in index_by_finding.items() if at == index):
            yield ""
            yield from _remark(finding)
            yield ""
    if done < len(hunk.lines):
        yield "> [...]"


def _remark(finding: Finding) -> Iterator[str]:
    yield from _wrapped(f"{finding.severity}: {finding.message} [{finding.rule}]")
    if is_race(finding):
        yield ""
        yield from draw_columns(finding.trace, WIDTH)
        return
    for step in finding.trace:
        inside = f" (in {step.function})" if step.function not in ("", finding.function) else ""
        yield from _wrapped(f"{step.file}:{step.line}: {step.message}{inside}", indent="  ")


def _unread(result: Result) -> Iterator[str]:
    if not result.skipped:
        return
    yield ""
    yield "Not analysed:"
    for entry in result.skipped:
        place = entry.file if entry.line is None else f"{entry.file}:{entry.line}"
        function = f" {entry.function}:" if entry.function else ""
        yield from _wrapped(f"{place}:{function} {entry.reason}", indent="  ")


def _closing(context: Context) -> Iterator[str]:
    yield ""
    if context.command:
        yield from _wrapped("To repeat this:")
        yield f"  {visible(context.command)}"
        yield ""
    yield ADVICE
    yield ""
    yield "-- "
    yield f"pagelint {visible(context.version)}".rstrip()


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        visible(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
