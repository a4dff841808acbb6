"""Questions about sleeping for a page where nothing may sleep.

A section begins with a spinlock, a page table lock, RCU, or with preemption or
interrupts off. What is open at a call is found forwards over all paths: only a
section that is open on every path counts (a must analysis; Kildall 1973).

Under-approximates: a section that the caller opened, one that a function opens
for its caller, locks whose result tells whether they were taken (spin_trylock), and
look-ups that only sleep with a flag are not seen. A section is taken to be closed by
a call that gets the lock or what it lies in (not what is only read from there), by a
function of this file that closes sections of the kind, itself or in what it calls,
and by any other whose name says that it unlocks something.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property

from analyzer.checks.shape import FileShape, callee_name, calls_of, names_in
from analyzer.dataflow import tested_expression
from analyzer.findings import Finding
from analyzer.ir import (
    Addr,
    Assign,
    Branch,
    Call,
    Deref,
    Field,
    Function,
    Index,
    Instruction,
    Jump,
    Name,
    Terminator,
    Unknown,
    show,
    successors,
)
from analyzer.rulespec.protocol import AtomicSection, AtomicWords, load_protocol

Section = tuple[int, str]
"""A section that is open: the number of its kind, and its lock in C's words, or the call that opened it."""

Open = Mapping[Section, frozenset[str]]
"""The sections that are open, each with the names and places that may lead to its lock."""


