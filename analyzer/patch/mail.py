"""Decode one message: headers, MIME parts, transfer encodings, charsets.

Headers and encoded words are read by the standard library's ``email``. The
parts of a body are cut out here, because ``email`` does not say on which line
a part began, and every line must keep its number in the input.

Text of a part that names no charset is UTF-8; bytes that are not are kept as
they are. A charset that nobody knows is read as latin-1 and noted; UTF-8 that
is said to be latin-1 is read as UTF-8. Of a
multipart/alternative only the plain text counts; HTML is never rendered.
"""

import binascii
import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import BinaryIO

from analyzer.patch.records import MailLine, MailMessage, Repairs
from analyzer.patch.stream import RawMessage, split_stream

MAX_NESTING = 16

HEADER = re.compile(rb"[!-9;-~]+:(\s|$)")
TELLING_HEADER = re.compile(
    rb"(from|subject|date|message-id|received|return-path|delivered-to|mime-version|content-type|to|list):",
    re.IGNORECASE,
)
TABBED_HEADER = re.compile(rb"(From|Subject|Date|To|Cc|Message-ID)\t", re.IGNORECASE)
GIT_LOG_FIELD = re.compile(rb"(Author|AuthorDate|Date|Commit|CommitDate|Merge):\s+(.*)")
PATCH_TYPES = ("text/x-patch", "text/x-diff", "text/x-csrc", "application/x-patch", "application/x-diff")
PATCH_NAME = re.compile(r"\.(patch|diff|dif|txt|eml)$", re.IGNORECASE)
MESSAGE_ID = re.compile(r"<([^<>\s]+)>")
STUFFED_CONTEXT = re.compile(r"  (\t|[^ *])")
PLAIN_CONTEXT = re.compile(r" (\t|[^ ])")
WESTERN = ("iso8859-1", "iso8859-15", "cp1252")  # said of much that is UTF-8
SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
    "cp1252": "latin-1",
}
CLEAR_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"


def read_messages(stream: BinaryIO, name: str) -> Iterator[MailMessage]:
    """Yield the messages of a stream called `name`, each decoded, one held at a time.

    Never raises for what the stream contains: a message that cannot be read
    comes with its `problem`, and the stream goes on.
    """
    for raw in split_stream(stream):
        yield decode_message(raw, name)


