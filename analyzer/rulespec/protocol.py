"""Words of the questions about the shape of code: `rules/protocol.toml`.

The model says what happens to the state of a page; here stand the names that
a question needs when it is about order, tables or flags rather than states.
"""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from analyzer.source import RuleError

_FILE = "protocol.toml"


class Operations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fields of an operations table that the core calls without a test; each in all its spellings."""

    isolate: frozenset[str]
    migrate: frozenset[str]
    putback: frozenset[str]


class DutyHints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of names (between underscores): a function of another file that has one may do that to a page."""

    clear: tuple[str, ...]
    put: tuple[str, ...]
    mark: tuple[str, ...]
    get: tuple[str, ...]


class CallbackWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What matters inside a callback.

    retry: the errno that is not final; success: named constants that are 0.
    harmless: callees that do no duty to a page passed to them; accessor_words: parts of the names of more such.
    page_word: word in the name of a function that is about pages.
    """

    retry: str
    success: frozenset[str]
    try_words: tuple[str, ...]
    no_liveness_test: frozenset[str]
    harmless: frozenset[str]
    accessor_words: tuple[str, ...]
    page_word: str
    hints: DutyHints
    list_field: str
    list_changes: frozenset[str]


class FlagWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bits of page flags: those of the protocol, those that none of them may alias, and how they are written."""

    protocol: frozenset[str]
    reserved: frozenset[str]
    word: str
    prefix: str
    nonatomic: frozenset[str]


class ListWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Functions on lists of isolated pages."""

    put_back: frozenset[str]
    migrate: frozenset[str]
    empty_test: frozenset[str]
    reset: frozenset[str]
    pages: frozenset[str]
    type: str


class ChainWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """What makes the walk along a chain of pages safe: a reference, or a call whose name has `lock_word` in it."""

    pins: frozenset[str]
    lock_word: str
    unlock_word: str


class AtomicSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of section in which nothing may sleep: what opens and closes it, and which argument is its lock.

    lock: -1 where the lock is what the call returns or leaves behind an address that it gets, or where there is none.
    """

    enter: frozenset[str]
    leave: frozenset[str]
    lock: int = -1


class AtomicWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Functions that sleep for a page, and the sections in which they must not be called.

    events: events of the model whose calls sleep for their page; sleeps: the functions that do, those calls too: they
    say which functions are worth reading; neutral: functions that may get a lock, or have
    `leave_word` in their name, and leave sections as they are; a name with `leave_word` closes some section.
    """

    events: frozenset[str]
    sleeps: frozenset[str]
    neutral: frozenset[str]
    leave_word: str
    sections: tuple[AtomicSection, ...]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All words of `rules/protocol.toml`."""

    operations: Operations
    callback: CallbackWords
    flags: FlagWords
    lists: ListWords
    chains: ChainWords
    atomic: AtomicWords


@cache
def load_protocol() -> Protocol:
    """Return the words that ship with pagelint; raise RuleError naming file and key."""
    text = (files("analyzer.rules") / _FILE).read_text("utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), Protocol)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RuleError(f"rules/{_FILE}: {error}") from error
