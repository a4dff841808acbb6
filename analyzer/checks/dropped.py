"""Calls that met an obligation in one version of a function, and are gone in the next.

Where a page comes from a callee that nothing is known of, or out of an array,
no state says that it must be unlocked or put. The version before a change
does: it unlocked the page on every run that came by here, once. The paths of
the two versions are compared at points that the change leaves alone: behind a
release that it takes away, and at the arms of branches.

Over-approximates paths (conditions that exclude each other are not seen, but
tests for NULL and for error pointers). Under-approximates changes: nothing is
said when new code gets the page, keeps it, or releases another one, nor when
the change takes away what the release belonged to.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

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
    Function,
    Havoc,
    Index,
    Instruction,
    Name,
    Return,
    Stop,
    Unary,
    show,
    successors,
)
from analyzer.rulespec import Model

Point = tuple[int, int]
"""Block, and the index of an instruction in it; the index behind the last one is the terminator."""


@dataclass(frozen=True)
class Obligations:
    """What the model says of releases.

    releases: callee -> (facet, argument position) where it leaves the facet free; holders: where it leaves it held;
    takers: callee -> facets that it changes otherwise; known: all callees that the model names.
    """

    releases: Mapping[str, frozenset[tuple[str, int]]]
    holders: Mapping[str, frozenset[tuple[str, int]]]
    takers: Mapping[str, frozenset[str]]
    known: frozenset[str]
    handovers: Mapping[str, frozenset[int]]
    same: Mapping[str, int]
    same_fields: frozenset[str]
    errors: frozenset[str]


@dataclass(frozen=True)
class Subject:
    """A page as the code names it: a variable with its other names, or an expression and the variables in it."""

    text: str
    names: frozenset[str]


@dataclass(frozen=True)
class Dropped:
    """A release that is gone: of which facet and page, and the line in the new version that is reached without it."""

    facet: str
    subject: str
    line: int


def _arguments(instruction: Instruction, table: Mapping[str, frozenset[tuple[str, int]]]) -> Iterator[tuple[str, Expr]]:
    """Yield (facet, argument) of a call that is in a table of (facet, position)."""
    if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
        for facet, position in sorted(table.get(instruction.callee.name, ())):
            if position < len(instruction.arguments):
                yield facet, instruction.arguments[position]


@dataclass(frozen=True)
class _Anchor:
    """A place that both versions have: paths to it end at `begin`, and paths on from it start at `end`."""

    begin: Point
    end: Point


def obligations_of(model: Model, met_by: Mapping[str, tuple[str, ...]]) -> Obligations:
    """Return what a model says of the releases of some facets; `met_by` are further events that release, by facet."""
    free = {f.name: f.free for f in model.facets if f.name in met_by and f.free}
    held = {f.name: f.held for f in model.facets}
    releases: dict[str, set[tuple[str, int]]] = {}
    holders: dict[str, set[tuple[str, int]]] = {}
    takers: dict[str, set[str]] = {}
    for event in model.events:
        for pattern in event.calls:
            positions = [i for i, a in enumerate(pattern.arguments) if a.kind == "subject"]
            if event.facet not in free or pattern.indirect:
                continue
            if event.name in met_by[event.facet]:
                met = not event.to
            else:
                met = event.to == free[event.facet]
            if met and not event.conditional and positions:
                releases.setdefault(pattern.callee, set()).add((event.facet, positions[0]))
            elif event.to and event.to != free[event.facet]:
                takers.setdefault(pattern.callee, set()).add(event.facet)
                if event.to == held[event.facet] and positions:
                    holders.setdefault(pattern.callee, set()).add((event.facet, positions[0]))
    return Obligations(
        releases={name: frozenset(found) for name, found in releases.items()},
        holders={name: frozenset(found) for name, found in holders.items()},
        takers={name: frozenset(found - {f for f, _ in releases.get(name, ())}) for name, found in takers.items()},
        known=frozenset(pattern.callee for event in model.events for pattern in event.calls),
        handovers={p.callee: frozenset(p.subject_positions) for p in model.handovers},
        same={p.callee: p.subject_positions[0] for p in model.same},
        same_fields=model.same_fields,
        errors=frozenset(
            name for kind, names in model.error_pointers.items() if kind.startswith("is-") for name in names
        ),
    )


@dataclass
class Version:
    """One version of a function; `line_of` gives the line of an offset."""

    function: Function
    line_of: Callable[[int], int]
    obligations: Obligations
    origins: dict[str, Expr] = field(default_factory=dict)
    errors: dict[str, Expr] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find what temporaries stand for, and the variables that are one page."""
        for _, instruction in self.instructions:
            if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
                name = instruction.callee.name
                position = self.obligations.same.get(name, -1)
                if 0 <= position < len(instruction.arguments):
                    self.origins[instruction.result] = instruction.arguments[position]
                elif name in self.obligations.errors and instruction.arguments:
                    self.errors[instruction.result] = instruction.arguments[0]
            elif isinstance(instruction, Assign) and isinstance(instruction.target, Name):
                name = instruction.target.name
                if name.startswith("%"):
                    self.origins[name] = instruction.value
        targets = [i.target.name for _, i in self.instructions if isinstance(i, Assign) and isinstance(i.target, Name)]
        for _, instruction in self.instructions:
            if isinstance(instruction, Assign) and isinstance(instruction.target, Name):
                value = self.resolved(instruction.value)
                copied = value == instruction.value and targets.count(instruction.target.name) > 1
                if isinstance(value, Name) and not value.name.startswith("%") and not copied:
                    both = self.group(value.name) | self.group(instruction.target.name)
                    self.groups |= dict.fromkeys(both, both)

    @cached_property
    def instructions(self) -> tuple[tuple[Point, Instruction], ...]:
        """Return all instructions with their points."""
        return tuple(
            ((number, index), instruction)
            for number, block in enumerate(self.function.blocks)
            for index, instruction in enumerate(block.instructions)
        )

    @cached_property
    def predecessors(self) -> Mapping[int, tuple[tuple[int, bool | None], ...]]:
        """Return for each block those before it, with the truth of the condition on which they lead there."""
        found: dict[int, list[tuple[int, bool | None]]] = {}
        for number, block in enumerate(self.function.blocks):
            end = block.terminator
            for target in dict.fromkeys(successors(end)):
                truth = target == end.true if isinstance(end, Branch) and end.true != end.false else None
                found.setdefault(target, []).append((number, truth))
        return {number: tuple(before) for number, before in found.items()}

    @cached_property
    def points_by_line(self) -> Mapping[int, tuple[Point, ...]]:
        """Return the points of each line in order."""
        found: dict[int, list[Point]] = {}
        for number, block in enumerate(self.function.blocks):
            for index in range(len(block.instructions) + 1):
                line = self.line((number, index))
                if line:
                    found.setdefault(line, []).append((number, index))
        return {line: tuple(points) for line, points in found.items()}

    def line(self, point: Point) -> int:
        """Return the line of a point, 0 for a jump."""
        block = self.function.blocks[point[0]]
        if point[1] < len(block.instructions):
            return self.line_of(block.instructions[point[1]].at)
        at = getattr(block.terminator, "at", -1)
        return self.line_of(at) if at >= 0 else 0

    def group(self, name: str) -> frozenset[str]:
        """Return the variables that are assigned to each other, this one included."""
        return self.groups.get(name, frozenset({name}))

    def resolved(self, expression: Expr) -> Expr:
        """Return what an expression stands for, through temporaries and calls that give the same object."""
        for _ in range(8):
            if isinstance(expression, Name) and expression.name in self.origins:
                expression = self.origins[expression.name]
            elif isinstance(expression, Addr) and _is_same_field(expression.base, self.obligations.same_fields):
                expression = _object_of(expression.base)
            else:
                break
        return expression

    def names_in(self, expression: Expr) -> frozenset[str]:
        """Return the variables in an expression, temporaries looked through."""
        found: set[str] = set()
        stack, seen = [expression], 0
        while stack and seen < 200:
            seen += 1
            item = stack.pop()
            if isinstance(item, Name):
                if item.name in self.origins:
                    stack.append(self.origins[item.name])
                else:
                    found.add(item.name)
            elif isinstance(item, Field | Deref | Addr):
                stack.append(item.base)
            elif isinstance(item, Index):
                stack += (item.base, item.index)
            elif isinstance(item, Unary):
                stack.append(item.operand)
            elif isinstance(item, Binary):
                stack += (item.left, item.right)
        return frozenset(found)

    def subject(self, expression: Expr) -> Subject | None:
        """Return the page that an expression names, None for what no variable is part of."""
        expression = self.resolved(expression)
        if isinstance(expression, Name):
            return None if expression.name.startswith("%") else Subject(expression.name, self.group(expression.name))
        names = self.names_in(expression)
        return Subject(show(expression), names) if names and not any(n.startswith("%") for n in names) else None

    def is_subject(self, expression: Expr, subject: Subject) -> bool:
        """Tell whether an expression names a page."""
        found = self.subject(expression)
        return found is not None and (found.text == subject.text or (_plain(found) and found.names == subject.names))

    def releases(self, instruction: Instruction, facet: str, subject: Subject) -> bool:
        """Tell whether an instruction releases a page."""
        return any(f == facet and self.is_subject(a, subject) for f, a in self.released(instruction))

    def released(self, instruction: Instruction) -> Iterator[tuple[str, Expr]]:
        """Yield (facet, page) of what an instruction releases."""
        return _arguments(instruction, self.obligations.releases)

    def takes_again(self, instruction: Instruction, facet: str, subject: Subject) -> bool:
        """Tell whether an instruction takes what it can only take when it is free."""
        taken = _arguments(instruction, self.obligations.holders)
        return any(f == facet and self.is_subject(a, subject) for f, a in taken)

    def defines(self, instruction: Instruction, subject: Subject) -> bool:
        """Tell whether an instruction gives the page's name another meaning."""
        if isinstance(instruction, Call):
            return not subject.text.startswith("&") and any(
                isinstance(a, Addr) and isinstance(a.base, Name) and a.base.name in subject.names
                for a in instruction.arguments
            )
        if not isinstance(instruction, Assign | Havoc):
            return False
        target = instruction.target
        named = target.name in subject.names if isinstance(target, Name) else show(target) == subject.text
        return named and not (isinstance(instruction, Assign) and self.is_subject(instruction.value, subject))

    def gives_away(self, instruction: Instruction, subject: Subject) -> bool:
        """Tell whether an instruction puts the page where others find it, or gives it another name."""
        if isinstance(instruction, Assign):
            target = instruction.target
            kept = isinstance(target, Name) and (target.name.startswith("%") or target.name in subject.names)
            return not kept and self.is_subject(instruction.value, subject)
        if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
            positions = self.obligations.handovers.get(instruction.callee.name, frozenset())
            return any(i in positions and self.names_in(a) & subject.names for i, a in enumerate(instruction.arguments))
        return False

    def is_parameter(self, subject: Subject) -> bool:
        """Tell whether the page is there when the function is entered."""
        parameters = {p.name for p in self.function.parameters}
        return bool(subject.names & parameters) and not subject.names - parameters - set(self.function.locals)

    def is_declared(self, subject: Subject) -> bool:
        """Tell whether a local variable is the page's, or the list's, from its declaration on."""
        return not _plain(subject) and not any(self.defines(i, subject) for _, i in self.instructions)

    def excludes(self, end: Branch, truth: bool, subject: Subject) -> bool:
        """Tell whether there is no page when a condition is true (or false)."""
        name, holds = tested_name(end.condition)
        if name in self.errors:
            return self.is_subject(self.errors[name], subject) and truth == holds
        return bool(name) and self.is_subject(Name(name), subject) and truth != holds

    def ends_without(self, start: Point, facet: str, subject: Subject, loose: bool) -> bool:
        """Tell whether a path from a point comes to a return, or to another page of that name, without a release.

        loose: whether a return that passes the page to the caller, or a store where others find it, counts.
        """
        waiting, seen = [start], set()
        while waiting:
            point = waiting.pop()
            if point in seen:
                continue
            seen.add(point)
            block = self.function.blocks[point[0]]
            if point[1] < len(block.instructions):
                instruction = block.instructions[point[1]]
                away = self.gives_away(instruction, subject)
                if self.defines(instruction, subject) or self.takes_again(instruction, facet, subject):
                    return True
                if loose and away:
                    return True
                if not away and not self.releases(instruction, facet, subject):
                    waiting.append((point[0], point[1] + 1))
                continue
            end = block.terminator
            if isinstance(end, Return):
                if loose or end.value is None or not self.names_in(end.value) & subject.names:
                    return True
            elif isinstance(end, Branch):
                sides = ((end.true, True), (end.false, False))
                waiting += [(target, 0) for target, truth in sides if not self.excludes(end, truth, subject)]
            elif not isinstance(end, Stop):
                waiting += [(target, 0) for target in successors(end)]
        return False

    def begins_without(self, start: Point, facet: str, subject: Subject) -> bool:
        """Tell whether a path comes to a point from where the page was named, without a release."""
        waiting, seen = [start], set()
        while waiting:
            number, index = waiting.pop()
            if (number, index) in seen:
                continue
            seen.add((number, index))
            if index > 0:
                instruction = self.function.blocks[number].instructions[index - 1]
                if self.defines(instruction, subject):
                    return True
                if not self.releases(instruction, facet, subject):
                    waiting.append((number, index - 1))
                continue
            if number == 0 and (self.is_parameter(subject) or self.is_declared(subject)):
                return True
            for before, truth in self.predecessors.get(number, ()):
                block = self.function.blocks[before]
                end = block.terminator
                if isinstance(end, Branch) and truth is not None and self.excludes(end, truth, subject):
                    continue
                waiting.append((before, len(block.instructions)))
        return False


