"""A state of page and contexts packed into one integer, and edges compiled to act on it.

Each program counter, flag, local bit, list, lock holder and the reference
count is a bit field of the integer. A guard is then a mask and a value, an
effect is a mask and new bits, and states hash and compare fast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from analyzer.interleave.automaton import Atom, Context, Edge, Op
from analyzer.interleave.page import Invariant, Page
from analyzer.source import RuleError

Field = TypeVar("Field")


class Code(IntEnum):
    """What one compiled instruction does with the state and its two operands."""

    EQUAL = 0
    """Disabled unless `state & first == second`."""
    DIFFERENT = 1
    """Disabled if `state & first == second`."""
    ASSIGN = 2
    """`state & first | second`."""
    GET = 3
    """Count up; cut off at the bound."""
    PUT = 4
    """Count down, stay at zero; reaching zero frees the page."""
    CHECK = 5
    """Invariant number `second` is broken if all conditions of set number `first` hold."""


Condition = tuple[int, int, bool]
"""Mask, value, and whether the masked state must equal the value or differ from it."""

Instruction = tuple[Code, int, int]


@dataclass(frozen=True, slots=True)
class CompiledEdge:
    """Edge `number` of the context number `context`, enabled only if `state & mask == value` and its guards hold."""

    context: int
    number: int
    edge: Edge
    mask: int
    value: int
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Encoding:
    """The compiled contexts and where the fields lie.

    `edges[i][pc]` are the edges of context i out of its program counter pc,
    which `pc_shift[i]` and `pc_mask[i]` extract from a state.
    """

    initial: int
    pc_shift: tuple[int, ...]
    pc_mask: tuple[int, ...]
    edges: tuple[tuple[tuple[CompiledEdge, ...], ...], ...]
    reference_mask: int
    reference_unit: int
    reference_limit: int
    free_keep: int
    free_set: int
    conditions: tuple[tuple[Condition, ...], ...]


class _Layout:
    """Hands out bit fields from the low end."""

    def __init__(self) -> None:
        self._used = 0

    def field(self, largest: int) -> tuple[int, int]:
        """Return shift and mask (in place) of a new field for the values 0..largest."""
        width = max(1, largest.bit_length())
        shift = self._used
        self._used += width
        return shift, ((1 << width) - 1) << shift


def encode(page: Page, contexts: Sequence[Context], invariants: Sequence[Invariant]) -> Encoding:
    """Return the initial state and the compiled edges.

    Raises RuleError if an atom or an invariant names a flag, lock or list that
    the page does not have, if the page names one twice or starts without a
    reference, or if there is no context. Nodes must be numbered from 0.
    """
    return _Encoder(page, contexts, invariants).encode()


class _Encoder:
    def __init__(self, page: Page, contexts: Sequence[Context], invariants: Sequence[Invariant]) -> None:
        if not contexts:
            raise RuleError("a search needs at least one context")
        if not 0 < page.references <= page.max_references:
            raise RuleError("the page must start with a reference, and no more than max_references")
        names = [*(flag.name for flag in page.flags), page.lock, *page.other_locks, *page.lists]
        for name in names:
            if names.count(name) > 1:
                raise RuleError(f"the page has more than one flag, lock or list called {name!r}")
        self._page = page
        self._contexts = contexts
        self._invariants = invariants
        self._conditions: list[tuple[Condition, ...]] = []
        layout = _Layout()
        self._pc = [layout.field(max(context.nodes)) for context in contexts]
        self._local = [{name: layout.field(1)[1] for name in _local_names(context)} for context in contexts]
        self._flag = {flag.name: layout.field(1)[1] for flag in page.flags}
        self._owned = layout.field(1)[1]
        self._own_list = [layout.field(1)[1] for _ in contexts]
        self._list = {name: layout.field(1)[1] for name in page.lists}
        self._lock = {name: layout.field(len(contexts)) for name in (page.lock, *page.other_locks)}
        shift, self._reference_mask = layout.field(page.max_references)
        self._reference_unit = 1 << shift
        self._any_list = sum(self._own_list) + sum(self._list.values())

    def encode(self) -> Encoding:
        page = self._page
        initial = self._owned + page.references * self._reference_unit
        free_keep, free_set = -1, 0
        for flag in page.flags:
            mask = self._flag[flag.name]
            if flag.initial:
                initial |= mask
            if flag.after_free is not None:
                free_keep &= ~mask
                free_set |= mask if flag.after_free else 0
        for name in page.on_lists:
            initial |= _named(self._list, name, "list")
        for (shift, _), context in zip(self._pc, self._contexts, strict=True):
            initial |= context.entry << shift
        edges = tuple(self._compile_context(index, context) for index, context in enumerate(self._contexts))
        return Encoding(
            initial=initial,
            pc_shift=tuple(shift for shift, _ in self._pc),
            pc_mask=tuple(mask >> shift for shift, mask in self._pc),
            edges=edges,
            reference_mask=self._reference_mask,
            reference_unit=self._reference_unit,
            reference_limit=page.max_references * self._reference_unit,
            free_keep=free_keep,
            free_set=free_set,
            conditions=tuple(self._conditions),
        )

    def _compile_context(self, index: int, context: Context) -> tuple[tuple[CompiledEdge, ...], ...]:
        compiled: list[list[CompiledEdge]] = [[] for _ in range(max(context.nodes) + 1)]
        for number, edge in enumerate(context.edges):
            compiled[edge.source].append(self._compile_edge(index, number, edge))
        return tuple(tuple(edges) for edges in compiled)

    def _compile_edge(self, index: int, number: int, edge: Edge) -> CompiledEdge:
        instructions: list[Instruction] = []
        for atom in edge.atoms:
            instructions.extend(self._checks(index, atom))
            instructions.extend(self._compile_atom(index, atom))
        mask = value = 0
        while instructions and instructions[0][0] is Code.EQUAL:
            _, more, wanted = instructions[0]
            if (mask & more) and (value ^ wanted) & mask & more:
                break
            mask, value = mask | more, value | wanted
            del instructions[0]
        shift, pc_mask = self._pc[index]
        instructions.append((Code.ASSIGN, ~pc_mask, edge.target << shift))
        return CompiledEdge(index, number, edge, mask, value, tuple(instructions))

    def _checks(self, index: int, atom: Atom) -> list[Instruction]:
        checks: list[Instruction] = []
        for number, invariant in enumerate(self._invariants):
            if any(trigger.matches(atom) for trigger in invariant.triggers):
                conditions = tuple(self._condition(index, guard, about=atom) for guard in invariant.broken_if)
                checks.append((Code.CHECK, len(self._conditions), number))
                self._conditions.append(conditions)
        return checks

    def _compile_atom(self, index: int, atom: Atom) -> list[Instruction]:
        match atom.op:
            case Op.ACQUIRE:
                shift, mask = _named(self._lock, atom.name, "lock")
                return [(Code.EQUAL, mask, 0), (Code.ASSIGN, ~mask, index + 1 << shift)]
            case Op.RELEASE:
                return [_write(_named(self._lock, atom.name, "lock")[1], False)]
            case Op.SET_FLAG:
                return [_write(_named(self._flag, atom.name, "flag"), atom.value)]
            case Op.SET_LOCAL:
                return [_write(self._local[index][atom.name], atom.value)]
            case Op.GET:
                return [(Code.GET, 0, 0)]
            case Op.PUT:
                return [(Code.PUT, 0, 0)]
            case Op.LIST_ADD | Op.LIST_DEL:
                mask = _named(self._list, atom.name, "list") if atom.name else self._own_list[index]
                return [_write(mask, atom.op is Op.LIST_ADD)]
            case Op.DISOWN:
                return [_write(self._owned, False)]
            case Op.CALLBACK:
                return []
            case _:
                mask, value, equal = self._condition(index, atom, about=atom)
                return [(Code.EQUAL if equal else Code.DIFFERENT, mask, value)]

    def _condition(self, index: int, atom: Atom, about: Atom) -> Condition:
        """Return the test that a guard makes; a lock without a name is that of the atom `about`."""
        match atom.op:
            case Op.FLAG_IS:
                mask = _named(self._flag, atom.name, "flag")
                return mask, mask if atom.value else 0, True
            case Op.LOCAL_IS:
                mask = self._local[index].get(atom.name, 0)
                if not mask:
                    raise RuleError(f"an invariant cannot ask about the local bit {atom.name!r}")
                return mask, mask if atom.value else 0, True
            case Op.OWNED_IS:
                return self._owned, self._owned if atom.value else 0, True
            case Op.LOCK_HELD_IS:
                _, mask = _named(self._lock, atom.name or about.name, "lock")
                return mask, 0, not atom.value
            case Op.HOLDS_IS:
                shift, mask = _named(self._lock, atom.name or about.name, "lock")
                return mask, index + 1 << shift, atom.value
            case Op.REFERENCED_IS:
                return self._reference_mask, 0, not atom.value
            case _:
                mask = _named(self._list, atom.name, "list") if atom.name else self._any_list
                return mask, 0, not atom.value


def _named(table: dict[str, Field], name: str, kind: str) -> Field:
    if name not in table:
        raise RuleError(f"the page has no {kind} called {name!r}")
    return table[name]


def _write(mask: int, value: bool) -> Instruction:
    return Code.ASSIGN, ~mask, mask if value else 0


def _local_names(context: Context) -> list[str]:
    names = {atom.name for edge in context.edges for atom in edge.atoms if atom.op in (Op.LOCAL_IS, Op.SET_LOCAL)}
    return sorted(names)
