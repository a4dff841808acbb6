"""The path-sensitive fixpoint over one function, and the summary that comes out of it.

Each block has a set of disjuncts, one per state key. A worklist in reverse
postorder runs a block on each of its disjuncts and joins the results into the
successors. When a block has more than `MAX_DISJUNCTS`, further ones are joined
into one disjunct that is marked shaky: it keeps the analysis going, and no
finding rests on it; `Analysis.lumped` says so where it concerned a page that the
function had to give back. Before it comes to that, in a block with `CROWDED` of
them, pages that this function does not hold and the caller cannot name are forgotten.
When the fixpoint stands, every block in which something may be worth a report is run
once more on its final disjuncts, and only then is anything reported, so that no
finding comes from a state that was only passed through.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from analyzer.dataflow.ambiguity import blur_ambiguous
from analyzer.dataflow.knowledge import Knowledge
from analyzer.dataflow.liveness import fields_in
from analyzer.dataflow.observe import Sight, receivers, unwind
from analyzer.dataflow.shape import Anatomy
from analyzer.dataflow.state import ROUND, UNKNOWN, Object, State, Trail, join
from analyzer.dataflow.summary import Case, Change, Effect, Guard, Path, Summary, merge_cases
from analyzer.dataflow.transfer import Transfer, events_of, from_memory
from analyzer.dataflow.values import (
    Value,
    brought,
    built_on,
    contains,
    flag_name,
    flag_value,
    loaded_keys,
    parts,
    root,
    show_value,
)
from analyzer.ir import Assign, Block, Branch, Call, Jump, Return, Switch
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO

MAX_DISJUNCTS = 32
CROWDED = 12
"""How many disjuncts a block may have before those that come then forget the pages that are done with."""

MAX_STEPS = 12_000
MAX_FACTS = 48
MAX_PATH = 3


@dataclass(frozen=True)
class EntryState:
    """What a callback's contract says of a page: the path of the page and its facets on entry and exit."""

    path: Path
    facet: str
    entry: str
    exit: str
    operation: str
    exceptions: tuple[tuple[str, str, str], ...] = ()
    """(operator, constant, state on exit) where a result means something else; the first that holds decides."""


@dataclass
class Exit:
    """One disjunct at one return."""

    at: int
    mask: int
    constant: int | str | None
    argument: int
    bits: tuple[tuple[str, bool], ...]
    guards: tuple[Guard, ...]
    objects: dict[Value, tuple[Object, Path | None, bool]]
    state: State
    implicit: bool
    writes: tuple[tuple[Path, int | None], ...] = ()
    returned: Value | None = None


@dataclass
class Analysis:
    """The result for one function: what it does to callers, and what was seen.

    bounded: there were too many steps, and nothing is known; lumped: there were too many disjuncts, and what follows
    from some in which a page was held was not looked for.
    """

    summary: Summary
    sights: list[Sight] = field(default_factory=list)
    bounded: bool = False
    lumped: bool = False


def _class(state: State, value: Value) -> int:
    """Return the one class that a value is in, 0 when it may be in several."""
    mask = state.mask(value)
    return mask if mask in (ZERO, POSITIVE, NEGATIVE) else 0


def analyse(anatomy: Anatomy, knowledge: Knowledge, entries: tuple[EntryState, ...] = ()) -> Analysis:
    """Run one function to its fixpoint; deterministic, never raises for odd code."""
    return _Solver(anatomy, knowledge, entries).run()