def dropped_releases(before: Version, after: Version, lines: Mapping[int, int]) -> Iterator[Dropped]:
    """Yield the releases that are gone in `after`, in order; `lines` maps the lines that the change leaves alone."""
    kept = frozenset(lines.values())
    released: dict[tuple[str, str], Subject] = {}
    for _, instruction in before.instructions:
        for facet, expression in before.released(instruction):
            subject = before.subject(expression)
            if subject is not None:
                released.setdefault((facet, subject.text), subject)
    for (facet, text), subject in released.items():
        twin = _twin(after, subject)
        if twin is None or _excused(before, after, facet, (subject, twin), lines, kept):
            continue
        found = None
        for old, new, always in _anchors(before, after, facet, subject, lines):
            if before.ends_without(old.end, facet, subject, loose=True) == always:
                continue
            if not after.ends_without(new.end, facet, twin, loose=not always):
                continue
            if before.begins_without(old.begin, facet, subject) and after.begins_without(new.begin, facet, twin):
                found = Dropped(facet, text, _line_from(after, new.end))
                if not always:
                    break
        if found is not None:
            yield found


def _twin(after: Version, subject: Subject) -> Subject | None:
    """Return the same page in the other version, None where its name is not there any more."""
    if not _plain(subject):
        return subject
    known = {p.name for p in after.function.parameters} | set(after.function.locals)
    return Subject(subject.text, after.group(subject.text)) if subject.text in known else None


