"""The reply is read back with the standard library's mail parser."""

import email
import email.policy
import mailbox
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import msgspec

from analyzer.findings import PatchPlace, Result
from analyzer.report import Context, OriginalMail, render
from analyzer.report.formats.mail import as_mbox
from tests.unit.report.samples import MAIL, NEW_LEAK, OLD_LEAK, PATCH, PATCH_CONTEXT, RACE, SCAN, SCAN_CONTEXT


def reply(result: Result, context: Context) -> EmailMessage:
    message = email.message_from_bytes(render("mail", result, context).encode(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def body(message: EmailMessage) -> list[str]:
    content: str = message.get_content()
    return content.splitlines()


def test_reply_is_addressed_like_a_reply_to_all() -> None:
    message = reply(PATCH, PATCH_CONTEXT)

    assert message["Subject"] == "Re: [PATCH v3 2/3] mm/demo: report errors of demo_fill()"
    assert message["To"] == "Jörg Author <author@example.org>"
    assert [a.addr_spec for a in message["Cc"].addresses] == [
        "linux-mm@example.org",
        "maintainer@example.org",
        "list@example.org",
    ]
    assert message["In-Reply-To"] == MAIL.message_id
    assert message["References"].split() == ["<20240101.demo-0-author@example.org>", MAIL.message_id]
    assert message.get_content_type() == "text/plain"


def test_name_with_a_comma_stays_whole() -> None:
    (_, maintainer, _) = reply(PATCH, PATCH_CONTEXT)["Cc"].addresses

    assert maintainer.display_name == "Maintainer, The"


def test_bare_message_id_gets_its_brackets() -> None:
    message = reply(PATCH, Context(patch_mode=True, mail=OriginalMail(message_id="a@b", to=("a@b.c, D <d@e.f>",))))

    assert message["In-Reply-To"] == "<a@b>"
    assert message["To"] is None
    assert message["Cc"] == "a@b.c, D <d@e.f>"


def test_reply_to_a_reply_keeps_one_prefix() -> None:
    context = replace(PATCH_CONTEXT, mail=replace(MAIL, subject="RE: [PATCH] x"))

    assert reply(PATCH, context)["Subject"] == "RE: [PATCH] x"


def test_finding_stands_under_its_line() -> None:
    lines = body(reply(PATCH, PATCH_CONTEXT))
    at = lines.index("> +\t\treturn err;")

    assert lines[at + 1] == ""
    assert lines[at + 2].startswith("error: folio is still locked on this return")
    assert lines[lines.index("> [...]") - 1] == ""
    assert not any("untouched" in line for line in lines)


def test_mail_line_beats_source_line() -> None:
    """A deleted line can be the cause while the finding's own line is elsewhere."""
    place = PatchPlace(message_id=MAIL.message_id, subject=MAIL.subject, number=2, line=39)
    lines = body(reply(Result(findings=(msgspec.structs.replace(NEW_LEAK, patch=place),)), PATCH_CONTEXT))

    assert lines[lines.index("> -\tdemo_fill(folio);") + 2].startswith("error: ")


def test_source_line_serves_when_the_mail_line_is_unknown() -> None:
    lines = body(reply(Result(findings=(msgspec.structs.replace(NEW_LEAK, patch=None),)), PATCH_CONTEXT))

    assert lines[lines.index("> +\t\treturn err;") + 2].startswith("error: ")


def test_finding_outside_the_hunks_shows_its_own_line() -> None:
    finding = msgspec.structs.replace(NEW_LEAK, file="mm/far.c", patch=None)
    lines = body(reply(Result(findings=(finding,)), PATCH_CONTEXT))

    assert "mm/far.c:14: in demo_read():" in lines
    assert "  return err;" in lines
    assert not any(line.startswith("> @@") for line in lines)


def test_own_lines_are_short() -> None:
    lines = body(reply(PATCH, PATCH_CONTEXT))

    assert max(len(line) for line in lines if not line.startswith(">")) <= 72


def test_race_is_drawn_in_columns() -> None:
    finding = msgspec.structs.replace(RACE, status=NEW_LEAK.status)
    lines = body(reply(Result(findings=(finding,)), PATCH_CONTEXT))

    assert any("A (isolator)" in line and "B (owner)" in line and "C (migrator)" in line for line in lines)
    assert max(map(len, lines)) <= 72


def test_nothing_new_is_nothing_to_say() -> None:
    assert render("mail", Result(findings=(OLD_LEAK,)), PATCH_CONTEXT) == ""


def test_scan_has_no_mail_to_answer() -> None:
    message = reply(SCAN, SCAN_CONTEXT)

    assert message["Subject"] == "[pagelint] folio is still locked on this return"
    assert message["In-Reply-To"] is None


def test_hostile_headers_cannot_add_headers() -> None:
    mail = OriginalMail(
        message_id="<a@b>\nBcc: victim@example.org",
        subject="x\r\nBcc: victim@example.org\n\nbody",
        sender="Evil\nBcc: victim@example.org <evil@example.org>",
        to=("not an address", "ü@example.org", ""),
        references=("<r@s>\n\nbody", "junk"),
    )
    message = reply(PATCH, Context(patch_mode=True, mail=mail))

    assert message["Bcc"] is None
    assert message["In-Reply-To"] == "<a@b>"
    assert message["Cc"] is None
    assert message["Subject"].startswith("Re: x")


def test_long_subjects_fold_and_unfold() -> None:
    subject = "[PATCH] " + "größe " * 30
    context = replace(PATCH_CONTEXT, mail=replace(MAIL, subject=subject))

    assert reply(PATCH, context)["Subject"] == "Re: " + subject.strip()


def test_replies_make_an_mbox(tmp_path: Path) -> None:
    text = as_mbox(["Subject: a\n\nFrom here\n>From there\n", "", "Subject: b\n\nx\n"])
    (tmp_path / "box").write_text(text)
    first, second = mailbox.mbox(tmp_path / "box")

    assert first.get_payload() == ">From here\n>>From there\n"
    assert second["Subject"] == "b"