class _Solver:
    def __init__(self, anatomy: Anatomy, knowledge: Knowledge, entries: tuple[EntryState, ...]) -> None:
        function = self.function = anatomy.function
        self.knowledge = knowledge
        self.entries = entries
        self.transfer = Transfer(anatomy, knowledge)
        self.live = anatomy.live
        self.constants = anatomy.constants
        self.returned = anatomy.returned
        self.inputs: list[dict[object, State]] = [{} for _ in function.blocks]
        self.taken = tuple(facet.held for facet in knowledge.facets)
        self.heads = frozenset(function.loop_heads)
        self.work: list[tuple[int, int]] = []
        self.pending: dict[int, tuple[int, object]] = {}
        self.waiting: set[tuple[int, object]] = set()
        self.serial = 0
        self.silent: set[tuple[int, object]] = set()
        """Disjuncts on which their block met nothing to report, the last time that it was run."""
        self.bounded = False
        self.lumped = False
        self.tested: dict[tuple[int, int], frozenset[object]] = {}
        self.exits: list[Exit] = []
        self.released: set[tuple[Value, int]] = self.transfer.released
        self.contract_values: dict[Value, EntryState] = {}
        self.result_bits = frozenset(
            {e.when.bit for e in knowledge.model.events}
            | {name for entry in entries for op, name, _ in entry.exceptions if op == "&"}
        )

    def run(self) -> Analysis:
        self._enter()
        steps = 0
        while self.work:
            steps += 1
            if steps > MAX_STEPS:
                self.bounded = True
                break
            _, serial = heapq.heappop(self.work)
            number, key = self.pending.pop(serial)
            self.waiting.discard((number, key))
            told = self.transfer.tells
            self._run_block(number, self.inputs[number][key].copy())
            self.silent.discard((number, key))
            if self.transfer.tells == told:
                self.silent.add((number, key))
        sights: list[Sight] = []
        if not self.bounded:
            self.transfer.report = sights.append
            for number, states in enumerate(self.inputs):
                returns = isinstance(self.function.blocks[number].terminator, Return)
                for key, state in states.items():
                    if returns or (number, key) not in self.silent:
                        self._run_block(number, state.copy(), final=True)
            sights += self._judge_exits()
        summary = self._summarise()
        return Analysis(summary, sights, self.bounded, self.lumped)

    def _enter(self) -> None:
        start = State()
        start.exclusive = sum(1 << i for i, facet in enumerate(self.knowledge.facets) if facet.exclusive)
        for entry in self.entries:
            value = self._entry_value(start, entry.path)
            if value is None:
                continue
            index = self.knowledge.facet_index[entry.facet]
            blank = self.transfer.blank
            states = (*blank[:index], entry.entry or None, *blank[index + 1 :])
            start.objects[value] = Object(states, first=blank)
            start.facts[value] = POSITIVE
            self.contract_values[value] = entry
        self.transfer.watched = frozenset(self.contract_values)
        self._add(0, start)

    def _entry_value(self, state: State, path: Path) -> Value | None:
        head, *steps = path
        if not isinstance(head, int) or head >= len(self.function.parameters):
            return None
        value: Value = ("p", self.function.parameters[head].name)
        for step in steps:
            value = ("l", value, step)
        return value

    # -- the fixpoint

    def _add(self, number: int, state: State) -> None:
        live = self.live[number]
        state.env = {name: value for name, value in state.env.items() if name in live}
        self._prune(state)
        key = self._key(state)
        states = self.inputs[number]
        known = states.get(key)
        if known is None and len(states) >= CROWDED:
            self._forget_settled(state)
            key = state.key(self.taken)
            known = states.get(key)
        if known is None:
            if len(states) >= MAX_DISJUNCTS:
                state = self._give_up(state)
                key = state.key(self.taken)
                known = states.get(key)
            if known is None:
                states[key] = state
                self._schedule(number, key)
                return
        joined, changed = join(known, state, number, self.constants)
        if changed:
            states[key] = joined
            self._schedule(number, key)

    def _key(self, state: State) -> object:
        """Return what must agree for two disjuncts to be joined.

        While a page is held, and while a contract says how one is left, that is also how the function will end, as
        far as it is known by now: `ret = -EIO; goto out` with the lock held is not `ret = 0; goto out`. Only for local
        variables that are returned as they are, and not for what comes to a crowded block.
        """
        key = state.key(self.taken)
        if self.returned and any(
            (item.acquired and not item.escaped) or value in self.contract_values
            for value, item in state.objects.items()
        ):
            ends = [(name, state.env[name]) for name in self.returned if name in state.env]
            return key, tuple((name, _class(state, end), self._returned_bits(state, end)) for name, end in ends)
        return key

    def _forget_settled(self, state: State) -> None:
        """Forget pages that the caller cannot name and for which nothing is left to do: there are too many others.

        And of those that this function holds alike and that nothing names any more, all but the first, which stands
        for them, under a name that says less: what is found of it is of less confidence. Under-approximates: what
        happens to the others later is as if they had not been met before.
        """
        named = [*state.env.values(), *state.heap.values()]
        left: dict[int, tuple[Value, Object]] = {}
        for value, item in list(state.objects.items()):
            if value in self.contract_values:
                continue
            path = self._initial_path(value)
            if path is not None and _expressible(path):
                continue
            if not item.acquired:
                del state.objects[value]
            elif not (item.escaped or brought(value) or any(contains(held, value) for held in named)):
                left.setdefault(item.acquired, (value, state.objects.pop(value)))
        for acquired, (value, item) in left.items():
            state.objects["j", -acquired, show_value(value)] = item

    def _give_up(self, state: State) -> State:
        """Return the state in which everything over the bound is lumped together."""
        self.lumped = self.lumped or (not state.shaky and any(item.acquired for item in state.objects.values()))
        state.shaky = True
        state.objects = {}
        return state

    def _schedule(self, number: int, key: object) -> None:
        if (number, key) in self.waiting:
            return
        self.waiting.add((number, key))
        self.serial += 1
        self.pending[self.serial] = (number, key)
        heapq.heappush(self.work, (number, self.serial))

    def _prune(self, state: State) -> None:
        """Forget pages that nobody can name again and that carry no obligation, and stale facts."""
        if state.objects:
            values = list(state.env.values())
            values += state.heap.values()
            for value, item in list(state.objects.items()):
                if (item.acquired and not item.escaped) or value in self.contract_values:
                    continue
                if brought(value):
                    continue
                if not any(contains(v, value) for v in values):
                    del state.objects[value]
        if len(state.facts) > MAX_FACTS:
            values = [*state.env.values(), *state.objects]
            state.facts = {
                fact: mask
                for fact, mask in state.facts.items()
                if root(fact)[0] == "p" or any(contains(fact, v) or contains(v, fact) for v in values)
            }

    def _run_block(self, number: int, state: State, final: bool = False) -> None:
        block = self.function.blocks[number]
        states = [state]
        for instruction in block.instructions:
            after: list[State] = []
            for one in states:
                after.extend(self.transfer.run(one, instruction))
            states = after[: 2 * MAX_DISJUNCTS]
            if over := list(map(self._give_up, after[2 * MAX_DISJUNCTS :])):
                states.append(over[0])
            if not states:
                return
        for one in states:
            self._leave(number, block, one, final)

    def _leave(self, number: int, block: Block, state: State, final: bool) -> None:
        terminator = block.terminator
        if isinstance(terminator, Jump):
            self._edge(number, terminator.to, state, final)
        elif isinstance(terminator, Branch):
            value = self.transfer.value(state, terminator.condition)
            self.transfer.at = terminator.at
            self._watch_test(state, value)
            self._compare(state, value)
            self.transfer.doubt(state, value)
            self.transfer.follow(state, terminator.condition)
            for target, truth in ((terminator.true, True), (terminator.false, False)):
                after = state.copy()
                if after.assume(value, truth):
                    self._edge(number, target, after, final)
        elif isinstance(terminator, Switch):
            self._switch(number, terminator, state, final)
        elif isinstance(terminator, Return) and final:
            self._record_exit(terminator, state)

    def _switch(self, number: int, terminator: Switch, state: State, final: bool) -> None:
        value = self.transfer.value(state, terminator.value)
        rest = state
        for low, high, target in terminator.cases:
            constant = self.transfer.value(state, low)
            after = rest.copy()
            if high is not None or after.assume(("o", "==", value, constant), True):
                self._edge(number, target, after, final)
            if high is None:
                rest = rest.copy()
                if not rest.assume(("o", "==", value, constant), False):
                    return
        self._edge(number, terminator.default, rest, final)

    def _edge(self, source: int, target: int, state: State, final: bool) -> None:
        if final:
            return
        if target <= source and target in self.heads:
            self._go_round(target, source, state)
        self._add(target, state)

    def _go_round(self, head: int, last: int, state: State) -> None:
        """Leave a loop's round.

        Memory that the loop itself tests may be written by then: what was read of it is forgotten, or
        a loop that waits would never end. Values that the head's joins stand for get a new meaning.
        """
        tested = self._tested_fields(head, last)
        for fact in [f for f in state.facts if f not in state.objects and loaded_keys(f) & tested]:
            del state.facts[fact]
        for value, item in state.objects.items():
            if item.trail is not None and item.trail.event != ROUND:
                state.objects[value] = item._replace(trail=Trail(item.trail, item.trail.at, "", ROUND))
        used = {p for v in (*state.objects, *state.env.values(), *state.heap.values()) for p in parts(v) if p[0] == "j"}
        for name in sorted(state.env):
            merged: Value = ("j", head, name)
            if merged in used and state.env[name] != merged:
                self.transfer.retire(state, merged)

    def _tested_fields(self, head: int, last: int) -> frozenset[object]:
        """Return the fields that conditions between a loop's head and its last block look at."""
        known = self.tested.get((head, last))
        if known is None:
            found: set[object] = set()
            for block in self.function.blocks[head : last + 1]:
                if isinstance(block.terminator, Branch):
                    found |= fields_in(block.terminator.condition)
                for instruction in block.instructions:
                    if isinstance(instruction, Assign):
                        found |= fields_in(instruction.target)
            known = self.tested[(head, last)] = frozenset(found)
        return known

    # -- sights that are not events

    def _watch_test(self, state: State, value: Value) -> None:
        """See a test of a call's result for something that this call never returns."""
        while value[0] == "o" and value[1] == "!":
            value = value[2]
        kind = "null"
        if value[0] == "o" and value[1] in ("is-err", "is-err-or-null"):
            kind = "error" if value[1] == "is-err" else "either"
            value = value[2]
        elif value[0] == "o" and value[1] in ("==", "!=") and value[3] == ("c", 0):
            value = value[2]
        if value[0] != "r":
            return
        self.transfer.tells += 1
        if self.transfer.report is None or state.shaky:
            return
        mask = state.mask(value)
        possible = self._result_mask(value)
        misread = (kind == "null" and not possible & ZERO and possible & NEGATIVE and mask & NEGATIVE) or (
            kind == "error" and not possible & NEGATIVE and mask & ZERO
        )
        if misread:
            item = self.transfer.object(state, value)
            self.transfer._sight("misread", "", state, value, item, note=kind)

    def _result_mask(self, value: Value) -> int:
        for block in self.function.blocks:
            for instruction in block.instructions:
                if isinstance(instruction, Call) and ("r", instruction.at) == value:
                    return self.knowledge.result_masks.get(getattr(instruction.callee, "name", ""), ANY)
        return ANY

    def _compare(self, state: State, value: Value) -> None:
        """Let comparisons of a field be events (`page->mapping != mapping`)."""
        if value[0] == "l":
            for event in self.knowledge.compares.get(value[2], ()):
                self.transfer.apply(
                    state,
                    value[1],
                    event.facet,
                    event.name,
                    event.requires,
                    event.to,
                    event.only_from,
                )
        elif value[0] == "o":
            for operand in value[2:]:
                if isinstance(operand, tuple) and operand:
                    self._compare(state, operand)

    # -- exits

    def _record_exit(self, terminator: Return, state: State) -> None:
        transfer = self.transfer
        returned: Value | None = None
        mask, constant, argument = ANY, None, -1
        bits: tuple[tuple[str, bool], ...] = ()
        if terminator.value is not None:
            transfer.at = terminator.at
            transfer.follow(state, terminator.value)
            returned = transfer.value(state, terminator.value)
            mask = state.mask(returned)
            if returned[0] in ("c", "k"):
                constant = returned[1]
            elif returned[0] == "p" and returned[1] in transfer.parameters:
                argument = transfer.parameters[str(returned[1])]
            bits = self._returned_bits(state, returned)
        objects = {}
        for value, item in state.objects.items():
            path, stored = self._path(state, value, returned)
            objects[value] = (item, path, stored)
        self.exits.append(
            Exit(
                terminator.at,
                mask,
                constant,
                argument,
                bits,
                self._guards(state),
                objects,
                state,
                terminator.implicit,
                self._writes(state, {p for _, p, stored in objects.values() if p is not None and not stored}),
                returned,
            )
        )

    def _writes(self, state: State, touched: set[Path]) -> tuple[tuple[Path, int | None], ...]:
        """Return what was stored at what parameters point to, and over the names of pages that were touched."""
        found: list[tuple[Path, int | None]] = []
        for (base, key), value in state.heap.items():
            prefix = self._initial_path(base)
            if prefix is None or not isinstance(key, str) or value in state.objects:
                continue
            path = (*prefix, key)
            number = int(value[1]) if value[0] == "c" else state.truth(value)
            if (path in touched or (key == "*" and number is not None)) and _expressible(path):
                found.append((path, number))
        return tuple(sorted(found, key=repr))

    def _returned_bits(self, state: State, returned: Value) -> tuple[tuple[str, bool], ...]:
        """Return which named bits that the model or a contract asks about are set in the result."""
        wanted = set(self.result_bits)
        for fact in state.facts:
            if fact[0] == "o" and fact[1] == "&" and fact[2] == returned:
                wanted.add(flag_name(fact[3]))
        known = [(bit, state.bit(returned, flag_value(bit))) for bit in sorted(wanted - {""})]
        return tuple((bit, truth) for bit, truth in known if truth is not None)

    def _guards(self, state: State) -> tuple[Guard, ...]:
        found = []
        for value, mask in state.facts.items():
            if value[0] == "p" and mask != ANY:
                found.append(Guard(self.transfer.parameters.get(str(value[1]), -1), mask))
            elif value[0] == "o" and value[1] == "&" and value[2][0] == "p" and value[3][0] == "k":
                number = self.transfer.parameters.get(str(value[2][1]), -1)
                if mask in (ZERO, POSITIVE | NEGATIVE):
                    found.append(Guard(number, mask, str(value[3][1])))
            elif value[0] == "o" and value[1] == "==" and value[2][0] == "p" and value[3][0] in ("c", "k"):
                number = self.transfer.parameters.get(str(value[2][1]), -1)
                found.append(Guard(number, mask, equals=value[3][1]))
        return tuple(sorted((g for g in found if g.parameter >= 0), key=repr))

    def _path(self, state: State, value: Value, returned: Value | None) -> tuple[Path | None, bool]:
        """Return how the caller can name a page after the return, and whether this function stored it there."""
        direct = self._initial_path(value)
        if direct is not None:
            return direct, False
        if returned is not None and built_on(returned, value):
            return ("ret",), False
        for (base, key), held in sorted(state.heap.items(), key=repr):
            if not built_on(held, value):
                continue
            prefix = self._initial_path(base)
            if prefix is None and returned is not None and base == returned:
                prefix = ("ret",)
            if prefix is not None and len(prefix) < 5:
                step = key if isinstance(key, str) else "[]"
                if key == "*":
                    return (*prefix, "*"), True
                return (*prefix, step), True
            if root(base)[0] != "L":
                return ("global:",), True
        return None, False

    def _initial_path(self, value: Value) -> Path | None:
        kind = value[0]
        if kind == "p":
            number = self.transfer.parameters.get(str(value[1]))
            return None if number is None else (number,)
        if kind in ("g", "G"):
            return (f"global:{value[1]}",)
        if kind in ("l", "A"):
            base = self._initial_path(value[1])
            if base is None:
                return None
            key = value[2] if isinstance(value[2], str) else "[]"
            return (*base, key) if kind == "l" else base if key == "[]" else (*base, f"&{key}")
        return None

    def _judge_exits(self) -> list[Sight]:
        sights: list[Sight] = []
        for number, leaving in enumerate(self.exits):
            if leaving.state.shaky:
                continue
            for value, (item, path, _) in leaving.objects.items():
                for index in range(len(self.knowledge.facets)):
                    if item.acquired & (1 << index) or (path is not None and self._retaken(item, index)):
                        sights.append(self._exit_sight(number, value, item, path, index))
            sights += self._contract_sights(leaving)
        return sights

    def _exit_sight(self, number: int, value: Value, item: Object, path: Path | None, index: int) -> Sight:
        leaving = self.exits[number]
        acquired = bool(item.acquired & (1 << index))
        told_apart = path is None or path == (leaving.argument,)
        inconsistent = not told_apart and path is not None and self._inconsistent(number, value, path, index)
        facts = self.transfer.facts_of(item)
        facts |= {
            "acquired-here": acquired,
            "retaken": not acquired,
            "reachable-by-caller": path is not None,
            "handed-over": item.escaped,
            "inconsistent": inconsistent,
            "on-error": leaving.mask == NEGATIVE,
            "fresh": root(value)[0] in ("r", "u", "x"),
            "in-callback": bool(self.entries),
            "from-memory": from_memory(value),
            "collected": (value[1] if value[0] == "x" else value) in self.transfer.lost,
            "maybe-alias": self.transfer.maybe_alias(leaving.state, value),
            "returned": path == ("ret",) or path == (leaving.argument,),
            "through-field": path is not None and len(path) > 1,
            "by-callee": item.trail is not None and item.trail.place is not None,
            "settled-elsewhere": self._settled_elsewhere(leaving, value, index),
        }
        name = leaving.state.name_of(value)
        return Sight(
            point="exit",
            event="",
            facet=self.knowledge.facets[index].name,
            at=leaving.at,
            subject=name if name and not name.startswith("%") else self._name(value),
            facts=facts,
            trail=unwind(item.trail),
            results=leaving.mask,
            asks=receivers(item.trail, index),
        )

    def _retaken(self, item: Object, index: int) -> bool:
        """Tell whether this function took again what its caller had brought and what it had given up."""
        facet = self.knowledge.facets[index]
        takes = {e.name for e in self.knowledge.model.events if e.facet == facet.name and e.to == facet.held}
        return item.states[index] == facet.held is not None and bool(takes & set(events_of(item.trail)))

    def _settled_elsewhere(self, leaving: Exit, value: Value, index: int) -> bool:
        """Tell whether some other way out gives the page back or hands it over: what this function means to do."""
        bit = 1 << index
        if (value, index) in self.released:
            return True
        for other in self.exits:
            found = other.objects.get(value)
            if other is leaving or found is None:
                continue
            item, path, _ = found
            if item.acquired & bit and (item.escaped or path is not None):
                return True
        return False

    def _name(self, value: Value) -> str:
        """Return the variable that a value was first assigned to in the source, or the value's own words."""
        if value[0] == "x":
            return self._name(value[1])
        for block in self.function.blocks:
            result = ""
            for instruction in block.instructions:
                if isinstance(instruction, Call) and ("r", instruction.at) == value[:2]:
                    result = instruction.result
                target = getattr(instruction, "target", None)
                source = getattr(instruction, "value", None)
                if result and target is not None and getattr(source, "name", None) == result:
                    name = getattr(target, "name", "")
                    return name or show_value(value)
        return show_value(value)

    def _inconsistent(self, number: int, value: Value, path: Path, index: int) -> bool:
        """Tell whether another return that the caller cannot tell apart leaves the page without the lock.

        An error return that keeps what a success return gives back is inconsistent too, and a page that this function
        found and returns with the lock sometimes: one that nothing happened to counts as not locked.
        """
        mine = self.exits[number]
        bit = 1 << index
        for other in self.exits:
            if other is mine or other.state.shaky:
                continue
            found = other.objects.get(value)
            if found is not None and (found[0].acquired & bit or found[0].escaped or found[0].states[index] == UNKNOWN):
                continue
            if not _compatible(mine.guards, other.guards):
                continue
            if path == ("ret",):
                same = other.returned is not None and built_on(other.returned, value)
                if same and mine.mask & other.mask and mine.writes == other.writes:
                    return True
                continue
            balanced = found is not None and found[0].first[index] is not None
            if mine.mask == NEGATIVE and other.mask & (ZERO | POSITIVE) and balanced:
                return True
            if balanced and mine.mask & other.mask and not _distinct(mine, other):
                return True
        return False

    def _contract_sights(self, leaving: Exit) -> list[Sight]:
        """Return where the contract of a callback is broken for sure at this return."""
        found = []
        for entry in self.entries:
            expected = _expected(entry, leaving)
            if expected in ("", UNKNOWN):
                continue
            index = self.knowledge.facet_index[entry.facet]
            for value, (item, path, _) in leaving.objects.items():
                state = item.states[index]
                if path != entry.path or item.escaped or state in (None, UNKNOWN, expected):
                    continue
                facts = self.transfer.facts_of(item)
                facts |= {
                    "operation": entry.operation,
                    "on-error": leaving.mask == NEGATIVE,
                    "acquired-here": bool(item.acquired & (1 << index)),
                    "in-callback": True,
                    "bound": expected,
                    "special": expected != entry.exit,
                    "plain-result": leaving.constant is not None or leaving.mask == NEGATIVE,
                    "by-flag": self.transfer.went_by_flag(leaving.state),
                }
                found.append(
                    Sight(
                        point="callback",
                        event=entry.operation,
                        facet=entry.facet,
                        at=leaving.at,
                        subject=show_value(value),
                        facts=facts,
                        trail=unwind(item.trail),
                        note=expected,
                        asks=receivers(item.trail, index),
                    )
                )
        return found

    # -- the summary

    def _summarise(self) -> Summary:
        function = self.function
        if self.bounded:
            return Summary(function.name, function.file, opaque=True)
        cases = []
        shaky = False
        for leaving in self.exits:
            if leaving.state.shaky:
                shaky = True
                continue
            effects = tuple(
                sorted(
                    (
                        effect
                        for item, path, stored in leaving.objects.values()
                        if path is not None and _expressible(path)
                        for effect in self._effect(item, path, stored)
                    ),
                    key=repr,
                )
            )
            cases.append(
                Case(
                    leaving.guards,
                    leaving.mask,
                    effects,
                    leaving.constant,
                    leaving.argument,
                    leaving.bits,
                    writes=leaving.writes,
                )
            )
        cases = blur_ambiguous(_tell_apart(cases))
        if shaky and any(case.effects for case in cases):
            return Summary(function.name, function.file, opaque=True)
        if not any(case.effects for case in cases):
            results = () if shaky else _results_only(cases)
            return Summary(function.name, function.file, results, noreturn=not cases and not shaky)
        return Summary(function.name, function.file, merge_cases(cases))

    def _effect(self, item: Object, path: Path, stored: bool) -> list[Effect]:
        changes = tuple(
            Change(
                index,
                first[0] if (first := item.first[index]) else "",
                first[1] if first else "",
                None if state == UNKNOWN else state,
                bool(item.acquired & (1 << index)),
            )
            for index, state in enumerate(item.states)
            if state is not None
        )
        if not changes and not item.escaped:
            return []
        text, place = "", None
        if item.trail is not None:
            text = item.trail.text
            # no offset: an edit that only moves things must not change what callers are told
            place = item.trail.place or ("", 0, self.function.name)
        return [Effect(path, changes, stored, item.escaped, text, place, receivers(item.trail)[:8])]