def _excused(
    before: Version,
    after: Version,
    facet: str,
    subjects: tuple[Subject, Subject],
    lines: Mapping[int, int],
    kept: frozenset[int],
) -> bool:
    """Tell whether the change also does something that may be the answer."""
    subject, twin = subjects
    for point, instruction in before.instructions:
        if before.line(point) in lines:
            continue
        if before.defines(instruction, subject) or _takes(before, instruction, facet, subject):
            return True
    for point, instruction in after.instructions:
        if after.line(point) in kept:
            continue
        if after.gives_away(instruction, twin):
            return True
        if any(f == facet and not after.is_subject(a, twin) for f, a in after.released(instruction)):
            return True
        if isinstance(instruction, Call) and _may_release(after, instruction, twin):
            return True
    return any(
        isinstance(block.terminator, Return)
        and block.terminator.value is not None
        and after.line((number, len(block.instructions))) not in kept
        and bool(after.names_in(block.terminator.value) & twin.names)
        for number, block in enumerate(after.function.blocks)
    )


def _takes(version: Version, instruction: Instruction, facet: str, subject: Subject) -> bool:
    if not isinstance(instruction, Call) or not isinstance(instruction.callee, Name):
        return False
    taken = facet in version.obligations.takers.get(instruction.callee.name, ())
    return taken and any(version.names_in(a) & subject.names for a in instruction.arguments)


