"""What was done under a lock in one version of a function, and is not in the next.

A look at a page under its lock that is gone, with the lock and what follows
still there, and a lock that is gone, with what it guarded still there, are
faults wherever the page comes from. The version before the change says what
belonged under the lock.

Over-approximates paths: conditions that exclude each other are not seen, but
tests of a lock's own result. Under-approximates changes: nothing is said when
another look of the kind follows the lock, or when new code hands the page to
a function that nothing is known of, gets the page another way, or locks it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from analyzer.checks.held import Guards, PageWalk
from analyzer.checks.versions import Point, Subject, Version
from analyzer.ir import Call, Name

Wanted = frozenset[tuple[str, int]]
"""Calls: (callee, argument position)."""


@dataclass(frozen=True)
class Weakened:
    """What is missing: a look, which `event` names, or a lock; of which page, and the line where that matters.

    certain: whether what stays is known to need it, and nothing new can take its place.
    """

    subject: str
    line: int
    event: str = ""
    certain: bool = True


def weakened_guards(
    before: Version, after: Version, guards: Guards, lines: Mapping[int, int], needing: Callable[[Wanted], Wanted]
) -> Iterator[Weakened]:
    """Yield the looks and locks that are gone in `after`; `lines` maps the lines that the change leaves alone.

    needing: which of some calls that the model does not know want the page locked.
    """
    subjects: dict[str, Subject] = {}
    for _, instruction in before.instructions:
        if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
            for name, position in guards.locking:
                if name == instruction.callee.name and position < len(instruction.arguments):
                    subject = before.subject(instruction.arguments[position])
                    if subject is not None:
                        subjects.setdefault(subject.text, subject)
    for subject in subjects.values():
        twin = before.twin(subject, after)
        if twin is not None:
            change = _Change(PageWalk(before, subject, guards), PageWalk(after, twin, guards), lines)
            yield from change.unchecked()
            yield from change.unguarded(needing)


@dataclass(frozen=True)
class _Change:
    """One page before and after a change."""

    old: PageWalk
    new: PageWalk
    lines: Mapping[int, int]

    def unchecked(self) -> Iterator[Weakened]:
        """Yield the locks behind which a look is gone."""
        old, new = self.old, self.new
        for lock, twin in self._pairs([p for p, _ in old.locks()], [p for p, _ in new.locks()]):
            held, _ = old.held_from(lock)
            for event, names in old.guards.looks.items():
                gone = [by for point, by in old.looks(held, names) if old.version.line(point) not in self.lines]
                if not gone:
                    continue
                held_now, returns = new.held_from(twin)
                if any(new.looks(held_now, names)) or not (returns or new.is_used(held_now, names)):
                    continue
                if not self._answered(old.subject.names.union(*gone)):
                    yield Weakened(new.subject.text, new.version.line(twin), event)

    def unguarded(self, needing: Callable[[Wanted], Wanted]) -> Iterator[Weakened]:
        """Yield the first operation that always had the lock, and can come without it now."""
        if self._answered(self.old.subject.names):
            return
        known = next(self._exposed(), None)
        if known is not None:
            yield self._unguarded(known, True)
            return
        passed = dict(self._passed())
        needed = needing(frozenset(passed)) if passed else frozenset()
        first = min((passed[call] for call in needed or passed), default=None)
        if first is not None and (needed or self._pair_is_gone()):
            yield self._unguarded(first, bool(needed))

    def _unguarded(self, point: Point, certain: bool) -> Weakened:
        line = self.new.version.line(point)
        certain = certain and not self._comes_after_new_call(point)
        return Weakened(self.new.subject.text, line, certain=certain)

    def _exposed(self) -> Iterator[Point]:
        """Yield the points of the new version where an operation that needs the lock has lost it."""
        old, new = self.old, self.new
        yield from self._lost([p for p, _ in old.operations()], [p for p, _ in new.operations()])
        for names in old.guards.looks.values():
            there, here = ([p for p, _ in walk.looks(walk.points, names)] for walk in (old, new))
            if all(new.comes_unlocked(point) for point in here):
                yield from self._lost(there, here)
        wrapped = [point for point, _ in old.wrapped() if old.version.line(point) not in self.lines]
        if wrapped and not any(new.wrapped()):
            kept = frozenset(self.lines.values())
            for point, _ in new.operations():
                if new.version.line(point) not in kept and new.comes_unlocked(point):
                    yield point

    def _passed(self) -> Iterator[tuple[tuple[str, int], Point]]:
        """Yield the unknown calls that have lost the lock."""
        calls = {point: (call.callee.name, i) for point, call, i in self.new.others() if isinstance(call.callee, Name)}
        for point in self._lost([p for p, _, _ in self.old.others()], list(calls)):
            yield calls[point], point

    def _lost(self, there: list[Point], here: list[Point]) -> Iterator[Point]:
        """Yield the points that correspond to one of the old version that was reached with the lock held.

        Always, or under a condition where the new version does not lock the page at all.
        """
        held = set[Point]()
        if not self.new.locks():
            held.update(*(self.old.held_from(lock)[0] for lock, _ in self.old.locks()))
        for point, twin in self._pairs(there, here):
            if (point in held or not self.old.comes_unlocked(point)) and self.new.comes_unlocked(twin):
                yield twin

    def _pair_is_gone(self) -> bool:
        """Tell whether the page was locked and unlocked, and neither is done any more."""
        return not self.new.locks() and not any(
            self.new.is_page(page)
            for _, instruction in self.new.version.instructions
            for _, page in self.new.version.released(instruction)
        )

    def _pairs(self, there: list[Point], here: list[Point]) -> Iterator[tuple[Point, Point]]:
        """Yield the points that both versions have: on lines left alone, else the n-th of n."""
        used: set[Point] = set()
        rest: list[Point] = []
        for point in there:
            line = self.lines.get(self.old.version.line(point), 0)
            found = next((p for p in here if self.new.version.line(p) == line and p not in used), None)
            if found is None:
                rest.append(point)
            else:
                used.add(found)
                yield point, found
        others = [p for p in here if p not in used]
        if len(others) == len(rest):
            yield from zip(rest, others, strict=True)

    def _new_calls(self) -> Iterator[tuple[Point, Call]]:
        """Yield the calls of functions that the old version did not call and the model does not know."""
        known = self.old.version.obligations
        kept = frozenset(self.lines.values())
        called = {i.callee for _, i in self.old.version.instructions if isinstance(i, Call)}
        for point, instruction in self.new.version.instructions:
            if isinstance(instruction, Call) and self.new.version.line(point) not in kept:
                name = instruction.callee.name if isinstance(instruction.callee, Name) else ""
                if instruction.callee not in called and name not in {*known.known, *known.same, *known.errors}:
                    yield point, instruction

    def _answered(self, names: frozenset[str]) -> bool:
        """Tell whether the change gets the page another way, or calls something new and unknown with `names`."""
        version = self.new.version
        concerned = names | self.new.subject.names
        if any(version.names_in(a) & concerned for _, call in self._new_calls() for a in call.arguments):
            return True
        return self._defined_elsewhere(self.old, self.lines) or self._defined_elsewhere(self.new, self.lines.values())

    def _defined_elsewhere(self, walk: PageWalk, kept: Iterable[int]) -> bool:
        lines = frozenset(kept)
        return any(
            walk.version.line(point) not in lines and walk.version.defines(instruction, walk.subject)
            for point, instruction in walk.version.instructions
            if not isinstance(instruction, Call)
        )

    def _comes_after_new_call(self, point: Point) -> bool:
        """Tell whether a path to a point of the new version calls something new, which may be another lock."""
        calls = {p for p, _ in self._new_calls()}
        return bool(calls) and not calls.isdisjoint(self.new.points_before(point))
