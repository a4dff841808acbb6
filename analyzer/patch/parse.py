"""Turn a message into a patch: subject, trailers, base, and the files of its diff."""

import re

from analyzer.patch.diff import read_diff
from analyzer.patch.mail import decoded_words
from analyzer.patch.records import MailLine, MailMessage, Patch
from analyzer.source import PatchError

REPLY = re.compile(r"\s*((re|fwd?|aw|sv|antw)(\[\d+\])?\s*:\s*)+", re.IGNORECASE)
BRACKET = re.compile(r"\s*\[([^\]]*)\]")
OF_TOTAL = re.compile(r"(?<![\d.])(\d{1,4})\s*(?:/|of)\s*(\d{1,4})(?![\d.])", re.IGNORECASE)
LEADING_NUMBER = re.compile(r"\s*(?:\((\d{1,4})/(\d{1,4})\)|(\d{1,4})/(\d{1,4})(?=[:\s]))[:\s]*")
VERSION = re.compile(r"(?:\b|PATCH)v(?:er(?:sion)?)?\s*\.?\s*(\d{1,3})\b(?!\.\d)", re.IGNORECASE)
TRAILER = re.compile(r"([A-Z][A-Za-z-]+(?:-by|-to)|Fixes|Cc|Link|Closes|Message-Id|Acked|Change-Id): +(\S.*)")
BASE_COMMIT = re.compile(r"[>|\s]*base-commit: ([0-9a-f]{7,64})\s*$")
PREREQUISITE = re.compile(r"[>|\s]*prerequisite-patch-id: ([0-9a-f]{7,64})\s*$")
IN_BODY = re.compile(r"(From|Subject|Date): +(\S.*)")
EMBEDDED = re.compile(r">?From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\s*$")
SCISSORS = re.compile(r"[-\s]*(>8|8<|>%|%<)[-\s>8<%]*$")


def parse_patch(message: MailMessage) -> Patch:
    """Return what a message changes; a message without a diff gives a patch without files.

    Never raises for damaged text: what could not be read is in `problems`.
    """
    problems = [message.problem] if message.problem else []
    try:
        diff = read_diff(message.body)
    except PatchError as error:
        problems.append(str(error))
        diff = read_diff(())
    else:
        problems += diff.problems
    prose = [line for line in message.body if not diff.first_line or line.number < diff.first_line]
    fields = _in_body_fields(prose)
    subject = fields.get("Subject", message.subject)
    is_reply = bool(REPLY.match(message.subject))
    number, total, version, title = read_subject(subject)
    files = tuple(diff.files)
    if total and not number and diff.indented:
        files = ()
        diff.notes.append("the indented diff in the cover letter shows a change between versions")
    return Patch(
        message_id=message.message_id,
        subject=message.subject,
        title=title,
        number=number,
        total=total,
        version=version,
        author=fields.get("From", message.author),
        sender=message.author,
        date=message.date,
        source=message.source,
        line=message.line,
        files=files,
        to=message.to,
        cc=message.cc,
        in_reply_to=message.in_reply_to,
        references=message.references,
        commit=message.commit,
        from_log=message.from_log,
        base_commit=_last(BASE_COMMIT, message.body),
        prerequisites=tuple(m[1] for line in message.body if (m := PREREQUISITE.match(line.text))),
        trailers=tuple((m[1], m[2].strip()) for line in prose if (m := TRAILER.match(line.text.strip()))),
        is_cover=bool(total) and number == 0 and not files,
        is_reply=is_reply,
        repairs=message.repairs.plus(diff.repairs),
        notes=(*message.notes, *diff.notes),
        problems=tuple(problems),
    )


def read_subject(subject: str) -> tuple[int, int, int, str]:
    """Return number, total, version and bare title of "[PATCH v2 03/10] title"; 0, 0, 1 where it says nothing.

    The numbers may stand behind the brackets, too: "[PATCH] (3/10) title".
    """
    rest = REPLY.sub("", subject, count=1) if REPLY.match(subject) else subject
    number = total = 0
    version = 1
    while found := BRACKET.match(rest):
        if of := OF_TOTAL.search(found[1]):
            number, total = int(of[1]), int(of[2])
        if said := VERSION.search(found[1]):
            version = int(said[1])
        rest = rest[found.end() :]
    if not total and (found := LEADING_NUMBER.match(rest)):
        number, total = int(found[1] or found[3]), int(found[2] or found[4])
        rest = rest[found.end() :]
    return number, total, version, rest.strip()


def _in_body_fields(prose: list[MailLine]) -> dict[str, str]:
    """Return From, Subject and Date where the body begins with them, as git am takes them.

    They may stand behind scissors, or in the one patch of git that the mail shows or has attached.
    """
    start = 0
    shown = [index for index, line in enumerate(prose) if EMBEDDED.match(line.text)]
    if len(shown) == 1:
        start = shown[0] + 1
    for index, line in enumerate(prose):
        if SCISSORS.match(line.text) and line.text.strip():
            start = index + 1
    fields: dict[str, str] = {}
    name = ""
    for line in prose[start:]:
        if not line.text.strip() and not fields:
            continue
        found = IN_BODY.match(line.text)
        if name and line.text.startswith(" ") and line.text.strip():
            fields[name] += f" {line.text.strip()}"
        elif not found or (found[1] == "From" and "@" not in found[2]):
            break
        else:
            name = found[1]
            fields[name] = found[2].strip()
    return {name: decoded_words(value) for name, value in fields.items()}


def _last(pattern: re.Pattern[str], body: tuple[MailLine, ...]) -> str:
    for line in reversed(body):
        if found := pattern.match(line.text):
            return found[1]
    return ""