def _may_release(version: Version, call: Call, subject: Subject) -> bool:
    name = call.callee.name if isinstance(call.callee, Name) else ""
    obligations = version.obligations
    if name in obligations.known or name in obligations.same or name in obligations.errors:
        return False
    return any(version.names_in(a) & subject.names for a in call.arguments)


def _anchors(
    before: Version, after: Version, facet: str, subject: Subject, lines: Mapping[int, int]
) -> Iterator[tuple[_Anchor, _Anchor, bool]]:
    """Yield (place in the old version, in the new one, whether every old path on from there released the page).

    The arms of branches come last, from the function's start to its end: the last of them is nearest to the change.
    """
    for point, instruction in before.instructions:
        if before.line(point) not in lines and before.releases(instruction, facet, subject):
            behind = (point[0], point[1] + 1)
            next_kept = _next_kept(before, after, behind, lines)
            if next_kept is not None:
                yield _Anchor(point, behind), _Anchor(next_kept, next_kept), False
    for number, block in enumerate(before.function.blocks):
        end = block.terminator
        if not isinstance(end, Branch):
            continue
        here = (number, len(block.instructions))
        there = _same_branch(before, after, here, lines)
        if there is None:
            continue
        twin = after.function.blocks[there[0]].terminator
        if isinstance(twin, Branch):
            for truth, old, new in ((True, end.true, twin.true), (False, end.false, twin.false)):
                if not before.excludes(end, truth, subject):
                    yield _Anchor(here, (old, 0)), _Anchor(there, (new, 0)), True