def decode_message(raw: RawMessage, name: str) -> MailMessage:
    """Return one message decoded; damage goes to `problem` and `notes`."""
    if raw.separator.startswith(b"commit "):
        return _decode_log(raw, name)
    reader = _BodyReader()
    lines = tuple(_Numbered(text, raw.first + index) for index, text in enumerate(raw.lines))
    headers, body = _split_headers(lines)
    reader.read_part(headers, body, 0)
    counts = reader.counts + Counter({"from-unquoted": raw.unquoted})
    commit = raw.separator.split()[1].decode() if re.match(rb"From [0-9a-f]{40,64} ", raw.separator) else ""
    problems = [p for p in (raw.problem, *reader.problems) if p]
    return MailMessage(
        source=name,
        line=raw.first - 1 if raw.separator else raw.first,
        message_id=_first_id(headers, "Message-ID"),
        subject=" ".join(_text_of(headers, "Subject").split()),
        author=_text_of(headers, "From"),
        to=_addresses(headers, "To"),
        cc=_addresses(headers, "Cc"),
        date=_text_of(headers, "Date"),
        in_reply_to=_first_id(headers, "In-Reply-To"),
        references=tuple(MESSAGE_ID.findall(_text_of(headers, "References"))),
        commit=commit,
        body=tuple(reader.lines),
        repairs=Repairs.of(counts),
        notes=tuple(dict.fromkeys(reader.notes)),
        problem="; ".join(problems),
    )


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A raw line with its number in the input."""

    data: bytes
    number: int


def _decode_log(raw: RawMessage, name: str) -> MailMessage:
    """Return a commit as `git log -p` and `git show` print it."""
    fields: dict[str, str] = {}
    at = 0
    for at, line in enumerate(raw.lines):  # noqa: B007  the index is used below
        found = GIT_LOG_FIELD.match(line)
        if not found:
            break
        fields[found[1].decode()] = found[2].decode("utf-8", "replace").strip()
    body = []
    subject = ""
    for index in range(at, len(raw.lines)):
        text = raw.lines[index].decode("utf-8", "surrogateescape")
        subject = subject or text.strip()
        body.append(MailLine(text, raw.first + index))
    return MailMessage(
        source=name,
        line=raw.first - 1,
        subject=subject,
        author=fields.get("Author", ""),
        date=fields.get("AuthorDate", fields.get("Date", "")),
        commit=raw.separator.split()[1].decode(),
        from_log=True,
        body=tuple(body),
        problem=raw.problem,
    )


def _split_headers(lines: tuple[_Numbered, ...]) -> tuple[Message, tuple[_Numbered, ...]]:
    """Return the header block and the lines after it; no headers when the text is not a mail."""
    start = next((i for i, line in enumerate(lines) if line.data.strip()), len(lines))
    end = start
    while end < len(lines) and lines[end].data.strip():
        end += 1
    block = [TABBED_HEADER.sub(rb"\1: ", line.data.rstrip(b"\r")) for line in lines[start:end]]
    count = 0
    while count < len(block) and (HEADER.match(block[count]) or (count and block[count][:1] in b" \t")):
        count += 1
    telling = sum(1 for line in block[:count] if TELLING_HEADER.match(line))
    if not telling or (telling < 2 and count < len(block)):
        return Message(), lines
    parsed = BytesHeaderParser().parsebytes(b"\n".join(block[:count]) + b"\n\n")
    return parsed, lines[start + count :]


class _BodyReader:
    """Collects the text lines of all parts of one message."""

    def __init__(self) -> None:
        self.lines: list[MailLine] = []
        self.counts: Counter[str] = Counter()
        self.notes: list[str] = []
        self.problems: list[str] = []

    def read_part(self, headers: Message, body: tuple[_Numbered, ...], depth: int) -> None:
        """Add the lines of a part and of the parts in it."""
        kind = headers.get_content_type()
        if depth > MAX_NESTING:
            self.problems.append("MIME parts are nested too deeply")
        elif kind.startswith("multipart/"):
            self._read_multipart(headers, body, depth)
        elif kind == "message/rfc822":
            inner, rest = _split_headers(body)
            self.read_part(inner, rest, depth + 1)
        elif kind == "text/plain" or _is_patch(headers, kind):
            if _is_patch(headers, kind) and not any(line.data.strip() for line in body):
                self.problems.append(f"attached patch {_file_name(headers)} is empty")
            self._read_text(headers, body)
        elif kind == "text/html":
            if depth == 0:
                self.problems.append("only HTML text")
        elif kind not in ("application/pgp-signature", "application/pkcs7-signature"):
            self.notes.append(f"attachment of type {kind} not read")

    def _read_multipart(self, headers: Message, body: tuple[_Numbered, ...], depth: int) -> None:
        boundary = _parameter(headers, "boundary", "content-type").encode("utf-8", "surrogateescape").rstrip()
        parts = [_split_part(part) for part in _cut_parts(body, boundary)] if boundary else []
        if not parts:
            self.notes.append("multipart mail without its boundary: read as plain text")
            self._read_text(Message(), body)
            return
        kinds = [part.get_content_type() for part, _ in parts]
        if all(kind == "text/html" for kind in kinds):
            self.problems.append("only HTML text")
        for part, lines in parts:
            self.read_part(part, lines, depth + 1)

    def _read_text(self, headers: Message, body: tuple[_Numbered, ...]) -> None:
        encoding = str(headers.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding == "base64":
            decoded = self._from_base64(body)
        elif encoding == "quoted-printable":
            decoded = _from_quoted_printable(body)
            self.counts["quoted-printable"] += 1
        else:
            decoded = list(body)
        decoded = self._without_carriage_returns(decoded)
        texts = self._decode_charset(decoded, _parameter(headers, "charset", "content-type"))
        lines = [MailLine(text, line.number) for text, line in zip(texts, decoded, strict=True)]
        if _parameter(headers, "format", "content-type").lower() == "flowed":
            lines = self._unflowed(lines, _parameter(headers, "delsp", "content-type").lower() == "yes")
        if any(line.text == CLEAR_SIGNED for line in lines):
            lines = [self._without_dash(line) for line in lines]
        if self.lines and lines:
            self.lines.append(MailLine("", lines[0].number))
        self.lines.extend(lines)

    def _from_base64(self, body: tuple[_Numbered, ...]) -> list[_Numbered]:
        """Decode line by line, so that each decoded line knows where it began; a plain footer stays text."""
        self.counts["base64"] += 1
        pieces: list[tuple[bytes, int]] = []
        pending = b""
        footer: list[_Numbered] = []
        ended = False
        for line in body:
            data = line.data.strip()
            if ended or not re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", data):
                if data and not ended and pieces and not pieces[-1][0].endswith(b"\n"):
                    self.problems.append(f"line {line.number}: base64 data is broken")
                    return _relined(pieces)[:-1]
                ended = True
                footer.append(line)
                continue
            pending += data
            usable = len(pending) - len(pending) % 4
            try:
                pieces.append((binascii.a2b_base64(pending[:usable]), line.number))
            except binascii.Error:
                self.problems.append(f"line {line.number}: base64 data is broken")
                break
            pending = pending[usable:]
            ended = data.endswith(b"=")
        if pending:
            self.problems.append("base64 data ends early")
        return _relined(pieces) + footer

    def _without_carriage_returns(self, lines: list[_Numbered]) -> list[_Numbered]:
        """Drop CR line ends when every line has one; a file of the patch may own some of its own."""
        full = [line for line in lines if line.data]
        if not full or not all(line.data.endswith(b"\r") for line in full[:-1]) or b"\r" not in full[0].data:
            return lines
        self.counts["crlf"] += len(full)
        return [_Numbered(line.data.removesuffix(b"\r"), line.number) for line in lines]

    def _decode_charset(self, lines: list[_Numbered], charset: str) -> list[str]:
        name = charset.strip().lower()
        if name in ("", "us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit"):
            return [line.data.decode("utf-8", "surrogateescape") for line in lines]
        try:
            codec = codecs.lookup(name)
        except (LookupError, ValueError):
            self.notes.append(f"unknown charset {name}: read as latin-1")
            self.counts["charset"] += 1
            return [line.data.decode("latin-1") for line in lines]
        if codec.name in ("utf-16", "utf-32") or not getattr(codec, "_is_text_encoding", True):
            self.notes.append(f"charset {name} is no mail charset: read as latin-1")
            self.counts["charset"] += 1
            return [line.data.decode("latin-1") for line in lines]
        misnamed = codec.name in WESTERN and _are_utf8(lines)
        if codec.name in ("ascii", "utf-8") or misnamed:
            self.counts["charset"] += misnamed
            return [line.data.decode("utf-8", "surrogateescape") for line in lines]
        self.counts["charset"] += any(line.data.translate(None, _ASCII) for line in lines)
        for candidate in (codec.name, SUPERSETS.get(codec.name, codec.name)):
            try:
                return [line.data.decode(candidate) for line in lines]
            except UnicodeDecodeError:
                continue
        self.notes.append(f"not all of the text is {name}: the rest is kept as it is")
        return [line.data.decode(codec.name, "surrogateescape") for line in lines]

    def _unflowed(self, lines: list[MailLine], delete_space: bool) -> list[MailLine]:
        """Mark soft line breaks and undo space stuffing, unless the sender only claims to have stuffed."""
        inside = False
        plain = stuffed = 0
        for line in lines:
            inside = inside or line.text.startswith(("@@ -", "diff --git "))
            if inside:
                stuffed += bool(STUFFED_CONTEXT.match(line.text))
                plain += bool(PLAIN_CONTEXT.match(line.text))
        unstuff = stuffed > plain
        out = []
        for line in lines:
            text = line.text
            if unstuff and text.startswith(" "):
                text = text[1:]
                self.counts["space-stuffed"] += 1
            soft = text.endswith(" ") and text not in ("-- ", " ") and not text.endswith("> ")
            if soft and delete_space:
                text = text[:-1]
            out.append(MailLine(text, line.number, soft))
        return out

    def _without_dash(self, line: MailLine) -> MailLine:
        """Undo the "- " that a clear-text signature puts before a dash."""
        if not line.text.startswith("- -"):
            return line
        self.counts["dash-escaped"] += 1
        return MailLine(line.text[2:], line.number, line.soft)


_ASCII = bytes(range(128))


def _are_utf8(lines: list[_Numbered]) -> bool:
    """Tell whether the lines are UTF-8 throughout, and not ASCII alone."""
    data = b"\n".join(line.data for line in lines)
    try:
        return len(data.decode("utf-8")) < len(data)
    except UnicodeDecodeError:
        return False


def _cut_parts(body: tuple[_Numbered, ...], boundary: bytes) -> list[tuple[_Numbered, ...]]:
    """Return the lines of each part between the delimiters of a multipart body."""
    parts: list[tuple[_Numbered, ...]] = []
    opening = b"--" + boundary
    start: int | None = None
    for index, line in enumerate(body):
        if not line.data.startswith(opening):
            continue
        rest = line.data[len(opening) :].strip()
        if rest not in (b"", b"--"):
            continue
        if start is not None:
            parts.append(body[start:index])
        start = index + 1
        if rest == b"--":
            return parts
    if start is not None:
        parts.append(body[start:])
    return parts


def _split_part(lines: tuple[_Numbered, ...]) -> tuple[Message, tuple[_Numbered, ...]]:
    """Return headers and body of a MIME part, which may have no headers at all."""
    end = next((i for i, line in enumerate(lines) if not line.data.strip()), len(lines))
    if end and not HEADER.match(lines[0].data):
        return Message(), lines
    block = b"\n".join(line.data.rstrip(b"\r") for line in lines[:end])
    return BytesHeaderParser().parsebytes(block + b"\n\n"), lines[end + 1 :]


def _from_quoted_printable(body: tuple[_Numbered, ...]) -> list[_Numbered]:
    """Decode quoted-printable; a soft line break joins lines under the first one's number."""
    out: list[_Numbered] = []
    pending: list[bytes] = []
    number = 0
    for line in body:
        number = number or line.number
        data = line.data.rstrip(b" \t\r")
        if data.endswith(b"="):
            pending.append(data[:-1])
            continue
        pending.append(data)
        out += [_Numbered(text, number) for text in binascii.a2b_qp(b"".join(pending)).split(b"\n")]
        pending, number = [], 0
    if pending:
        out.append(_Numbered(binascii.a2b_qp(b"".join(pending)), number))
    return out


