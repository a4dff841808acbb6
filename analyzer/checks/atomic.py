"""Questions about sleeping for the lock of a page where nothing may sleep.

A section begins with a spinlock, a page table lock, RCU, or with preemption or
interrupts off. What holds at a call is found forwards over all paths: only a
section that is open on every path counts (a must analysis; Kildall 1973).

Under-approximates: a section that the caller opened, one that a function opens
for its caller, and locks whose result tells whether they were taken (spin_trylock)
are not seen. A section is taken to be closed by a call that gets the lock or what
it lies in (not what is only read from there), and by any function of this file that
closes sections of the kind.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analyzer.checks.shape import FileShape, callee_name, calls_of, names_in
from analyzer.dataflow import tested_name
from analyzer.findings import Finding
from analyzer.ir import Assign, Branch, Call, Deref, Field, Function, Index, Jump, Name, Unknown, show, successors
from analyzer.rulespec.protocol import AtomicSection, AtomicWords

Section = tuple[int, str]
"""A section that is open: the number of its kind, and its lock in C's words ("" where there is none)."""

Open = Mapping[Section, frozenset[str]]
"""The sections that are open, each with the names that it has to do with."""


def atomic_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield the calls that sleep for a page where a section is open."""
    walks = _Walks(shape)
    for function in shape.variants():
        if any(walks.opened_by(callee_name(call)) is not None for _, call in calls_of(function)):
            for call, lock in walks.sleeping_calls(function):
                subject = show(call.arguments[0]) if call.arguments else callee_name(call)
                yield from shape.finding("page-lock-in-atomic", call.at, function.name, subject, lock=lock)


@dataclass(frozen=True)
class _Walks:
    """Walks over the functions of one file."""

    shape: FileShape

    @property
    def words(self) -> AtomicWords:
        return self.shape.protocol.atomic

    def opened_by(self, name: str) -> tuple[int, AtomicSection] | None:
        """Return the kind of section that a function opens."""
        return next(((i, kind) for i, kind in enumerate(self.words.sections) if name in kind.enter), None)

    def sleeping_calls(self, function: Function) -> Iterator[tuple[Call, str]]:
        """Yield the calls that sleep in an open section, with the words for its lock."""
        for number, opened in self._entries(function).items():
            state = opened
            for instruction in function.blocks[number].instructions:
                if isinstance(instruction, Call) and state and self._sleeps(instruction):
                    kind, lock = min(state)
                    yield instruction, lock or self.words.sections[kind].noun
                state = self._after(state, instruction)

    def _entries(self, function: Function) -> dict[int, Open]:
        """Return what is open on every path to each block that can be reached."""
        entries: dict[int, Open] = {0: {}}
        waiting = deque([0])
        while waiting:
            number = waiting.popleft()
            block = function.blocks[number]
            state: Open = dict(entries[number])
            for instruction in block.instructions:
                state = self._after(state, instruction)
            for target in successors(block.terminator):
                arriving = _tested(state, block.terminator, target)
                known = entries.get(target)
                joined = arriving if known is None else _join(known, arriving)
                if known is None or joined.keys() != known.keys():
                    entries[target] = joined
                    waiting.append(target)
        return entries

    def _after(self, state: Open, instruction: object) -> Open:
        if isinstance(instruction, Unknown):
            return {}
        if isinstance(instruction, Assign) and state:
            return _renamed(state, instruction)
        return self._after_call(state, instruction) if isinstance(instruction, Call) else state

    def _after_call(self, state: Open, call: Call) -> Open:
        name = callee_name(call)
        opened = self.opened_by(name)
        if opened is not None:
            kind, section = opened
            named = call.arguments[section.lock] if 0 <= section.lock < len(call.arguments) else None
            lock = show(named) if named is not None else ""
            return {**state, (kind, lock): names_in(named) | {call.result}}
        if not state or name in self.words.neutral:
            return state
        passed = frozenset[str]().union(
            *(names_in(a) for a in call.arguments if not isinstance(a, Field | Deref | Index))
        )
        closing = {i for i, kind in enumerate(self.words.sections) if name in kind.leave or self._closes(name, i)}
        locks = {show(argument) for argument in call.arguments}
        exact = {(kind, lock) for kind, lock in state if kind in closing and lock and lock in locks}
        if exact:
            return {key: names for key, names in state.items() if key not in exact}
        return {
            (kind, lock): names
            for (kind, lock), names in state.items()
            if kind not in closing and (not lock or not names & passed)
        }

    def _closes(self, name: str, kind: int) -> bool:
        """Tell whether a function of this file has a call that closes sections of a kind, or is named like one."""
        leave = self.words.sections[kind].leave
        own = self.shape.functions.get(name, ())
        return self.words.leave_word in name or any(callee_name(c) in leave for f in own for _, c in calls_of(f))

    def _sleeps(self, call: Call) -> bool:
        """Tell whether a call sleeps for a page, or does so at once in a function of this file."""
        name = callee_name(call)
        return name in self.words.sleeps or any(map(self._begins_with_sleep, self.shape.functions.get(name, ())))

    def _begins_with_sleep(self, function: Function) -> bool:
        number, seen = 0, set[int]()
        while number not in seen:
            seen.add(number)
            block = function.blocks[number]
            for instruction in block.instructions:
                if isinstance(instruction, Call):
                    if callee_name(instruction) in self.words.sleeps:
                        return True
                    if any(callee_name(instruction) in kind.leave for kind in self.words.sections):
                        return False
            if not isinstance(block.terminator, Jump):
                return False
            number = block.terminator.to
        return False


def _renamed(state: Open, assign: Assign) -> Open:
    """Return the sections with the name that now holds one's lock too."""
    if not isinstance(assign.target, Name) or not isinstance(assign.value, Name):
        return state
    source, target = assign.value.name, assign.target.name
    return {key: names | {target} if source in names else names for key, names in state.items()}


def _tested(state: Open, terminator: object, target: int) -> Open:
    """Return what is open behind a branch: a section whose own result is NULL was not opened."""
    if not isinstance(terminator, Branch) or terminator.true == terminator.false:
        return state
    name, truth = tested_name(terminator.condition)
    failed = terminator.false if truth else terminator.true
    return {key: names for key, names in state.items() if not (name in names and target == failed)}


def _join(left: Open, right: Open) -> Open:
    return {key: left[key] | right[key] for key in left.keys() & right.keys()}
