"""The state of one thread during an extraction: what runs, what it knows, and what it did to the page so far."""

from collections.abc import Mapping
from typing import NamedTuple

from analyzer.interleave.automaton import Atom, Place
from analyzer.interleave.symbols import Value


class Frame(NamedTuple):
    """An activation: where it is, what it knows, where its result goes, and which callback it is."""

    routine: int
    block: int
    at: int
    values: tuple[tuple[str, Value], ...]
    result: str = ""
    callback: str = ""


class Configuration(NamedTuple):
    """One state of the thread.

    listed: the thread's own list that T is on; seen: T was found already; held: the owner's locks it holds.
    While the thread acts for the owner, references are those it took, released says that it let T go,
    dropped that it gave up the owner's reference, locked that it holds the page lock as an owner, and met that
    it has held it.
    """

    frames: tuple[Frame, ...]
    listed: str = ""
    seen: bool = False
    held: tuple[str, ...] = ()
    references: int = 0
    released: bool = False
    dropped: bool = False
    locked: bool = False
    met: bool = False


class Outcome(NamedTuple):
    """A step to the next configuration; without atoms it is silent."""

    after: Configuration
    atoms: tuple[Atom, ...] = ()
    text: str = ""
    place: Place | None = None


def pack(values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """Return values as a frame keeps them: hashable, and equal when they are."""
    return tuple(sorted(values.items()))


def move(configuration: Configuration, at: int) -> Configuration:
    """Let the running function go on with another instruction of its block."""
    frame = configuration.frames[-1]
    return configuration._replace(frames=(*configuration.frames[:-1], frame._replace(at=at)))


def assign(configuration: Configuration, name: str, value: Value | None) -> Configuration:
    """Give a variable of the running function a value, or make it unknown."""
    if not name or not configuration.frames:
        return configuration
    frame = configuration.frames[-1]
    values = dict(frame.values)
    if value is None:
        if name not in values:
            return configuration
        del values[name]
    else:
        values[name] = value
    return configuration._replace(frames=(*configuration.frames[:-1], frame._replace(values=pack(values))))
