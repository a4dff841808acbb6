"""Versions of a function as text of calls and names: what is a page there, and which calls release it.

No states here: a page is what the code calls it, with the other names that
assignments give it. `checks.dropped` compares two versions of a function so.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Protocol

from analyzer.dataflow import tested_name
from analyzer.ir import (
    Addr,
    Assign,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Function,
    Havoc,
    Instruction,
    Name,
    operands,
    show,
    successors,
)
from analyzer.rulespec import Model

Point = tuple[int, int]
"""Block, and the index of an instruction in it; the index behind the last one is the terminator."""


class Certainty(Enum):
    """How sure it must be that a call releases a page: it always does, or it may."""

    MUST = "must"
    MAY = "may"


class Releases(Protocol):
    """What is known of functions that the model does not name."""

    def released_by(self, call: Call, certainty: Certainty) -> Iterator[tuple[str, int]]:
        """Yield (facet, argument position) of what a call releases."""


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

    @property
    def is_variable(self) -> bool:
        """Tell whether it is a variable, and no expression."""
        return self.text in self.names


def _arguments(instruction: Instruction, table: Mapping[str, frozenset[tuple[str, int]]]) -> Iterator[tuple[str, Expr]]:
    """Yield (facet, argument) of a call that is in a table of (facet, position)."""
    if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
        for facet, position in sorted(table.get(instruction.callee.name, ())):
            if position < len(instruction.arguments):
                yield facet, instruction.arguments[position]


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
    """One version of a function; `line_of` gives the line of an offset.

    others: what is known of calls that the model does not name; certainty: how sure their releases must be.
    """

    function: Function
    line_of: Callable[[int], int]
    obligations: Obligations
    others: Releases | None = None
    certainty: Certainty = Certainty.MUST
    origins: dict[str, Expr] = field(default_factory=dict)
    errors: dict[str, Expr] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    called: dict[str, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find what temporaries stand for, and the variables that are one page."""
        for _, instruction in self.instructions:
            if isinstance(instruction, Call) and isinstance(instruction.callee, Name):
                self.called[instruction.result] = instruction
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
            else:
                stack += operands(item)
        return frozenset(found)

    def is_asked(self, end: Branch, subject: Subject) -> bool:
        """Tell whether a condition looks at the page."""
        temporaries = {end.condition.name} if isinstance(end.condition, Name) else set()
        name, _ = tested_name(end.condition)
        arguments = [a for n in temporaries | {name} if n in self.called for a in self.called[n].arguments]
        return any(self.names_in(e) & subject.names for e in (end.condition, *arguments))

    def subject(self, expression: Expr) -> Subject | None:
        """Return the page that an expression names, None for what no variable is part of."""
        expression = self.resolved(expression)
        if isinstance(expression, Name):
            return None if expression.name.startswith("%") else Subject(expression.name, self.group(expression.name))
        names = self.names_in(expression)
        return Subject(show(expression), names) if names and not any(n.startswith("%") for n in names) else None

    @cached_property
    def variables(self) -> frozenset[str]:
        """Return the function's parameters and local variables."""
        return frozenset({p.name for p in self.function.parameters} | set(self.function.locals))

    def twin(self, subject: Subject, other: "Version") -> Subject | None:
        """Return a page of this version in another one, None where a name in it is not there any more."""
        if not subject.is_variable:
            return subject if subject.names & self.variables <= other.variables else None
        return Subject(subject.text, other.group(subject.text)) if subject.text in other.variables else None

    def is_subject(self, expression: Expr, subject: Subject) -> bool:
        """Tell whether an expression names a page."""
        found = self.subject(expression)
        return found is not None and (
            found.text == subject.text or (found.is_variable and found.names == subject.names)
        )

    def releases(self, instruction: Instruction, facet: str, subject: Subject) -> bool:
        """Tell whether an instruction releases a page."""
        return any(f == facet and self.is_subject(a, subject) for f, a in self.released(instruction))

    def released(self, instruction: Instruction) -> Iterator[tuple[str, Expr]]:
        """Yield (facet, page) of what an instruction releases."""
        yield from _arguments(instruction, self.obligations.releases)
        if self.others is not None and isinstance(instruction, Call):
            for facet, position in self.others.released_by(instruction, self.certainty):
                yield facet, instruction.arguments[position]

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
        return bool(subject.names & parameters) and subject.names <= self.variables

    def is_declared(self, subject: Subject) -> bool:
        """Tell whether a local variable is the page's, or the list's, from its declaration on."""
        return not subject.is_variable and not any(self.defines(i, subject) for _, i in self.instructions)

    def excludes(self, end: Branch, truth: bool, subject: Subject) -> bool:
        """Tell whether there is no page when a condition is true (or false)."""
        name, holds = tested_name(end.condition)
        if name in self.errors:
            return self.is_subject(self.errors[name], subject) and truth == holds
        return bool(name) and self.is_subject(Name(name), subject) and truth != holds


def _is_same_field(expression: Expr, fields: frozenset[str]) -> bool:
    return isinstance(expression, Field) and expression.name in fields and isinstance(expression.base, Deref)


def _object_of(expression: Expr) -> Expr:
    """Return the pointer through which a field is reached."""
    while isinstance(expression, Field | Deref):
        expression = expression.base
    return expression
