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

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from analyzer.checks.versions import Point, Subject, Version
from analyzer.dataflow import tested_name
from analyzer.ir import (
    Addr,
    Assign,
    Binary,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Index,
    Instruction,
    Name,
    Return,
    Stop,
    Switch,
    Unary,
    successors,
)
from analyzer.rulespec import Event, Model

NEVER_ZERO = 6
"""The classes of a result that is not 0."""


@dataclass(frozen=True)
class Names:
    """Calls by (callee, argument position), and fields of the page."""

    calls: frozenset[tuple[str, int]]
    fields: frozenset[str]
    followed: frozenset[str]


@dataclass(frozen=True)
class Guards:
    """What the model and the rules say of looks, guarded operations and locks.

    looks, operations, wrappers: by event; locks: (callee, argument position) -> for which truth of its result the
    lock was taken, None when it always is; sources: callees that return a locked page.
    """

    looks: Mapping[str, Names]
    operations: Mapping[str, Names]
    wrappers: Mapping[str, Names]
    locks: Mapping[tuple[str, int], bool | None]
    sources: frozenset[str]


@dataclass(frozen=True)
class Weakened:
    """What is missing: a look ("unchecked") or a lock ("unguarded"); of which page, and the line where that matters."""

    kind: str
    subject: str
    line: int


def guards_of(model: Model, looks: Iterable[str], operations: Iterable[str], wrappers: Iterable[str]) -> Guards:
    """Return what a model says of the events with these names, and of the locks that exclude each other."""
    held = {f.name: f.held for f in model.facets if f.exclusive and f.held}
    locks: dict[tuple[str, int], bool | None] = {}
    sources: set[str] = set()
    for event in model.events:
        if event.facet not in held or event.to != held[event.facet]:
            continue
        for pattern in event.calls:
            if pattern.subject_is_result:
                sources.add(pattern.callee)
            elif not pattern.indirect:
                for position in pattern.subject_positions:
                    locks[pattern.callee, position] = event.when.mask == NEVER_ZERO if event.conditional else None
    return Guards(
        looks=_by_name(model, looks),
        operations=_by_name(model, operations),
        wrappers=_by_name(model, wrappers),
        locks=locks,
        sources=frozenset(sources),
    )


def _by_name(model: Model, names: Iterable[str]) -> dict[str, Names]:
    return {name: _names([e for e in model.events if e.name == name]) for name in names}


def _names(events: Iterable[Event]) -> Names:
    calls: set[tuple[str, int]] = set()
    fields: set[str] = set()
    followed: set[str] = set()
    for event in events:
        fields.update(event.compares)
        followed.update(event.follows)
        for pattern in event.calls:
            if not pattern.indirect:
                calls.update((pattern.callee, position) for position in pattern.subject_positions)
    return Names(frozenset(calls), frozenset(fields), frozenset(followed))


