"""Find the place of a hunk in a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from analyzer.patch.records import Hunk, HunkLine
from analyzer.patch.whitespace import mangled_pattern, squeeze

MAX_FUZZ = 2


@dataclass(frozen=True)
class FileLines:
    """The lines of a file, each with its newline; squeezed forms are made when they are asked for."""

    lines: tuple[bytes, ...]

    @classmethod
    def of(cls, data: bytes) -> "FileLines":
        """Split at newlines only."""
        parts = data.split(b"\n")
        last = parts.pop()
        return cls(tuple(part + b"\n" for part in parts) + ((last,) if last else ()))

    @cached_property
    def exact(self) -> list[bytes]:
        """Return the lines without their newlines."""
        return [line.removesuffix(b"\n") for line in self.lines]

    @cached_property
    def squeezed(self) -> list[bytes]:
        """Return the lines without white space."""
        return [squeeze(line) for line in self.lines]

    @cached_property
    def places(self) -> dict[bytes, list[int]]:
        """Return where each squeezed line stands."""
        places: dict[bytes, list[int]] = {}
        for index, line in enumerate(self.squeezed):
            places.setdefault(line, []).append(index)
        return places

    @cached_property
    def crlf(self) -> bool:
        """Tell whether most lines end in CR LF."""
        return sum(1 for line in self.lines if line.endswith(b"\r\n")) * 2 > len(self.lines)


@dataclass(frozen=True, slots=True)
class Match:
    """Lines `start` to `end` (exclusive, from 0) of the file are the old side of a hunk.

    `skipped` and `dropped` are the context lines left out at its top and bottom.
    """

    start: int
    end: int
    skipped: int = 0
    dropped: int = 0
    fuzz: int = 0
    whitespace: bool = False


def find_hunk(
    text: FileLines,
    hunk: Hunk,
    lines: Sequence[HunkLine],
    offset: int,
    taken: list[tuple[int, int]],
    unique: bool = False,
) -> Match | None:
    """Return the place of `lines`, which are (the whole part of) `hunk`; None when there is none.

    `offset` is where the hunk before was found against its header; `taken`
    are ranges that other hunks have used. With `unique` no fuzz is allowed,
    and the place must be the only one, or the very one of the header.
    """
    prefix = _context_run(lines)
    suffix = _context_run(lines[::-1])
    if prefix == len(lines):
        return None
    expected = max(hunk.old_start - (hunk.old_count > 0), 0) + offset
    for fuzz in range(1 if unique else MAX_FUZZ + 1):
        if fuzz > max(prefix, suffix):
            break
        if fuzz == 1 and is_applied(text, hunk, offset):
            return None
        skipped = max(0, fuzz + prefix - max(prefix, suffix))
        dropped = max(0, fuzz + suffix - max(prefix, suffix))
        side = [line.text for line in lines[skipped : len(lines) - dropped] if line.kind != "+"]
        for whitespace in (False, True):
            found = [
                start
                for start in _places(text, side, expected + skipped, whitespace)
                if not any(start < end and first < start + len(side) for first, end in taken)
                and (fuzz or _fits_ends(text, hunk, start, start + len(side), prefix, suffix))
            ]
            if not found:
                continue
            if unique and len(found) > 1 and found[0] != expected:
                return None
            return Match(found[0], found[0] + len(side), skipped, dropped, fuzz, whitespace)
    return None


def is_applied(text: FileLines, hunk: Hunk, offset: int) -> bool:
    """Tell whether the new side of the hunk stands in the file.

    It must be more than the context on one side of lines that the hunk removes.
    """
    adds = any(line.kind == "+" and line.text.strip() for line in hunk.lines)
    if not adds and not (_context_run(hunk.lines) and _context_run(hunk.lines[::-1])):
        return False
    side = [line.text for line in hunk.lines if line.kind != "-"]
    expected = max(hunk.new_start - 1, 0) + offset
    return bool(side) and any(True for _ in _places(text, side, expected, True))


def _context_run(lines: Sequence[HunkLine]) -> int:
    return next((index for index, line in enumerate(lines) if line.kind != " "), len(lines))


def _fits_ends(text: FileLines, hunk: Hunk, start: int, end: int, prefix: int, suffix: int) -> bool:
    """Tell whether a hunk that has less context on one side stands at that end of the file."""
    if hunk.old_start <= 1 and prefix < suffix and start != 0 and hunk.old_count:
        return False
    return not (not suffix and prefix and not hunk.truncated and end != len(text.lines))


def _places(text: FileLines, side: list[bytes], expected: int, whitespace: bool) -> Iterator[int]:
    """Yield where the lines of `side` stand in the file, nearest to `expected` first."""
    count = len(text.lines)
    if not side:
        if expected <= count:
            yield expected
        return
    for start in sorted(_candidates(text, side), key=lambda start: (abs(start - expected), start)):
        if 0 <= start <= count - len(side) and _agrees(text, side, start, whitespace):
            yield start


def _candidates(text: FileLines, side: list[bytes]) -> Iterator[int]:
    """Yield the starts at which the rarest line of `side` fits."""
    rarest: list[int] | None = None
    at = 0
    for index, line in enumerate(side):
        if mangled_pattern(line) is not None:
            continue
        places = text.places.get(squeeze(line), [])
        if rarest is None or len(places) < len(rarest):
            rarest, at = places, index
    if rarest is None:
        return iter(range(len(text.lines)))
    return (place - at for place in rarest)


def _agrees(text: FileLines, side: list[bytes], start: int, whitespace: bool) -> bool:
    if not whitespace:
        return text.exact[start : start + len(side)] == side
    for line, have in zip(side, text.squeezed[start : start + len(side)], strict=True):
        if squeeze(line) != have:
            pattern = mangled_pattern(line)
            if pattern is None or not pattern.match(have):
                return False
    return True