def sleeping_functions(callees: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the functions of a file that open a section and may sleep for a page, with those that do it for them.

    callees: the names that each function's text calls. One level of calls only.
    """
    words = load_protocol().atomic
    opening = _opening(words).keys()
    sleeping = frozenset(name for name, called in callees.items() if called & words.sleeps)
    found = frozenset(
        name for name, called in callees.items() if called & opening and (name in sleeping or called & sleeping)
    )
    return found | frozenset[str]().union(*(callees[name] & sleeping for name in found))


def atomic_findings(shape: FileShape) -> Iterator[Finding]:
    """Yield the calls that sleep for a page where a section is open."""
    walk = _Walk(shape)
    for function in shape.variants():
        if any(callee_name(call) in walk.opening for _, call in calls_of(function)):
            for call, lock in walk.sleeping_calls(function):
                yield from shape.finding(
                    "page-lock-in-atomic", call.at, function.name, walk.page_of(call), lock=_readable(lock, "a lock")
                )


class _Walk:
    """Walks over the functions of one file."""

    def __init__(self, shape: FileShape) -> None:
        self.shape = shape
        self.words = shape.protocol.atomic
        self.opening = _opening(self.words)

    @cached_property
    def _sleeping(self) -> Mapping[str, int]:
        """Return the functions that sleep for a page, with the position of the page among the arguments, or -1."""
        found = dict.fromkeys(self.words.sleeps, -1)
        for event in self.shape.model.events:
            if event.name in self.words.events and not event.conditional:
                found |= {p.callee: min(p.subject_positions, default=-1) for p in event.calls if not p.indirect}
        return found

    @cached_property
    def _harmless(self) -> frozenset[str]:
        """Return the functions that leave sections as they are, whatever they are given."""
        pages = self.shape.callees_of("unlock") | {p.callee for p in self.shape.model.same}
        return self.words.neutral | pages

    @cached_property
    def _closers(self) -> Mapping[str, frozenset[int]]:
        """Return the kinds of sections that functions of this file close, themselves or in what they call."""
        callees = self.shape.callees
        found = {name: self._closed_by_name(called) for name, called in callees.items()}
        changed = True
        while changed:
            changed = False
            for name, called in callees.items():
                more = found[name].union(*(found[other] for other in called if other in found))
                changed = changed or more != found[name]
                found[name] = more
        return found

    def _closed_by_name(self, called: frozenset[str]) -> frozenset[int]:
        return frozenset(i for i, kind in enumerate(self.words.sections) if called & kind.leave)

    def sleeping_calls(self, function: Function) -> Iterator[tuple[Call, str]]:
        """Yield the calls that sleep in an open section, with the words for its lock."""
        for number, opened in self._entries(function).items():
            state = opened
            for instruction in function.blocks[number].instructions:
                if isinstance(instruction, Call) and state and self._sleeps(instruction):
                    yield instruction, min(state)[1]
                state = self._after(state, instruction)

    def page_of(self, call: Call) -> str:
        """Return the words for the page that a call sleeps for."""
        position = self._sleeping.get(callee_name(call), 0)
        page = show(call.arguments[position]) if 0 <= position < len(call.arguments) else ""
        return _readable(page, "a page")

    def _entries(self, function: Function) -> dict[int, Open]:
        """Return what is open on every path to each block that can be reached."""
        entries: dict[int, Open] = {0: {}}
        waiting = deque([0])
        while waiting:
            number = waiting.popleft()
            block = function.blocks[number]
            state = entries[number]
            for instruction in block.instructions:
                state = self._after(state, instruction)
            for target in successors(block.terminator):
                arriving = _tested(state, block.terminator, target)
                known = entries.get(target)
                joined = arriving if known is None else _join(known, arriving)
                if joined != known:
                    entries[target] = joined
                    waiting.append(target)
        return entries

    def _after(self, state: Open, instruction: Instruction) -> Open:
        if isinstance(instruction, Unknown):
            return {}
        if isinstance(instruction, Assign):
            return _renamed(state, instruction)
        return self._after_call(state, instruction) if isinstance(instruction, Call) else state

    def _after_call(self, state: Open, call: Call) -> Open:
        opened = self.opening.get(callee_name(call))
        if opened is not None:
            return {**state, **_section(call, *opened)}
        if not state or callee_name(call) in self._harmless:
            return state
        kinds = self._closed_by(callee_name(call))
        given = frozenset(show(argument) for argument in call.arguments)
        if kinds:
            exact = {kind for kind, lock in state if lock in given}
            return {
                (kind, lock): names
                for (kind, lock), names in state.items()
                if kind not in kinds or (kind in exact and lock not in given)
            }
        given |= frozenset[str]().union(
            *(names_in(a) for a in call.arguments if not isinstance(a, Field | Deref | Index))
        )
        return {section: names for section, names in state.items() if section[1] not in given and not names & given}

    def _closed_by(self, name: str) -> frozenset[int]:
        """Return the kinds of sections that a call of a function closes."""
        own = self._closed_by_name(frozenset({name})) | self._closers.get(name, frozenset())
        if not own and self.words.leave_word in name:
            return frozenset(range(len(self.words.sections)))
        return own

    def _sleeps(self, call: Call) -> bool:
        """Tell whether a call sleeps for a page, or of a function of this file that does so before any other call."""
        name = callee_name(call)
        return name in self._sleeping or any(map(self._begins_with_sleep, self.shape.functions.get(name, ())))

    def _begins_with_sleep(self, function: Function) -> bool:
        number, seen = 0, set[int]()
        while number not in seen:
            seen.add(number)
            block = function.blocks[number]
            calls = [i for i in block.instructions if isinstance(i, Call) and callee_name(i) not in self._harmless]
            if calls or not isinstance(block.terminator, Jump):
                return bool(calls) and callee_name(calls[0]) in self._sleeping
            number = block.terminator.to
        return False


def _opening(words: AtomicWords) -> Mapping[str, tuple[int, AtomicSection]]:
    """Return the functions that open a section, and of which kind."""
    return {name: (i, kind) for i, kind in enumerate(words.sections) for name in kind.enter}


def _section(call: Call, kind: int, section: AtomicSection) -> dict[Section, frozenset[str]]:
    """Return the section that a call opens."""
    locked = call.arguments[section.lock] if 0 <= section.lock < len(call.arguments) else None
    left = frozenset[str]().union(*(names_in(a) for a in call.arguments if isinstance(a, Addr) and locked is None))
    lock = show(locked) if locked is not None else f"{callee_name(call)}()"
    return {(kind, lock): names_in(locked) | left | {call.result}}


def _renamed(state: Open, assign: Assign) -> Open:
    """Return the sections with the name or place that now leads to the lock of one too."""
    source, target = show(assign.value), assign.target
    if not any(source in names or source == lock for (_, lock), names in state.items()):
        return state
    more = names_in(target) | {show(target)}
    return {
        (k, lock): names | more if source in names or source == lock else names for (k, lock), names in state.items()
    }


def _tested(state: Open, terminator: Terminator, target: int) -> Open:
    """Return what is open behind a branch: a section whose own result is NULL was not opened."""
    if not state or not isinstance(terminator, Branch) or terminator.true == terminator.false:
        return state
    expression, truth = tested_expression(terminator.condition)
    failed = terminator.false if truth else terminator.true
    if target != failed or not isinstance(expression, Name | Field):
        return state
    return {section: names for section, names in state.items() if show(expression) not in names}


def _join(left: Open, right: Open) -> Open:
    return {section: left[section] | right[section] for section in left.keys() & right.keys()}


def _readable(text: str, otherwise: str) -> str:
    """Return C's words, or other ones when they are about a temporary or missing."""
    return otherwise if "%" in text or not text else text