@dataclass(frozen=True)
class _Pages:
    """One page in one version: the calls and fields that are about it."""

    version: Version
    subject: Subject
    guards: Guards

    def is_called(self, instruction: Instruction, calls: Iterable[tuple[str, int]]) -> tuple[str, int] | None:
        """Return which of `calls` an instruction is with the page, None for none."""
        if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
            for name, position in calls:
                if name != instruction.callee.name or position >= len(instruction.arguments):
                    continue
                if self.version.is_subject(instruction.arguments[position], self.subject):
                    return name, position
        return None

    def locks(self) -> list[tuple[Point, Call]]:
        """Return the calls that lock the page, in order."""
        found = []
        for point, instruction in self.version.instructions:
            if isinstance(instruction, Call) and self.is_called(instruction, self.guards.locks):
                found.append((point, instruction))
        return found

    def ends(self, instruction: Instruction) -> bool:
        """Tell whether the page is not locked any more, is locked anew, or is another one after an instruction."""
        version = self.version
        if any(version.is_subject(page, self.subject) for _, page in version.released(instruction)):
            return True
        return version.defines(instruction, self.subject) or self.is_called(instruction, self.guards.locks) is not None

    def held_from(self, lock: Point) -> tuple[list[Point], bool]:
        """Return the points that are reached with the lock held, and whether a return is one."""
        waiting, seen, returns = [(lock[0], lock[1] + 1)], set[Point](), False
        while waiting:
            point = waiting.pop()
            if point in seen:
                continue
            block = self.version.function.blocks[point[0]]
            if point[1] < len(block.instructions):
                if not self.ends(block.instructions[point[1]]):
                    seen.add(point)
                    waiting.append((point[0], point[1] + 1))
                continue
            seen.add(point)
            returns = returns or isinstance(block.terminator, Return)
            waiting += [(target, 0) for target in successors(block.terminator)]
        return sorted(seen), returns

    def looks(self, points: Iterable[Point], names: Names) -> Iterator[tuple[Point, frozenset[str]]]:
        """Yield where the outcome of a look decides what is done, with the variables that it is decided by."""
        results: set[str] = set()
        conditions: list[tuple[Point, Expr]] = []
        for point in points:
            block = self.version.function.blocks[point[0]]
            if point[1] < len(block.instructions):
                instruction = block.instructions[point[1]]
                if isinstance(instruction, Call) and self.is_called(instruction, names.calls):
                    results.add(instruction.result)
                elif (
                    isinstance(instruction, Assign)
                    and isinstance(instruction.target, Name)
                    and self._reads(instruction.value, names.fields, results)
                ):
                    results.add(instruction.target.name)
            elif isinstance(block.terminator, Branch) and not self._asserts(block.terminator):
                conditions.append((point, block.terminator.condition))
            elif isinstance(block.terminator, Switch):
                conditions.append((point, block.terminator.value))
        for point, condition in conditions:
            if self._reads(condition, names.fields, results):
                yield point, self.version.names_in(condition)

    def _asserts(self, end: Branch) -> bool:
        blocks = self.version.function.blocks
        return any(isinstance(blocks[target].terminator, Stop) for target in (end.true, end.false))

    def _reads(self, expression: Expr, fields: frozenset[str], results: Collection[str]) -> bool:
        """Tell whether the value of an expression depends on a field of the page, or on one of `results`."""
        for item in _parts(expression, self.version):
            if isinstance(item, Name) and item.name in results:
                return True
            if self._is_field(item, fields):
                return True
        return False

    def _is_field(self, item: Expr, fields: frozenset[str]) -> bool:
        if not isinstance(item, Field) or item.name not in fields or not isinstance(item.base, Deref):
            return False
        return self.version.is_subject(item.base.base, self.subject)

    def follows(self, instruction: Instruction, fields: frozenset[str]) -> bool:
        """Tell whether an instruction follows the pointer in a field of the page."""
        if not fields:
            return False
        expressions = instruction.arguments if isinstance(instruction, Call) else ()
        if isinstance(instruction, Assign):
            expressions = (instruction.value, instruction.target)
        return any(
            isinstance(item, Deref) and self._is_field(item.base, fields)
            for expression in expressions
            for item in _all_parts(expression)
        )

    def is_used(self, points: Iterable[Point], but: Names) -> bool:
        """Tell whether something is done with the page beside looks, puts and unlocks."""
        known = self.version.obligations
        for point in points:
            block = self.version.function.blocks[point[0]]
            if point[1] >= len(block.instructions):
                continue
            instruction = block.instructions[point[1]]
            used: tuple[Expr, ...] = ()
            if isinstance(instruction, Call):
                name = instruction.callee.name if isinstance(instruction.callee, Name) else ""
                if name not in known.same and name not in known.releases and not self.is_called(instruction, but.calls):
                    used = instruction.arguments
            elif isinstance(instruction, Assign):
                used = (instruction.value, instruction.target)
            if any(self.version.names_in(e) & self.subject.names for e in used):
                return True
        return False

    def comes_unlocked(self, start: Point) -> bool:
        """Tell whether some path comes to a point without the page's lock."""
        waiting: list[Point] = [start]
        seen: set[Point] = set()
        while waiting:
            number, index = waiting.pop()
            if (number, index) in seen:
                continue
            seen.add((number, index))
            if index > 0:
                instruction = self.version.function.blocks[number].instructions[index - 1]
                if self._gets_locked(instruction):
                    continue
                if self.ends(instruction):
                    return True
                waiting.append((number, index - 1))
                continue
            if number == 0:
                return True
            for before, truth in self.version.predecessors.get(number, ()):
                block = self.version.function.blocks[before]
                if isinstance(block.terminator, Branch) and truth is not None and self._failed(block.terminator, truth):
                    return True
                waiting.append((before, len(block.instructions)))
        return False

    def _gets_locked(self, instruction: Instruction) -> bool:
        if self.is_called(instruction, self.guards.locks):
            return True
        if not isinstance(instruction, Assign) or not self.version.defines(instruction, self.subject):
            return False
        return any(
            isinstance(other, Call) and isinstance(other.callee, Name) and other.callee.name in self.guards.sources
            for other in self._makers(instruction.value)
        )

    def _makers(self, value: Expr) -> Iterator[Instruction]:
        names = {item.name for item in _parts(value, self.version) if isinstance(item, Name)}
        for _, instruction in self.version.instructions:
            if isinstance(instruction, Call) and instruction.result in names:
                yield instruction

    def _failed(self, end: Branch, truth: bool) -> bool:
        """Tell whether an arm is the one on which a lock was not got."""
        name, holds = tested_name(end.condition)
        origin = self.version.resolved(Name(name)) if name else None
        for _, call in self.locks():
            key = self.is_called(call, self.guards.locks)
            taken = self.guards.locks[key] if key is not None else None
            if taken is not None and origin == Name(call.result):
                return (truth == holds) != taken
        return False


