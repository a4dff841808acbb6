"""Streams are cut into messages without holding more than one."""

import gzip
import io
import tracemalloc
from collections.abc import Iterator

import pytest

from analyzer.patch import parse_patch, read_messages
from analyzer.patch.stream import split_stream

MAIL = """From: A <a@example.org>
Subject: [PATCH {number}/2000] demo: change number {number}
Message-ID: <{number}@example.org>

Words.
---
diff --git a/mm/demo{number}.c b/mm/demo{number}.c
--- a/mm/demo{number}.c
+++ b/mm/demo{number}.c
@@ -1,4 +1,5 @@
 int one;
{filler}+int two;
 int three;
--{space}
2.43.0

"""


class GeneratedMbox(io.RawIOBase):
    """An mbox that exists only while it is read."""

    def __init__(self, mails: int, filler: int) -> None:
        self._parts = self._generate(mails, filler)
        self._rest = b""

    def _generate(self, mails: int, filler: int) -> Iterator[bytes]:
        lines = "".join(f" int line_{n}; /* {'x' * 60} */\n" for n in range(filler))
        for number in range(1, mails + 1):
            text = MAIL.format(number=number, filler=lines, space=" ").replace(
                "-1,4 +1,5", f"-1,{filler + 2} +1,{filler + 3}"
            )
            yield b"From a@example.org Tue Nov 14 22:13:20 2023\n" + text.encode()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._parts, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def test_only_one_message_is_held() -> None:
    stream = io.BufferedReader(GeneratedMbox(2000, 100))
    tracemalloc.start()
    count = sum(1 for _ in split_stream(stream))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2000
    assert peak < 2_000_000  # the whole mbox is 17 MB


def test_peak_does_not_grow_with_the_number_of_mails() -> None:
    peaks = []
    for mails in (20, 120):
        stream = io.BufferedReader(GeneratedMbox(mails, 60))
        tracemalloc.start()
        for message in read_messages(stream, "mbox"):
            assert len(parse_patch(message).files) == 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


def messages(data: bytes) -> list[tuple[int, bytes]]:
    return [(raw.first, b"\n".join(raw.lines).strip()) for raw in split_stream(io.BytesIO(data))]


def test_lines_are_counted_over_the_whole_stream() -> None:
    data = b"From a Tue Nov 14 22:13:20 2023\n\none\n\nFrom b Tue Nov 14 22:13:20 2023\n\ntwo\n"
    assert messages(data) == [(2, b"one"), (6, b"two")]


def test_from_within_a_text_begins_no_message() -> None:
    data = b"From a Tue Nov 14 22:13:20 2023\n\nFrom the start\nFrom b Tue Nov 14 22:13:20 2023\n"
    assert len(messages(data)) == 1


@pytest.mark.parametrize("cut", [11, 40, -9, -1])
def test_a_broken_archive_is_named(cut: int) -> None:
    data = gzip.compress(b"".join(b"line %d\n" % n for n in range(4000)))[:cut]
    (*_, last) = split_stream(io.BytesIO(data))
    assert "gzip" in last.problem


def test_archives_in_a_row_are_one_stream() -> None:
    data = gzip.compress(b"one\n") + gzip.compress(b"two\n")
    assert messages(data) == [(1, b"one\ntwo")]


def test_garbage_after_an_archive_is_named() -> None:
    (raw,) = split_stream(io.BytesIO(gzip.compress(b"one\n") + b"garbage"))
    assert raw.lines == (b"one",) and "gzip" in raw.problem


def test_an_archive_that_unpacks_to_far_more_stays_bounded() -> None:
    bomb = gzip.compress(bytes(80_000_000), compresslevel=9)
    tracemalloc.start()
    (raw,) = split_stream(io.BytesIO(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "longer than" in raw.problem
    assert peak < 100_000_000


def test_numbers_of_decoded_lines_are_those_of_the_input() -> None:
    text = (
        "From: A <a@example.org>\nSubject: x\nContent-Type: text/plain\n"
        "Content-Transfer-Encoding: quoted-printable\n\none =\ntwo\nthree=0Afour\nfive\n"
    )
    (message,) = read_messages(io.BytesIO(text.encode()), "mail")
    assert [(line.number, line.text) for line in message.body if line.text] == [
        (6, "one two"),
        (8, "three"),
        (8, "four"),
        (9, "five"),
    ]
