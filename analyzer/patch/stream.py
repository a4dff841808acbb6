"""Cut a stream into messages while holding one of them.

A stream is a bare diff, one mail, an mbox (mboxrd quoting is undone), `git
format-patch --stdout`, `git log -p` or `git show` output, or any of those
gzipped. Memory is bounded by the longest message, and that by
`MESSAGE_LIMIT`: what goes beyond is dropped and named in the message's problem.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

CHUNK = 1 << 16
LINE_LIMIT = 1 << 20
MESSAGE_LIMIT = 1 << 25

GIT_FROM = re.compile(rb"From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\s*$")
MBOX_FROM = re.compile(rb"From \S.*\d\d:\d\d(:\d\d)?\b.*\d{4}\s*$")
QUOTED_FROM = re.compile(rb">+From ")
MAIL_HEADER = re.compile(
    rb"(from|to|cc|subject|date|message-id|received|return-path|delivered-to|x-original-to|mime-version):",
    re.IGNORECASE,
)
LOG_COMMIT = re.compile(rb"commit [0-9a-f]{40,64}\b")


@dataclass(frozen=True)
class RawMessage:
    """The undecoded lines of one message, without their newlines.

    `first` is the input's line number of `lines[0]`; `separator` the "From " or
    "commit" line before it, b"" when there is none.
    """

    first: int
    lines: tuple[bytes, ...]
    separator: bytes = b""
    unquoted: int = 0
    problem: str = ""


def split_stream(stream: BinaryIO) -> Iterator[RawMessage]:
    """Yield the messages of a stream in order; damage ends up in `problem`, never in an exception."""
    collector = _Collector()
    problems: list[str] = []
    for line in _lines(_unzipped(stream, problems)):
        done = collector.take(line)
        if done is not None:
            yield done
    last = collector.finish()
    if problems:
        last = replace(last or RawMessage(1, ()), problem="; ".join(problems))
    if last is not None:
        yield last


class _Collector:
    """The message that is being read, and the style of the stream."""

    def __init__(self) -> None:
        self._number = 0
        self._mbox = False
        self._log = False
        self._mail = False
        self._previous_blank = True
        self._begin(1, b"")

    def _begin(self, first: int, separator: bytes) -> None:
        self._first = first
        self._separator = separator
        self._lines: list[bytes] = []
        self._size = 0
        self._unquoted = 0
        self._seen_text = bool(separator)
        self._overflow = False

    def take(self, line: bytes) -> RawMessage | None:
        """Add one line; return the message that it ends, if it ends one."""
        self._number += 1
        finished = None
        if self._starts_message(line):
            finished = self.finish()
            self._begin(self._number + 1, line)
        else:
            self._add(line)
        self._previous_blank = not line.strip()
        return finished

    def finish(self) -> RawMessage | None:
        """Return what was collected; None when that is nothing but blank lines."""
        if not self._seen_text:
            return None
        problem = f"longer than {MESSAGE_LIMIT >> 20} MiB: the rest is not read" if self._overflow else ""
        return RawMessage(self._first, tuple(self._lines), self._separator, self._unquoted, problem)

    def _starts_message(self, line: bytes) -> bool:
        """Tell whether a line separates messages; one that git writes may also stand in a mail that shows a patch."""
        if line.startswith(b"From "):
            from_git = GIT_FROM.match(line) and not self._mail
            from_mbox = self._previous_blank and MBOX_FROM.match(line) and self._allows_mbox()
            if from_git or from_mbox:
                self._mbox = True
                return True
        elif line.startswith(b"commit ") and LOG_COMMIT.match(line) and (self._log or not self._seen_text):
            self._log = True
            return True
        return False

    def _allows_mbox(self) -> bool:
        return self._mbox or not self._seen_text

    def _add(self, line: bytes) -> None:
        self._size += len(line) + 1
        if self._size > MESSAGE_LIMIT:
            self._overflow = True
            return
        if self._mbox and QUOTED_FROM.match(line):
            line = line[1:]
            self._unquoted += 1
        if not self._seen_text and line.strip():
            self._seen_text = True
            self._mail = bool(MAIL_HEADER.match(line))
        self._lines.append(line)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines without their newline; a line longer than LINE_LIMIT comes in pieces."""
    rest = b""
    for chunk in chunks:
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        yield from pieces
        while len(rest) > LINE_LIMIT:
            yield rest[:LINE_LIMIT]
            rest = rest[LINE_LIMIT:]
    if rest:
        yield rest


def _unzipped(stream: BinaryIO, problems: list[str]) -> Iterator[bytes]:
    """Yield the stream's chunks, unpacked when it is gzip; a broken archive is named in `problems`."""
    first = stream.read(CHUNK)
    if not first.startswith(b"\x1f\x8b"):
        while first:
            yield first
            first = stream.read(CHUNK)
        return
    unpacker = zlib.decompressobj(wbits=31)
    data = first
    while data:
        try:
            yield unpacker.decompress(data, CHUNK)
        except zlib.error as error:
            problems.append(f"gzip data is broken: {error}")
            return
        data = unpacker.unconsumed_tail
        if unpacker.eof:
            data = unpacker.unused_data.lstrip(b"\0") or stream.read(CHUNK)
            unpacker = zlib.decompressobj(wbits=31)
            if not data:
                return
        data = data or stream.read(CHUNK)
    yield unpacker.flush()
    if not unpacker.eof:
        problems.append("gzip data ends early")