def weakened_guards(
    before: Version,
    after: Version,
    guards: Guards,
    lines: Mapping[int, int],
    needs_lock: Callable[[str, int], bool],
) -> Iterator[Weakened]:
    """Yield the looks and locks that are gone in `after`; `lines` maps the lines that the change leaves alone.

    needs_lock: whether a function that the model does not know wants an argument locked.
    """
    subjects: dict[str, Subject] = {}
    calls = {*guards.locks, *(call for names in guards.wrappers.values() for call in names.calls)}
    for _, instruction in before.instructions:
        if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
            for name, position in calls:
                if name == instruction.callee.name and position < len(instruction.arguments):
                    subject = before.subject(instruction.arguments[position])
                    if subject is not None:
                        subjects.setdefault(subject.text, subject)
    for subject in subjects.values():
        twin = _twin(after, subject)
        if twin is None:
            continue
        old, new = _Pages(before, subject, guards), _Pages(after, twin, guards)
        yield from _unchecked(old, new, lines)
        yield from _unguarded(old, new, lines, needs_lock)


def _twin(after: Version, subject: Subject) -> Subject | None:
    """Return the same page in the other version, None where a name of it is not there any more."""
    known = {p.name for p in after.function.parameters} | set(after.function.locals)
    if subject.text in subject.names:
        return Subject(subject.text, after.group(subject.text)) if subject.text in known else None
    return subject


def _unchecked(old: _Pages, new: _Pages, lines: Mapping[int, int]) -> Iterator[Weakened]:
    """Yield the locks behind which a look is gone."""
    for lock, twin in _paired(old, new, old.locks(), new.locks(), lines):
        held, _ = old.held_from(lock)
        for names in old.guards.looks.values():
            gone = [(p, by) for p, by in old.looks(held, names) if old.version.line(p) not in lines]
            if not gone:
                continue
            held_now, returns = new.held_from(twin)
            if any(new.looks(held_now, names)) or not (returns or new.is_used(held_now, names)):
                continue
            concerned = old.subject.names.union(*(by for _, by in gone))
            if not _answered(old, new, concerned, lines):
                yield Weakened("unchecked", new.subject.text, new.version.line(twin))