def _next_kept(before: Version, after: Version, start: Point, lines: Mapping[int, int]) -> Point | None:
    """Return the point of the new version that comes next after a point of the old one."""
    waiting, seen = [start], set()
    while waiting:
        point = waiting.pop(0)
        if point in seen:
            continue
        seen.add(point)
        new = after.points_by_line.get(lines.get(before.line(point), 0), ())
        if new:
            return new[0]
        block = before.function.blocks[point[0]]
        if point[1] < len(block.instructions):
            waiting.append((point[0], point[1] + 1))
        else:
            waiting += [(target, 0) for target in successors(block.terminator)]
    return None


def _same_branch(before: Version, after: Version, point: Point, lines: Mapping[int, int]) -> Point | None:
    """Return the branch of the new version that stands where one of the old version does."""
    line = before.line(point)
    old = [p for p in before.points_by_line.get(line, ()) if _is_branch(before, p)]
    new = [p for p in after.points_by_line.get(lines.get(line, 0), ()) if _is_branch(after, p)]
    return new[old.index(point)] if len(old) == len(new) and point in old else None


def _is_branch(version: Version, point: Point) -> bool:
    block = version.function.blocks[point[0]]
    return point[1] == len(block.instructions) and isinstance(block.terminator, Branch)


def _line_from(version: Version, point: Point) -> int:
    """Return the line of a point, or of the first one after it that has one."""
    waiting, seen = [point], set()
    while waiting:
        point = waiting.pop(0)
        line = version.line(point)
        if line:
            return line
        if point not in seen:
            seen.add(point)
            block = version.function.blocks[point[0]]
            waiting += [(target, 0) for target in successors(block.terminator)]
    return version.line_of(version.function.at)


def _plain(subject: Subject) -> bool:
    return subject.text in subject.names


def _is_same_field(expression: Expr, fields: frozenset[str]) -> bool:
    return isinstance(expression, Field) and expression.name in fields and isinstance(expression.base, Deref)


def _object_of(expression: Expr) -> Expr:
    """Return the pointer through which a field is reached."""
    while isinstance(expression, Field | Deref):
        expression = expression.base
    return expression
