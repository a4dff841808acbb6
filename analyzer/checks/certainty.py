"""Which sights of a piece of a function are certain, whatever the code that is not there does.

A sight rests on what happened to a page before. It is certain when everything
between the first of that and the sight is there to be read and cannot have
touched the page: calls of the model's own names on this very variable, calls
that are known to be harmless, and calls that cannot get at the page.

That a page is left locked is certain only on a return that no contract allows it
on: that of an error, or of a function without a result; and only of a page that
the piece has found itself, or that the function is seen to lock, unlock and leave
that way, now or before the patch. Else it may have come locked, was unlocked
before the piece, and is taken again for the caller.

Under-approximates on purpose: a call of an unknown function with anything but
constants ends all certainty about a page that was there before the piece.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

from analyzer.checks.shape import callee_name, copies_of, names_in
from analyzer.dataflow import Knowledge, Sight, tested_name
from analyzer.ir import (
    Assign,
    Branch,
    Call,
    Expr,
    Function,
    Havoc,
    Instruction,
    Jump,
    Name,
    Num,
    Opaque,
    Return,
    Unknown,
    successors,
)
from analyzer.rulespec.protocol import load_protocol

POINTS = frozenset({"event", "exit", "ignored"})
"""Points at which a sight can be certain at all."""

_Place = tuple[int, int]
"""Block and index in it; the terminator stands behind the last instruction."""


def certain_sights(
    sights: Iterable[Sight],
    function: Function,
    knowledge: Knowledge,
    harmless: frozenset[str] = frozenset(),
    settled: Collection[str] = (),
) -> Iterator[Sight]:
    """Yield the sights of a completed piece that hold in every function that it may be a piece of.

    harmless: callees that neither lock nor unlock a page, beside those that `knowledge` and the questions name;
    settled: variables that the function is known to unlock before it returns, see `settled_variables`.
    """
    judge = _Judge(function, knowledge, harmless)
    return (sight for sight in sights if judge.is_certain(sight, settled))


def settled_variables(function: Function, knowledge: Knowledge, facet: str) -> frozenset[str]:
    """Return the variables that are seen to be locked, then unlocked, and left so at a return (may-reach)."""
    judge = _Judge(function, knowledge)
    names = {
        a.name
        for b in function.blocks
        for c in b.instructions
        if isinstance(c, Call)
        for a in c.arguments
        if isinstance(a, Name)
    }
    return frozenset(name for name in names if judge.settles(name, facet))


class _Judge:
    def __init__(self, function: Function, knowledge: Knowledge, harmless: frozenset[str] = frozenset()) -> None:
        self.function = function
        self.knowledge = knowledge
        model = knowledge.model
        self.harmless = (
            harmless
            | load_protocol().callback.harmless
            | model.pure
            | model.stable
            | model.false_friends
            | model.transparent
            | model.warning
            | model.assertion
            | model.ignored
            | knowledge.same.keys()
            | knowledge.errors.keys()
        )
        self.before: dict[_Place, list[_Place]] = {}
        for number, block in enumerate(function.blocks):
            for index in range(len(block.instructions) + 1):
                for after in self._after((number, index)):
                    self.before.setdefault(after, []).append((number, index))

    def is_certain(self, sight: Sight, settled: Collection[str]) -> bool:
        facts = sight.facts
        if sight.point not in POINTS or not sight.subject.isidentifier() or sight.asks:
            return False
        if sight.point == "ignored":
            return True
        if facts.get("maybe-alias") or facts.get("by-callee") or facts.get("through-call") or not sight.trail:
            return False
        copies = copies_of(self.function, sight.subject, self.knowledge.same.keys())
        if sight.point == "exit" and not self._forbids_lock(sight, bool(copies.intersection(settled))):
            return False
        if not facts.get("fresh") and self._asserts(sight, copies):
            return False
        between = self._between(sight.trail[0][0], sight.at)
        return between is not None and all(
            self._is_clean(instruction, copies, bool(facts.get("fresh")), sight.facet) for instruction in between
        )

    def _forbids_lock(self, sight: Sight, settled: bool) -> bool:
        """Tell whether no contract lets the page be held at this return."""
        if sight.facts.get("collected") or not (settled or sight.facts.get("fresh")):
            return False
        returns = [
            t for t in (b.terminator for b in self.function.blocks) if isinstance(t, Return) and t.at == sight.at
        ]
        return bool(sight.facts.get("on-error")) or (settled and any(r.value is None for r in returns))

    def _asserts(self, sight: Sight, copies: frozenset[str]) -> bool:
        """Tell whether a sight rests on an attempt to lock that failed, and that gives the page back if it succeeds.

        That may be how the code makes sure that the page came locked, before it goes on to unlock it.
        """
        facet = self.knowledge.facets[self.knowledge.facet_index[sight.facet]]
        if sight.facts.get(sight.facet) in (None, facet.held, facet.free):
            return False
        at = sight.trail[-1][0]
        results = {c.result for b in self.function.blocks for c in b.instructions if isinstance(c, Call) and c.at == at}
        places = self._places(sight.at)
        for block in self.function.blocks:
            end = block.terminator
            if not isinstance(end, Branch):
                continue
            name, truth = tested_name(end.condition)
            if name not in results:
                continue
            arms = (end.true, end.false) if truth else (end.false, end.true)
            taken, refused = (_reached([(arm, -1)], self._after) for arm in arms)
            gives = any(self._moves(place, copies, sight.facet, held=False) for place in taken - refused)
            if gives and not taken.intersection(places):
                return True
        return False

    def settles(self, name: str, facet: str) -> bool:
        """Tell whether some way leads from a call that locks a variable over one that unlocks it to a return."""
        copies = copies_of(self.function, name, self.knowledge.same.keys())
        places = {
            place
            for n, b in enumerate(self.function.blocks)
            for place in ((n, i) for i in range(len(b.instructions) + 1))
        }
        takes = {place for place in places if self._moves(place, copies, facet, held=True)}
        gives = {place for place in places if self._moves(place, copies, facet, held=False)}
        given = _reached(takes, self._after) & gives
        left = _reached(given, lambda place: () if place in takes else self._after(place))
        return any(self._returns(place) for place in left)

    def _moves(self, place: _Place, copies: frozenset[str], facet: str, held: bool) -> bool:
        """Tell whether a call there always or sometimes locks (`held`), or unlocks, one of the variables."""
        number, index = place
        body = self.function.blocks[number].instructions
        call = body[index] if index < len(body) else None
        if not isinstance(call, Call) or not any(isinstance(a, Name) and a.name in copies for a in call.arguments):
            return False
        lock = self.knowledge.facets[self.knowledge.facet_index[facet]].held
        events = [event for _, event in self.knowledge.events.get(callee_name(call), ()) if event.facet == facet]
        return any(event.to is not None and (event.to == lock) == held for event in events)

    def _returns(self, place: _Place) -> bool:
        number, index = place
        block = self.function.blocks[number]
        return index == len(block.instructions) and isinstance(block.terminator, Return)

    def _is_clean(self, instruction: Instruction, copies: frozenset[str], fresh: bool, facet: str) -> bool:
        """Tell whether an instruction on the way cannot have touched the page, or did so by a name of the model."""
        if isinstance(instruction, Unknown):
            return False
        if isinstance(instruction, Havoc):
            return True
        if isinstance(instruction, Assign):
            return isinstance(instruction.target, Name) or not names_in(instruction.value) & copies
        name = callee_name(instruction)
        events = [event for _, event in self.knowledge.events.get(name, ()) if event.facet == facet]
        if events:
            held = self.knowledge.facets[self.knowledge.facet_index[facet]].held
            own = any(isinstance(a, Name) and a.name in copies for a in instruction.arguments)
            return own or all(event.to == held for event in events)
        if name in self.knowledge.events or name in self.harmless:
            return True
        if instruction.implicit or not name:
            return False
        if fresh:
            return not any(names_in(argument) & copies for argument in instruction.arguments)
        return all(map(_is_constant, instruction.arguments))

    def _between(self, origin: int, end: int) -> list[Instruction] | None:
        """Return the instructions that may run after those at `origin` and before those at `end`; None without any."""
        starts, ends = self._places(origin), self._places(end)
        if not starts or not ends:
            return None
        forward = _reached(starts, self._after)
        backward = _reached(ends, lambda place: self.before.get(place, []))
        return [i for i in self._instructions(forward & backward) if i.at not in (origin, end)]

    def _places(self, at: int) -> list[_Place]:
        return [
            (number, index)
            for number, block in enumerate(self.function.blocks)
            for index, instruction in enumerate((*block.instructions, block.terminator))
            if not isinstance(instruction, Jump) and instruction.at == at
        ]

    def _instructions(self, places: Iterable[_Place]) -> list[Instruction]:
        blocks = self.function.blocks
        return [blocks[n].instructions[i] for n, i in sorted(places) if i < len(blocks[n].instructions)]

    def _after(self, place: _Place) -> list[_Place]:
        number, index = place
        block = self.function.blocks[number]
        if index < len(block.instructions):
            return [(number, index + 1)]
        return [(successor, 0) for successor in successors(block.terminator)]


def _reached(starts: Iterable[_Place], step: Callable[[_Place], Iterable[_Place]]) -> set[_Place]:
    """Return what one or more steps lead to."""
    seen: set[_Place] = set()
    work = deque(starts)
    while work:
        for place in step(work.popleft()):
            if place not in seen:
                seen.add(place)
                work.append(place)
    return seen


def _is_constant(argument: Expr) -> bool:
    return isinstance(argument, Num | Opaque) or (isinstance(argument, Name) and argument.name.isupper())