def _unguarded(
    old: _Pages, new: _Pages, lines: Mapping[int, int], needs_lock: Callable[[str, int], bool]
) -> Iterator[Weakened]:
    """Yield the operations that always had the lock."""
    operations = {key for names in old.guards.operations.values() for key in names.calls}
    followed = frozenset(f for names in old.guards.operations.values() for f in names.followed)
    wrappers = {key for names in old.guards.wrappers.values() for key in names.calls}

    def guarded(pages: _Pages) -> list[tuple[Point, Instruction]]:
        found = []
        for point, instruction in pages.version.instructions:
            if pages.is_called(instruction, operations) or pages.follows(instruction, followed):
                found.append((point, instruction))
            elif isinstance(instruction, Call) and isinstance(instruction.callee, Name):
                name = instruction.callee.name
                if name not in pages.version.obligations.known and any(
                    pages.version.is_subject(a, pages.subject) and needs_lock(name, i)
                    for i, a in enumerate(instruction.arguments)
                ):
                    found.append((point, instruction))
        return found

    if _answered(old, new, old.subject.names, lines):
        return
    there, here = guarded(old), guarded(new)
    for point, twin in _paired(old, new, there, here, lines):
        if not old.comes_unlocked(point) and new.comes_unlocked(twin):
            yield Weakened("unguarded", new.subject.text, new.version.line(twin))
            return
    gone = [i for p, i in old.version.instructions if old.version.line(p) not in lines and old.is_called(i, wrappers)]
    kept = set(lines.values())
    if gone and not any(new.is_called(i, wrappers) for _, i in new.version.instructions):
        for point, instruction in here:
            added = new.version.line(point) not in kept and new.is_called(instruction, operations)
            if added and new.comes_unlocked(point):
                yield Weakened("unguarded", new.subject.text, new.version.line(point))
                return


def _paired(
    old: _Pages,
    new: _Pages,
    there: Iterable[tuple[Point, Instruction]],
    here: Iterable[tuple[Point, Instruction]],
    lines: Mapping[int, int],
) -> Iterator[tuple[Point, Point]]:
    """Yield the instructions of one kind that both versions have: on lines left alone, else the n-th of n."""
    left, right = list(there), list(here)
    used: set[Point] = set()
    rest: list[Point] = []
    for point, _ in left:
        line = lines.get(old.version.line(point), 0)
        found = next((p for p, _ in right if new.version.line(p) == line and p not in used), None)
        if found is None:
            rest.append(point)
        else:
            used.add(found)
            yield point, found
    others = [p for p, _ in right if p not in used]
    if len(others) == len(rest):
        yield from zip(rest, others, strict=True)


def _answered(old: _Pages, new: _Pages, names: frozenset[str], lines: Mapping[int, int]) -> bool:
    """Tell whether the change gets the page another way, or calls something new and unknown with `names`."""
    kept = frozenset(lines.values())
    known = old.version.obligations
    called = {i.callee for _, i in old.version.instructions if isinstance(i, Call)}
    for point, instruction in new.version.instructions:
        if new.version.line(point) in kept:
            continue
        if isinstance(instruction, Call):
            name = instruction.callee.name if isinstance(instruction.callee, Name) else ""
            if instruction.callee in called or name in known.known or name in known.same or name in known.errors:
                continue
            if any(new.version.names_in(a) & (names | new.subject.names) for a in instruction.arguments):
                return True
        elif new.version.defines(instruction, new.subject):
            return True
    return any(
        old.version.line(point) not in lines and old.version.defines(instruction, old.subject)
        for point, instruction in old.version.instructions
    )


def _parts(expression: Expr, version: Version) -> Iterator[Expr]:
    """Yield the parts on whose values an expression's value depends; what a pointer points to, not the pointer."""
    waiting, count = [expression], 0
    while waiting and count < 200:
        count += 1
        item = waiting.pop()
        yield item
        if isinstance(item, Name):
            if item.name in version.origins:
                waiting.append(version.origins[item.name])
        elif isinstance(item, Unary):
            waiting.append(item.operand)
        elif isinstance(item, Binary):
            waiting += (item.left, item.right)
        elif isinstance(item, Field) and not isinstance(item.base, Deref):
            waiting.append(item.base)


def _all_parts(expression: Expr) -> Iterator[Expr]:
    """Yield an expression and all that it is made of."""
    waiting = [expression]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, Unary):
            waiting.append(item.operand)
        elif isinstance(item, Binary):
            waiting += (item.left, item.right)
        elif isinstance(item, Field | Deref | Addr):
            waiting.append(item.base)
        elif isinstance(item, Index):
            waiting += (item.base, item.index)