def _relined(pieces: list[tuple[bytes, int]]) -> list[_Numbered]:
    """Return the lines of decoded text, each with the number of the piece in which it begins."""
    out: list[_Numbered] = []
    current: list[bytes] = []
    number = 0
    for data, at in pieces:
        first, *others = data.split(b"\n")
        if first or others:
            number = number if any(current) else at
            current.append(first)
        for text in others:
            out.append(_Numbered(b"".join(current), number))
            current, number = [text], at
    if any(current):
        out.append(_Numbered(b"".join(current), number))
    return out


def _parameter(headers: Message, name: str, field: str) -> str:
    """Return a parameter of a header field as text; "" when it is missing or broken."""
    try:
        value = headers.get_param(name, "", field)
    except (ValueError, LookupError, TypeError):
        return ""
    if isinstance(value, tuple):
        return str(value[2])
    return str(value or "")


def _is_patch(headers: Message, kind: str) -> bool:
    """Tell whether type or name say that a part is a patch, or some text that may hold one."""
    return kind in PATCH_TYPES or bool(PATCH_NAME.search(_file_name(headers)))


def _file_name(headers: Message) -> str:
    """Return the name of an attached file; "" when it has none."""
    return _parameter(headers, "filename", "content-disposition") or _parameter(headers, "name", "content-type")


