"""The one page that all contexts act on, and what must hold of their steps.

Everything is data: which flags and locks there are, what a free does to them,
and which steps break the protocol. The page lives once: after its last
reference is dropped it stays free and is never allocated again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.interleave.automaton import GUARDS, Atom, Op
from analyzer.source import RuleError


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean that all contexts see.

    `on_page` is false for owner data (a back-pointer, a count) that outlives
    the page; only flags on the page can be touched too late. `after_free` is
    the value that freeing leaves, None for no change.
    """

    name: str
    initial: bool = False
    on_page: bool = True
    after_free: bool | None = False


@dataclass(frozen=True, slots=True)
class Page:
    """The shared state before the first step: owned, unlocked, on the lists in `on_lists`.

    `lock` lives in the page itself; `other_locks` are locks elsewhere that
    contexts also take. `lists` names lists that several contexts use; each
    context has one of its own besides. Reference counts above
    `max_references` are not followed, and the search says so.
    """

    lock: str
    flags: tuple[Flag, ...]
    other_locks: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    on_lists: tuple[str, ...] = ()
    references: int = 1
    max_references: int = 15


@dataclass(frozen=True, slots=True)
class Trigger:
    """The atoms that an invariant looks at: one operation, on one name or (None) on any."""

    op: Op
    name: str | None = None

    def matches(self, atom: Atom) -> bool:
        """Say whether the atom is one of them."""
        return atom.op is self.op and (self.name is None or atom.name == self.name)


@dataclass(frozen=True, slots=True)
class Invariant:
    """Broken by a step that does a triggering atom while all of `broken_if` hold just before it.

    After a step that breaks an invariant with `ends_run` the search does not go
    on: what follows would show only that a page that is somebody else's, or
    data that is gone, is used once more.

    HOLDS_IS in `broken_if` with an empty name asks about the lock of the triggering atom.

    Raises RuleError if `broken_if` has an atom that is not a guard.
    """

    id: str
    title: str
    triggers: tuple[Trigger, ...]
    broken_if: tuple[Atom, ...]
    ends_run: bool = False

    def __post_init__(self) -> None:
        for atom in self.broken_if:
            if atom.op not in GUARDS:
                raise RuleError(f"invariant {self.id}: {atom.op} is not a guard")


def standard_invariants(
    page: Page, *, isolate: str = "isolate", active: Sequence[str] = ("migrate", "putback")
) -> tuple[Invariant, ...]:
    """Return what every generation of the isolation protocol promises.

    `isolate` is the marker of the step that isolates on the owner's behalf:
    the entry of the callback where the caller must not enter it for a released
    page, its acceptance where the callback itself must refuse. `active` are
    markers of callbacks that must not run on a released page.
    """
    on_page = tuple(Trigger(Op.SET_FLAG, flag.name) for flag in page.flags if flag.on_page)
    released = (Atom(Op.OWNED_IS, value=False),)
    unreferenced = (Atom(Op.REFERENCED_IS, value=False),)
    return (
        Invariant(
            "isolate-released-page", "isolate callback on a released page", (Trigger(Op.CALLBACK, isolate),), released
        ),
        Invariant("page-on-two-lists", "page put on two lists", (Trigger(Op.LIST_ADD),), (Atom(Op.LISTED_IS),)),
        Invariant(
            "callback-on-released-page",
            f"{'/'.join(active)} callback on a released page",
            tuple(Trigger(Op.CALLBACK, name) for name in active),
            released,
            ends_run=True,
        ),
        Invariant(
            "flag-after-last-reference",
            "flag touched after the last reference",
            (*on_page, Trigger(Op.ACQUIRE, page.lock), Trigger(Op.RELEASE, page.lock)),
            unreferenced,
            ends_run=True,
        ),
        Invariant("refcount-underflow", "reference count underflow", (Trigger(Op.PUT),), unreferenced, ends_run=True),
        Invariant(
            "unlock-by-non-holder",
            "lock released by a context that does not hold it",
            (Trigger(Op.RELEASE),),
            (Atom(Op.HOLDS_IS, value=False),),
        ),
    )
