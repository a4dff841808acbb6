"""One diff in the shapes that mail gives it: each function takes a diff and returns the bytes of a file of mail."""

import base64
import gzip
import quopri
import re
from collections.abc import Callable


def header(extra: str = "") -> str:
    return f"From: A <a@example.org>\nSubject: [PATCH] x\nMessage-ID: <1@example.org>\n{extra}\nWords.\n---\n"


def as_crlf(diff: str) -> bytes:
    return (header() + diff).replace("\n", "\r\n").encode()


def as_base64(diff: str) -> bytes:
    extra = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n"
    return header(extra).partition("Words.")[0].encode() + base64.encodebytes(("Words.\n---\n" + diff).encode())


def as_quoted_printable(diff: str) -> bytes:
    extra = "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n"
    return header(extra).partition("Words.")[0].encode() + quopri.encodestring(("Words.\n---\n" + diff).encode())


def as_reply(diff: str) -> bytes:
    return (header() + "".join(f"> {line}\n" for line in diff.splitlines()) + "\nFine.\n").encode()


def as_reply_without_blanks(diff: str) -> bytes:
    return (header() + "".join(f"> {line}".rstrip() + "\n" for line in diff.splitlines()) + "\nFine.\n").encode()


def as_nested_reply(diff: str) -> bytes:
    marks = ["> > ", ">> "]
    lines = [f"{marks[at % 2]}{line}\n" for at, line in enumerate(diff.splitlines())]
    return (header() + "".join(lines) + "> Fine.\n\nFine.\n").encode()


def without_trailing_blanks(diff: str) -> bytes:
    return (header() + "".join(line.rstrip() + "\n" for line in diff.splitlines())).encode()


def with_expanded_tabs(diff: str) -> bytes:
    return (header() + "".join(line.expandtabs(8) + "\n" for line in diff.splitlines())).encode()


def with_non_breaking_spaces(diff: str) -> bytes:
    text = re.sub(r"(?m)^([ +-])( +)", lambda m: m[1] + "\u00a0" * len(m[2]), diff.expandtabs(8))
    return (header() + text).encode()


def wrapped(diff: str, width: int, keep_blank: bool) -> str:
    """Wrap hunk lines between words as a mail client does."""
    out = []
    for line in diff.splitlines():
        while len(line) > width:
            cut = line.rfind(" ", 8, width)
            if cut < 8 or not line[1:cut].strip():
                break
            out.append(line[:cut] + (" " if keep_blank else ""))
            line = line[cut + 1 :]
        out.append(line)
    return "\n".join(out) + "\n"


def as_mail(diff: str) -> bytes:
    """Return the diff in a plain mail."""
    return (header() + diff).encode()


def as_wrapped(diff: str) -> bytes:
    """Return the diff in a mail whose long lines are cut at 72 columns."""
    return (header() + wrapped(diff, 72, keep_blank=False)).encode()


def as_wrapped_reply(diff: str) -> bytes:
    """Return a reply to a mail that was wrapped before it was quoted."""
    return as_reply(wrapped(diff, 72, keep_blank=True))


def as_flowed(diff: str) -> bytes:
    """Return the diff in format=flowed: what begins with a blank is stuffed, long lines end in a soft break."""
    extra = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8; format=flowed\n"
    lines = [f" {line}" if line.startswith((" ", ">", "From ")) else line for line in diff.splitlines()]
    return (header(extra) + "\n".join(lines) + "\n").encode()


def as_gzip(diff: str) -> bytes:
    """Return a plain mail, compressed."""
    return gzip.compress(as_mail(diff), mtime=0)


def as_attachment(diff: str) -> bytes:
    """Return a mail with a few words and the diff attached to it in base64."""
    extra = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n'
    body = base64.encodebytes(diff.encode()).decode()
    parts = (
        "--b\nContent-Type: text/plain\n\nSee the patch.\n"
        '--b\nContent-Type: text/x-patch; name="x.patch"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="x.patch"\n\n{body}--b--\n'
    )
    return (header(extra).partition("Words.")[0] + parts).encode()


def as_mbox(diff: str) -> bytes:
    """Return an mbox of a mail that says something and the mail with the diff, in mboxrd quoting."""
    talk = "From a@example.org Mon Mar  2 10:00:00 2026\nFrom: B <b@example.org>\nSubject: hello\n\n>From here on.\n\n"
    return f"{talk}From a@example.org Mon Mar  2 10:00:01 2026\n{header()}{diff}-- \n2.47.0\n\n".encode()


def as_archive_page(diff: str) -> bytes:
    """Return text copied from the page of a web archive: tabs expanded, and characters spelled as entities."""
    page = diff.expandtabs(8).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (header() + page).encode()


def as_diff(diff: str) -> bytes:
    """Return the diff alone."""
    return diff.encode()


SHAPES: tuple[Callable[[str], bytes], ...] = (
    as_archive_page,
    as_attachment,
    as_base64,
    as_crlf,
    as_diff,
    as_flowed,
    as_gzip,
    as_mail,
    as_mbox,
    as_nested_reply,
    as_quoted_printable,
    as_reply,
    as_reply_without_blanks,
    as_wrapped,
    as_wrapped_reply,
    with_expanded_tabs,
    with_non_breaking_spaces,
    without_trailing_blanks,
)