def _text_of(headers: Message, name: str) -> str:
    """Return a header with its encoded words decoded as far as they can be."""
    value = next((value for field, value in headers.raw_items() if field.lower() == name.lower()), "")
    raw = value.encode("utf-8", "surrogateescape")
    try:
        value = raw.decode("utf-8")
    except UnicodeDecodeError:
        value = raw.decode("latin-1")
    return decoded_words(value)


def decoded_words(value: str) -> str:
    """Return the text of a header on one line, with its encoded words decoded where they can be."""
    try:
        value = str(make_header(decode_header(value)))
    except (LookupError, ValueError, HeaderParseError):
        value = value.strip()
    return value.encode("utf-8", "replace").decode("utf-8").replace("\n", " ").strip()


def _addresses(headers: Message, name: str) -> tuple[str, ...]:
    """Return the addresses of a header as "name <address>" or "address"."""
    try:
        pairs = getaddresses([_text_of(headers, name)])
    except (ValueError, IndexError):
        return ()
    return tuple(f"{person} <{address}>" if person else address for person, address in pairs if address)


def _first_id(headers: Message, name: str) -> str:
    """Return the first message id of a header without its angle brackets."""
    text = _text_of(headers, name)
    found = MESSAGE_ID.search(text)
    return found[1] if found else text.split()[0] if text and "@" in text.split()[0] else ""
