"""Gather patches into series.

A posting is the patches of one sender with the same version and total that
refer to one thread. Of several versions of a posting the newest counts; a
newer version of single patches, sent as replies, replaces just those. A reply
that only quotes a patch of the posting adds nothing. All of this is said in
the notes of the series that remains.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import parseaddr, parsedate_to_datetime

from analyzer.patch.records import Patch, Series

HELD_PATCHES = 1000


def series_of(patches: Iterable[Patch]) -> tuple[Series, ...]:
    """Return the series that the patches form, in order of their first patch."""
    return tuple(gather_series(patches, held=None))


def gather_series(patches: Iterable[Patch], held: int | None = HELD_PATCHES) -> Iterator[Series]:
    """Yield series while holding at most `held` patches (None: all of them).

    When more patches are held the oldest posting is taken for finished; a
    part of it that comes later in the stream is a series of its own.
    Messages without a diff, that are neither a cover letter nor damaged, are left out.
    """
    postings: list[_Posting] = []
    count = 0
    for patch in patches:
        if not (patch.files or patch.is_cover or patch.problems):
            continue
        _posting_for(patch, postings).add(patch)
        count += 1
        while held is not None and count > held:
            group = _take_group(postings)
            count -= sum(posting.size for posting in group)
            yield from _finish(group)
    while postings:
        yield from _finish(_take_group(postings))


@dataclass
class _Posting:
    """Patches that were sent together."""

    version: int
    total: int
    sender: str
    patches: list[Patch] = field(default_factory=list)
    quoted: list[Patch] = field(default_factory=list)
    duplicates: int = 0
    ids: set[str] = field(default_factory=set)
    thread: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Return how many patches are held, those that quote another one included."""
        return len(self.patches) + len(self.quoted) + self.duplicates

    def add(self, patch: Patch) -> None:
        """Take in a patch that belongs here."""
        if patch.message_id and patch.message_id in self.ids:
            self.duplicates += 1
            return
        (self.quoted if is_quote(patch) else self.patches).append(patch)
        self.ids.add(patch.message_id)
        self.thread.update(_parents(patch))

    def has(self, number: int) -> bool:
        """Tell whether there is a patch of this number."""
        return any(patch.number == number for patch in self.patches)

    def has_room_for(self, other: "_Posting") -> bool:
        """Tell whether the patches of another posting have numbers that this one lacks."""
        same = (self.version, self.total) == (other.version, other.total)
        return same and bool(self.total and other.patches) and not any(self.has(p.number) for p in other.patches)

    def take_in(self, other: "_Posting") -> None:
        """Add all that another posting has."""
        self.patches += other.patches
        self.quoted += other.quoted
        self.duplicates += other.duplicates
        self.ids |= other.ids
        self.thread |= other.thread

    def titles(self) -> set[str]:
        """Return the titles of the patches, for comparison."""
        return {patch.title.casefold() for patch in self.patches if patch.title}


def is_quote(patch: Patch) -> bool:
    """Tell whether the diff of a message is one that it quotes from another."""
    return "quote" in patch.repairs


def _parents(patch: Patch) -> set[str]:
    return {name for name in (patch.in_reply_to, *patch.references) if name}


def _posting_for(patch: Patch, postings: list[_Posting]) -> _Posting:
    """Return the posting that the patch is part of, a new one where there is none.

    A patch that refers to one part of a thread, and that another part refers to, makes one posting of the two.
    """
    linked = [posting for posting in postings if _belongs(patch, posting)]
    if not linked:
        linked = [posting for posting in postings if _may_belong(patch, posting)][-1:]
    if not linked:
        linked = [_Posting(patch.version, patch.total, _address(patch))]
        postings += linked
    first, *others = linked
    for other in others:
        if first.has_room_for(other):
            first.take_in(other)
            postings.remove(other)
    return first


def _belongs(patch: Patch, posting: _Posting) -> bool:
    """Tell whether the patch and the posting say that they are one: by ids, or as commits of one log."""
    first = posting.patches[0] if posting.patches else posting.quoted[0]
    if patch.message_id and patch.message_id in posting.ids:
        return True
    if patch.from_log or first.from_log:
        return patch.from_log and first.from_log and patch.source == first.source
    if is_quote(patch) or not posting.patches:
        return bool(posting.patches) and is_quote(patch) and patch.in_reply_to in posting.ids
    if not _fits(patch, posting):
        return False
    return patch.message_id in posting.thread or bool(_parents(patch) & (posting.ids | posting.thread))


def _may_belong(patch: Patch, posting: _Posting) -> bool:
    """Tell whether nothing but the sender and the numbers says that they are one, as no mail refers to another."""
    if patch.from_log or is_quote(patch) or not posting.patches or posting.patches[0].from_log:
        return False
    unthreaded = not _parents(patch) and not posting.thread
    return unthreaded and _fits(patch, posting) and _address(patch) == posting.sender


