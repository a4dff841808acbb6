"""Where in a function a page is locked: looks and operations under its lock, walked path by path.

Over-approximates paths: conditions that exclude each other are not seen, but
tests of a lock's own result. A page is what a variable or an expression names.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from analyzer.checks.versions import Point, Subject, Version
from analyzer.dataflow import tested_name
from analyzer.ir import (
    Assign,
    Binary,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Instruction,
    Name,
    Return,
    Stop,
    Switch,
    Unary,
    operands,
    successors,
)
from analyzer.rulespec import CallPattern, Event, Model

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

    looks, operations, wrappers, tests: by event; tests ask whether the page is locked.
    locks: (callee, argument position) -> for which truth of its result the lock was taken, None when it always is;
    sources: callees that return a locked page.
    """

    looks: Mapping[str, Names]
    operations: Mapping[str, Names]
    wrappers: Mapping[str, Names]
    tests: Mapping[str, Names]
    locks: Mapping[tuple[str, int], bool | None]
    sources: frozenset[str]

    @property
    def locking(self) -> frozenset[tuple[str, int]]:
        """Return the calls that lock an argument, for good or for the moment."""
        return frozenset(self.locks) | _calls(self.wrappers)


def guards_of(
    model: Model, looks: Iterable[str], operations: Iterable[str], wrappers: Iterable[str], tests: Iterable[str]
) -> Guards:
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
                for position in _given(pattern):
                    locks[pattern.callee, position] = event.when.mask == NEVER_ZERO if event.conditional else None
    return Guards(
        looks=_by_name(model, looks),
        operations=_by_name(model, operations),
        wrappers=_by_name(model, wrappers),
        tests=_by_name(model, tests),
        locks=locks,
        sources=frozenset(sources),
    )


def _calls(names: Mapping[str, Names]) -> frozenset[tuple[str, int]]:
    return frozenset(call for some in names.values() for call in some.calls)


def _by_name(model: Model, names: Iterable[str]) -> dict[str, Names]:
    return {name: _names([e for e in model.events if e.name == name]) for name in names}


def _given(pattern: CallPattern) -> list[int]:
    """Return which arguments are the page itself, and no place where the callee leaves one."""
    return [position for position, argument in enumerate(pattern.arguments) if argument.kind == "subject"]


def _names(events: Iterable[Event]) -> Names:
    calls: set[tuple[str, int]] = set()
    fields: set[str] = set()
    followed: set[str] = set()
    for event in events:
        fields.update(event.compares)
        followed.update(event.follows)
        for pattern in event.calls:
            if not pattern.indirect:
                calls.update((pattern.callee, position) for position in _given(pattern))
    return Names(frozenset(calls), frozenset(fields), frozenset(followed))


@dataclass(frozen=True)
class PageWalk:
    """One page in one version of a function."""

    version: Version
    subject: Subject
    guards: Guards

    def is_page(self, expression: Expr) -> bool:
        """Tell whether an expression names the page, and nothing that the page is reached through."""
        found = self.version.subject(expression)
        if found is None or found.text == self.subject.text:
            return found is not None
        return found.is_variable and self.subject.is_variable and found.names == self.subject.names

    def is_called(self, instruction: Instruction, calls: Iterable[tuple[str, int]]) -> tuple[str, int] | None:
        """Return which of `calls` an instruction is with the page, None for none."""
        if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
            for name, position in calls:
                if name != instruction.callee.name or position >= len(instruction.arguments):
                    continue
                if self.is_page(instruction.arguments[position]):
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
        if any(self.is_page(page) for _, page in version.released(instruction)):
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
        return self.is_page(item.base.base)

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

    def operations(self) -> Iterator[tuple[Point, Instruction]]:
        """Yield the operations that are known to need the lock."""
        calls = _calls(self.guards.operations)
        followed = frozenset(f for names in self.guards.operations.values() for f in names.followed)
        for point, instruction in self.version.instructions:
            if self.is_called(instruction, calls) or self.follows(instruction, followed):
                yield point, instruction

    def wrapped(self) -> Iterator[tuple[Point, Instruction]]:
        """Yield the operations that take the lock themselves."""
        calls = _calls(self.guards.wrappers)
        for point, instruction in self.version.instructions:
            if self.is_called(instruction, calls):
                yield point, instruction

    def assertions(self) -> Iterator[Point]:
        """Yield where the function stops when the page is not locked."""
        results = {i.result for _, i in self.version.instructions if self._tests(i) and isinstance(i, Call)}
        for number, block in enumerate(self.version.function.blocks):
            end = block.terminator
            if isinstance(end, Branch) and self._asserts(end) and self._reads(end.condition, frozenset(), results):
                yield number, len(block.instructions)

    def _tests(self, instruction: Instruction) -> bool:
        return self.is_called(instruction, _calls(self.guards.tests)) is not None

    def others(self) -> Iterator[tuple[Point, Call, int]]:
        """Yield the calls with the page of functions that the model does not know, and the argument that it is."""
        known = self.version.obligations
        for point, instruction in self.version.instructions:
            if not isinstance(instruction, Call) or not isinstance(instruction.callee, Name):
                continue
            name = instruction.callee.name
            if name in known.known or name in known.same or name in known.errors or name.startswith("%"):
                continue
            for position, argument in enumerate(instruction.arguments):
                if self.is_page(argument):
                    yield point, instruction, position
                    break

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

    @property
    def points(self) -> list[Point]:
        """Return all points of the function."""
        blocks = self.version.function.blocks
        return [(number, index) for number, block in enumerate(blocks) for index in range(len(block.instructions) + 1)]

    def points_before(self, point: Point) -> set[Point]:
        """Return the points from which a path leads to a point."""
        waiting: list[Point] = [point]
        seen: set[Point] = set()
        while waiting:
            number, index = waiting.pop()
            if index > 0:
                before = [(number, index - 1)]
            else:
                blocks = [block for block, _ in self.version.predecessors.get(number, ())]
                before = [(block, len(self.version.function.blocks[block].instructions)) for block in blocks]
            waiting += (p for p in before if p not in seen)
            seen.update(before)
        return seen

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
        waiting += operands(item)


def required_of(version: Version, position: int, guards: Guards) -> tuple[bool, frozenset[tuple[str, int]]]:
    """Tell whether a function does with an argument, without locking it, what needs the lock, or asserts the lock.

    Also return what else it passes the argument to before it locks it: (callee, argument position).
    """
    if position >= len(version.function.parameters):
        return False, frozenset()
    name = version.function.parameters[position].name
    walk = PageWalk(version, Subject(name, version.group(name)), guards)
    points = [*(point for point, _ in walk.operations()), *walk.assertions()]
    if any(walk.comes_unlocked(point) for point in points):
        return True, frozenset()
    passed = ((call.callee, point, i) for point, call, i in walk.others() if walk.comes_unlocked(point))
    return False, frozenset((callee.name, i) for callee, _, i in passed if isinstance(callee, Name))
