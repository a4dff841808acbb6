"""What is remembered of one function, so that a run costs the functions that changed.

A function is analysed as if its lines were a file of their own; so what comes
out does not depend on where it stands, and is moved there when it is used. It
is found again by a key over all that goes in: its text, the setting, the
summaries of what it calls, the contracts that bind it. A key that is found is
therefore as good as a new analysis, whichever run or version of the file it is
from, and what is missing or damaged costs time only.
"""

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from analyzer.checks import Candidate, Suspicion
from analyzer.dataflow import Summary
from analyzer.findings import Finding
from analyzer.source import SourceText
from analyzer.syntax import FunctionText

DIGEST_SIZE = 16
MEMO_FILES = 1024
MEMO_FACTOR = 3
"""How many times as much as its last analysis used is remembered of a file: versions that take turns."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What one function gives in one view; lines count from the first of its text.

    skipped: reasons why not all of it was analysed; analysed: False when it could not be parsed at all.
    others: (name, digest of the answer) for callees that its text does not show.
    keeps: (callee, argument position, answer) of this file's functions that were asked for.
    """

    summary: Summary
    candidates: tuple[Candidate, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    skipped: tuple[str, ...] = ()
    analysed: bool = True
    others: tuple[tuple[str, bytes], ...] = ()
    keeps: tuple[tuple[str, int, bool | None], ...] = ()


@dataclass(frozen=True)
class Piece:
    """The whole lines on which a function stands, as a file of their own; `first` is the line where they begin."""

    source: SourceText
    item: FunctionText
    first: int


def cut_piece(source: SourceText, item: FunctionText) -> Piece:
    """Return a function with the whole lines on which it stands."""
    data = source.data
    start = data.rfind(b"\n", 0, item.start) + 1
    end = data.find(b"\n", item.end)
    text = data[start : end if end >= 0 else len(data)]
    moved = replace(
        item,
        start=item.start - start,
        body=item.body - start,
        end=item.end - start,
        name_offset=item.name_offset - start,
    )
    return Piece(SourceText(source.path, text), moved, source.position(start)[0])


def piece_key(
    context: bytes, view: str, piece: Piece, answers: list[tuple[str, bytes]], bound: list[tuple[str, str]]
) -> bytes:
    """Return the key of one function in one view.

    context: what all functions of the file share; answers: digests of what is known of its callees;
    bound: the operations whose contracts say what it starts with.
    """
    item = piece.item
    shape = (item.name, item.start, item.body, item.end, item.name_offset, item.is_static, item.is_macro)
    inputs = (context, view, shape, item.parameters, piece.source.data, answers, bound)
    return digest(inputs)


def digest(value: object) -> bytes:
    """Return a digest of a value made of structs, dataclasses and builtins, the same in every process."""
    return digest_bytes(msgspec.msgpack.encode(value, order="deterministic"))


def digest_bytes(data: bytes) -> bytes:
    """Return the digest of bytes."""
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()


def moved_finding(finding: Finding, lines: int) -> Finding:
    """Return a finding that stands so many lines further down."""
    if not lines:
        return finding
    trace = tuple(msgspec.structs.replace(step, line=step.line + lines) for step in finding.trace)
    return msgspec.structs.replace(finding, line=finding.line + lines, trace=trace)


def encode_known(known: Mapping[bytes, Known]) -> bytes:
    """Return what is known of a file's functions as bytes to be kept."""
    return zlib.compress(msgspec.msgpack.encode(known), 1)


def decode_known(data: bytes) -> dict[bytes, Known]:
    """Return what `encode_known` was given; nothing when the bytes are not from there."""
    try:
        return _DECODER.decode(zlib.decompress(data)) if data else {}
    except (zlib.error, msgspec.DecodeError, RecursionError):
        return {}


_DECODER = msgspec.msgpack.Decoder(dict[bytes, Known])


class FileMemory:
    """What this process knows of the functions of one file; `used` of them were asked for in the run of now."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.known: dict[bytes, Known] = {}
        self.used: dict[bytes, Known] = {}

    def begin(self, kept: bytes) -> None:
        """Begin a run, with what an earlier process kept."""
        self.known |= decode_known(kept)
        self.used = {}

    def recall(self, key: bytes) -> Known | None:
        """Return what is known under a key."""
        return self.known.get(key)

    def remember(self, key: bytes, known: Known) -> None:
        """Note what one function gave in this run."""
        self.known[key] = self.used[key] = known

    def end(self) -> None:
        """Forget versions of long ago."""
        if len(self.known) > MEMO_FACTOR * len(self.used):
            self.known = dict(self.used)


_MEMORIES: OrderedDict[str, FileMemory] = OrderedDict()


def file_memory(path: str) -> FileMemory:
    """Return the memory of one file; that of files not looked at for long is lost."""
    memory = _MEMORIES.setdefault(path, FileMemory())
    _MEMORIES.move_to_end(path)
    while len(_MEMORIES) > MEMO_FILES:
        _MEMORIES.popitem(last=False)
    return memory


def forget_files() -> None:
    """Forget all files, as if the process had just begun."""
    _MEMORIES.clear()