def _fits(patch: Patch, posting: _Posting) -> bool:
    """Tell whether the posting lacks a patch of this number."""
    same = bool(patch.total) and (patch.version, patch.total) == (posting.version, posting.total)
    return same and not posting.has(patch.number)


def _address(patch: Patch) -> str:
    return parseaddr(patch.sender)[1].casefold()


def _take_group(postings: list[_Posting]) -> list[_Posting]:
    """Remove the first posting and all other versions of it; return them, oldest version first."""
    group = [postings.pop(0)]
    for posting in list(postings):
        if any(_is_version_of(posting, other) for other in group):
            postings.remove(posting)
            group.append(posting)
    return sorted(group, key=lambda posting: posting.version)


def _is_version_of(one: _Posting, other: _Posting) -> bool:
    """Tell whether two postings are versions of one series: same titles, mostly, or one thread.

    A reply that quotes a patch of the other posting goes with that posting.
    """
    if not one.patches or not other.patches:
        quote, posting = (one, other) if other.patches else (other, one)
        return any(patch.in_reply_to in posting.ids for patch in quote.quoted)
    if one.patches[0].from_log or other.patches[0].from_log:
        return False
    if one.version == other.version and one.total != other.total:
        return False
    shared = one.titles() & other.titles()
    if one.sender == other.sender and 2 * len(shared) >= min(len(one.titles()), len(other.titles())) > 0:
        return True
    linked = (one.thread & other.ids) or (other.thread & one.ids)
    return one.version != other.version and bool(linked) and bool(shared or one.total == other.total)


def _finish(group: list[_Posting]) -> Iterator[Series]:
    """Yield the series that remains of all versions of it, and what only quotes something unknown."""
    versions = [posting for posting in group if posting.patches]
    if not versions:
        for patch in (patch for posting in group for patch in posting.quoted):
            yield Series(patch.title, patch.version, (patch,))
        return
    notes: list[str] = []
    newest = versions[-1]
    chosen = {patch.number: patch for patch in newest.patches} if newest.total else {}
    for older in reversed(versions[:-1]):
        if _is_partial(newest, older):
            kept = [patch for patch in older.patches if patch.number not in chosen]
            chosen.update({patch.number: patch for patch in kept})
            numbers = ", ".join(str(patch.number) for patch in newest.patches)
            notes.append(f"v{newest.version} replaces patch {numbers} of v{older.version}")
        elif older.version == newest.version:
            notes.append(f"sent more than once: {len(older.patches)} earlier patches are left out")
        else:
            notes.append(f"v{newest.version} is taken; v{older.version} ({len(older.patches)} patches) is left out")
    patches = list(chosen.values()) if newest.total else _in_time(newest.patches)
    for posting in group:
        notes += [f"reply that quotes a patch is left out: {patch.subject}" for patch in posting.quoted]
        if posting.duplicates:
            notes.append(f"{posting.duplicates} duplicate mails are left out")
    patches.sort(key=lambda patch: patch.number)
    cover = next((patch for patch in patches if patch.is_cover), None)
    body = tuple(patch for patch in patches if not patch.is_cover)
    there = {patch.number for patch in body}
    missing = tuple(number for number in range(1, newest.total + 1) if number not in there)
    if missing:
        notes.append(f"not there: patch {', '.join(map(str, missing))} of {newest.total}")
    title = cover.title if cover else body[0].title if body else ""
    yield Series(title, newest.version, body, cover, tuple(notes), missing)


def _is_partial(newer: _Posting, older: _Posting) -> bool:
    """Tell whether the newer posting is single patches in reply to those that they replace."""
    if newer.total != older.total or len(newer.patches) >= len(older.patches) or newer.version == older.version:
        return False
    return all(patch.in_reply_to in older.ids and not patch.is_cover for patch in newer.patches)


def _in_time(patches: list[Patch]) -> list[Patch]:
    """Return the commits of a log oldest first; git prints them newest first unless it is told otherwise."""
    if len(patches) < 2:
        return patches
    try:
        first = parsedate_to_datetime(_mail_date(patches[0].date))
        last = parsedate_to_datetime(_mail_date(patches[-1].date))
        backwards = first.timestamp() >= last.timestamp()
    except (ValueError, TypeError, OverflowError):
        backwards = True
    return patches[::-1] if backwards else patches


def _mail_date(text: str) -> str:
    """Return "Mon Jan 1 10:00:00 2024 +0100", as git prints it, in the order of mail."""
    words = text.split()
    if len(words) == 6 and words[2].isdigit() and words[4].isdigit():
        day, month, number, clock, year, zone = words
        return f"{day}, {number} {month} {year} {clock} {zone}"
    return text