def _expected(entry: EntryState, leaving: Exit) -> str:
    """Return the facet's state that the contract promises at this return.

    UNKNOWN when the result is not known and the contract makes a difference between what it may be.
    """
    open_states: set[str] = set()
    for operator, constant, state in entry.exceptions:
        if operator == "&":
            known = dict(leaving.bits).get(constant)
        elif constant == "0":
            wanted = {"==": ZERO, "!=": POSITIVE | NEGATIVE, "<": NEGATIVE}[operator]
            known = True if not leaving.mask & ~wanted else False if not leaving.mask & wanted else None
        else:
            known = (
                leaving.constant == constant if leaving.constant is not None or not leaving.mask & POSITIVE else None
            )
        if known:
            return _agreed(open_states | {state})
        if known is None:
            open_states.add(state)
    return _agreed(open_states | {entry.exit})


def _agreed(states: set[str]) -> str:
    return next(iter(states)) if len(states) == 1 else UNKNOWN


def _tell_apart(cases: list[Case]) -> list[Case]:
    """Take a named result to mean its own case: other cases with other effects do not return that constant.

    A kernel function that gives one return a name (`-EAGAIN` for "not done, still locked") means callers to
    tell it apart by that name; an error code that it only passes on is assumed not to be the same.
    """
    named = {c.constant: c.effects for c in cases if isinstance(c.constant, str)}
    result = []
    for case in cases:
        other = tuple(sorted(n for n, effects in named.items() if case.constant is None and effects != case.effects))
        result.append(msgspec.structs.replace(case, excluded=other) if other else case)
    return result


def _expressible(path: Path) -> bool:
    """Tell whether a caller can follow a path: no globals, no elements of arrays, and not too deep."""
    return len(path) <= MAX_PATH and "[]" not in path and not str(path[0]).startswith("global:")


def _compatible(left: tuple[Guard, ...], right: tuple[Guard, ...]) -> bool:
    masks = {(g.parameter, g.bit): g.mask for g in left}
    return all(masks.get((g.parameter, g.bit), ANY) & g.mask for g in right)


def _distinct(left: Exit, right: Exit) -> bool:
    """Tell whether a caller can tell two results apart by constant, class or bit."""
    if left.constant is not None and right.constant is not None and left.constant != right.constant:
        return True
    other: Mapping[str, bool] = dict(right.bits)
    return any(bit in other and other[bit] != truth for bit, truth in left.bits)


def _results_only(cases: list[Case]) -> tuple[Case, ...]:
    """Return a case that tells which results some cases have; none when it can be any."""
    mask = 0
    for case in cases:
        mask |= case.mask
    return (Case((), mask, ()),) if mask and mask != ANY else ()
