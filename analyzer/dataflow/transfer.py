"""Transfer functions: what one IR instruction does to a disjunct.

Calls are resolved in this order: error-pointer macros and identity functions
(`same`), the model's events, a summary, the contract or operations table of an
indirect call. A call that nothing is known of has no effect on a page's facets
(functions whose effect is not trivial are all summarised before), but is
remembered as a receiver of the page, so that a leak is only claimed once it is
known that no receiver keeps it.
"""

from collections.abc import Callable, Iterable

from analyzer.dataflow.knowledge import Knowledge
from analyzer.dataflow.observe import Sight, receivers, unwind
from analyzer.dataflow.shape import Anatomy
from analyzer.dataflow.state import ROUND, UNKNOWN, Object, State, Trail
from analyzer.dataflow.summary import Case, Effect, Summary
from analyzer.dataflow.values import (
    FALSE_VALUE,
    MAX_DEPTH,
    Key,
    Value,
    brought,
    built_on,
    contains,
    depth,
    flag_name,
    flag_value,
    parts,
    replace_value,
    root,
    show_value,
)
from analyzer.ir import (
    Addr,
    Assign,
    Binary,
    Call,
    Deref,
    Expr,
    Field,
    Havoc,
    Index,
    Instruction,
    Name,
    Num,
    Opaque,
    Unary,
    operands,
)
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, Argument, CallPattern, Event, ResultCondition

Report = Callable[[Sight], None]

_COMMUTATIVE = frozenset({"==", "!=", "&", "|", "+", "*", "^"})


class Transfer:
    """Runs instructions of one function; `report` is None while the fixpoint is sought."""

    def __init__(self, anatomy: Anatomy, knowledge: Knowledge) -> None:
        """Bind a function to what is known about the rest of the world."""
        function = self.function = anatomy.function
        self.knowledge = knowledge
        self.report: Report | None = None
        self.tells = 0
        """How often something was met so far that may be worth a report."""
        self.parameters = {p.name: i for i, p in enumerate(function.parameters)}
        self.locals = frozenset(function.locals)
        self.blank = (None,) * len(knowledge.facets)
        self.at = 0
        self.page_types = knowledge.model.types
        self.lost: set[Value] = set()
        """Pages whose last name went while they were tracked: a loop that collects does that on purpose."""
        self.released: set[tuple[Value, int]] = set()
        """(page, facet) for every obligation that was met somewhere in this function."""
        self.stopping = anatomy.stopping
        self.constants = anatomy.constants
        self.written: set[Value] = set()
        """What calls wrote that is not known, to locals of which they got the address or to what they are known to."""
        self.undecided: dict[int, set[Value]] = {}
        """Calls whose cases do different things, and to which pages: what they wrote may tell which case it was."""
        self.watched: frozenset[Value] = frozenset()
        """Pages of a contract: to whom they are passed is remembered even while this function holds nothing."""

    # -- expressions

    def value(self, state: State, expression: Expr) -> Value:
        """Return the symbolic value of an expression."""
        if isinstance(expression, Name):
            return self.variable(state, expression.name)
        if isinstance(expression, Num):
            return ("c", expression.value)
        if isinstance(expression, Opaque):
            return ("u", expression.at, "")
        if isinstance(expression, Addr):
            return self.address(state, expression.base, taken=True)
        if isinstance(expression, Field | Deref | Index):
            return self.load(state, self.address(state, expression))
        if isinstance(expression, Unary):
            return self._unary(expression.op, self.value(state, expression.operand))
        if isinstance(expression, Binary):
            return self._binary(expression.op, self.value(state, expression.left), self.value(state, expression.right))
        raise AssertionError(expression)

    def variable(self, state: State, name: str) -> Value:
        """Return the value of a name: of a variable now, of a parameter or global on entry, or a named constant."""
        known = state.env.get(name)
        if known is not None:
            return known
        if name in self.parameters:
            return ("p", name)
        if name.startswith("%") or name in self.locals:
            return ("u", 0, name)
        number = self.knowledge.model.constants.get(name)
        if number is not None:
            return ("c", number)
        if name in self.knowledge.model.masks:
            return flag_value(self.knowledge.model.bits(name))
        return ("k", name) if name.isupper() else ("g", name)

    def address(self, state: State, place: Expr, taken: bool = False) -> Value:
        """Return the address of an lvalue; the address of a `same_fields` member is its object's."""
        if isinstance(place, Name):
            if place.name.startswith("%") or place.name in self.locals or place.name in self.parameters:
                return ("L", place.name)
            return ("G", place.name)
        if isinstance(place, Deref):
            return self.value(state, place.base)
        if isinstance(place, Field):
            base = self.address(state, place.base)
            if taken and place.name in self.knowledge.model.same_fields and base[0] not in ("L", "G"):
                return base
            return self._bounded(("A", base, place.name))
        if isinstance(place, Index):
            index = self.value(state, place.index)
            return self._bounded(("A", self.value(state, place.base), ("[]", index)))
        return self.value(state, place)

    def _bounded(self, value: Value) -> Value:
        return value if depth(value) <= MAX_DEPTH else ("u", self.at, "deep")

    def load(self, state: State, address: Value) -> Value:
        """Return what stands at an address."""
        kind = address[0]
        if kind == "L":
            return self.variable(state, str(address[1]))
        if kind == "G":
            return ("g", address[1])
        base, key = (address[1], address[2]) if kind == "A" else (address, "*")
        known = state.heap.get((base, key))
        return known if known is not None else self._bounded(("l", base, key))

    def _unary(self, op: str, operand: Value) -> Value:
        if op == "-" and operand[0] == "c":
            return ("c", -operand[1])
        if op == "-" and operand[0] == "k":
            name = str(operand[1])
            return ("k", name[1:] if name.startswith("-") else f"-{name}")
        return self._bounded(("o", op, operand))

    def _binary(self, op: str, left: Value, right: Value) -> Value:
        if left[0] == "c" and right[0] == "c":
            a, b = int(left[1]), int(right[1])
            if op in ("+", "-", "|", "&") and abs(a) < 1 << 40 and abs(b) < 1 << 40:
                return ("c", {"+": a + b, "-": a - b, "|": a | b, "&": a & b}[op])
            if op in ("==", "!=", "<", ">", "<=", ">="):
                return ("c", int({"==": a == b, "!=": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[op]))
        if op == "|" and FALSE_VALUE in (left, right):
            return right if left == FALSE_VALUE else left
        if op == "|" and flag_name(left) and flag_name(right):
            return flag_value(f"{flag_name(left)}|{flag_name(right)}")
        if op in _COMMUTATIVE and left[0] in ("c", "k") and right[0] not in ("c", "k"):
            left, right = right, left
        return self._bounded(("o", op, left, right))

    # -- instructions

    def run(self, state: State, instruction: Instruction) -> list[State]:
        """Return the disjuncts after one instruction; `state` may be reused for one of them."""
        self.at = instruction.at
        if isinstance(instruction, Assign):
            self.follow(state, instruction.value, instruction.target)
            self._assign(state, instruction)
            return [state]
        if isinstance(instruction, Call):
            self.follow(state, instruction.callee, *instruction.arguments)
            return self._call(state, instruction)
        if isinstance(instruction, Havoc):
            self._havoc(state, instruction)
            return [state]
        state.shaky = True
        return [state]

    def follow(self, state: State, *expressions: Expr) -> None:
        """Let it be an event that a pointer is followed in the expression that reads it from a field.

        Under-approximates: a copy that was taken before (`mapping = page->mapping`) may be of another time.
        """
        self._watch_uses(state, expressions)
        stack = list(expressions) if self.knowledge.follows else []
        while stack:
            item = stack.pop()
            if isinstance(item, Deref) and isinstance(item.base, Field):
                for event in self.knowledge.follows.get(item.base.name, ()):
                    page = self.address(state, item.base.base)
                    self.apply(state, page, event.facet, event.name, event.requires, event.to, event.only_from)
            stack += operands(item)

    def _watch_uses(self, state: State, expressions: tuple[Expr, ...]) -> None:
        """See the reads and writes of fields of pages that are in a state in which any use is an event."""
        if not self.knowledge.uses or not state.objects:
            return
        self.tells += 1
        if self.report is None:
            return
        stack = list(expressions)
        while stack:
            item = stack.pop()
            if isinstance(item, Addr):
                continue
            if isinstance(item, Deref):
                self._see_use(state, self.value(state, item.base))
            stack += operands(item)

    def _see_use(self, state: State, value: Value) -> None:
        item = state.objects.get(value)
        for event in self.knowledge.uses if item is not None else ():
            if item is not None and item.states[self.knowledge.facet_index[event.facet]] in event.only_from:
                self._see(state, event.name, value, event.facet)

    def _assign(self, state: State, instruction: Assign) -> None:
        """Assign; a counter that steps gets a fresh value, so that what it indexes is not taken for one object."""
        value = self.value(state, instruction.value)
        source, target = instruction.value, instruction.target
        if (
            isinstance(source, Binary)
            and source.op in ("+", "-")
            and source.left == target
            and isinstance(target, Name)
        ):
            counted = state.mask(self.value(state, target))
            value = ("u", instruction.at, target.name)
            self.retire(state, value)
            if source.op == "+" and not counted & NEGATIVE and isinstance(source.right, Num) and source.right.value > 0:
                state.facts[value] = POSITIVE
        self.store(state, self.address(state, target), value)

    def _havoc(self, state: State, instruction: Havoc) -> None:
        address = self.address(state, instruction.target)
        fresh: Value = ("u", instruction.at, show_value(address))
        self.retire(state, fresh)
        self.store(state, address, fresh)
        if address[0] == "L":
            for key in [k for k in state.heap if root(k[0]) == address]:
                del state.heap[key]

    def store(self, state: State, address: Value, value: Value) -> None:
        """Write a value to an address; whether others can find a page by it is judged when the function returns."""
        kind = address[0]
        if kind == "L":
            state.env[str(address[1])] = value
            return
        base, key = (address[1], address[2]) if kind == "A" else (address, "*")
        state.heap[(base, key)] = value
        if isinstance(key, tuple):  # into an array: one of many now
            for page in [page for page in state.objects if built_on(value, page)]:
                state.objects[page] = state.objects[page]._replace(escaped=True)
        for event in self.knowledge.writes.get(address[2], ()) if address[0] == "A" else ():
            self.apply(
                state, address[1], event.facet, event.name, event.requires, event.to, event.only_from, event.text
            )

    def retire(self, state: State, value: Value) -> None:
        """Make room for `value` to be produced again: what was called so until now is of an earlier round."""
        referred = state.refers_to(value)
        item = state.objects.get(value)
        if not referred and item is None:
            self._forget_facts(state, value)
            return
        older: Value = ("x", value) if value[0] != "x" else value
        if item is not None:
            del state.objects[value]
            if not referred:
                self._lost(state, value, item)
        if referred:
            kept = state.objects.pop(older, None)
            if kept is not None and not state.refers_to(older):
                self._lost(state, older, kept)
            self._rename(state, value, older)
            if item is not None:
                state.objects[older] = item
        self._forget_facts(state, value)
        if value in state.mixed:
            mixed = dict(state.mixed)
            members = mixed.pop(value)
            state.mixed = mixed | ({older: members} if referred else {})
        for other in [v for v in state.objects if v not in (value, older) and contains(v, value)]:
            dependent = state.objects.pop(other)
            if not dependent.escaped:
                state.objects[("x", other)] = dependent._replace(escaped=True)

    def _rename(self, state: State, old: Value, new: Value) -> None:
        state.env = {name: replace_value(v, old, new) for name, v in state.env.items()}
        state.heap = {(replace_value(b, old, new), k): replace_value(v, old, new) for (b, k), v in state.heap.items()}
        mask = state.facts.get(old)
        if mask is not None:
            state.facts[new] = mask

    def _forget_facts(self, state: State, value: Value) -> None:
        for fact in [f for f in state.facts if contains(f, value)]:
            del state.facts[fact]

    def _lost(self, state: State, value: Value, item: Object) -> None:
        self.lost.add(value)
        self.tells += 1
        if self.report is not None and item.acquired and not state.shaky:
            self._sight("lost", "", state, value, item, facet_bits=item.acquired)

    # -- facets

    def maybe_alias(self, state: State, value: Value) -> bool:
        """Tell whether another page of the caller's met events here that could have been events of this one."""
        if root(value)[0] not in ("p", "u"):
            return False
        return any(other != value and root(other)[0] in ("p", "u") for other in state.objects)

    def _touch_mixed(self, state: State, value: Value, index: int, requires: str) -> None:
        """Give up the pages that may be meant too by what a join merged.

        They are the parameters and known pages of the caller that were merged into it, and, where the event `requires`
        it held and nothing is known of it, the held pages that joins of the same block merged, whichever variables.
        """
        others = sorted(state.mixed.get(value, ()), key=repr)
        if value[0] == "j" and requires and requires == self.knowledge.facets[index].held:
            bit = 1 << index
            others += [
                other
                for other, item in state.objects.items()
                if other != value and other[:2] == value[:2] and item.acquired & bit
            ]
        self._touch_pages(state, others)
        self._give_up(state, others)

    def went_by_flag(self, state: State) -> bool:
        """Tell whether the way here went by what a call wrote, pages not counted."""
        flags = self.written - state.objects.keys()
        return any(contains(fact, flag) for flag in flags for fact in state.facts)

    def handed_over(self, item: Object) -> Object:
        """Return a page that somebody else may be done with at any time: what it held is not known any more."""
        states = tuple(
            UNKNOWN if state is not None and state == facet.held else state
            for state, facet in zip(item.states, self.knowledge.facets, strict=True)
        )
        return item._replace(states=states, escaped=True)

    def object(self, state: State, value: Value) -> Object:
        """Return the facets of a page, untouched when nothing happened to it yet."""
        return state.objects.get(value) or Object(self.blank, first=self.blank)

    def apply(
        self,
        state: State,
        value: Value,
        facet: str,
        event: str,
        requires: str,
        to: str | None,
        only_from: tuple[str, ...] = (),
        text: str = "",
        callee: str = "",
        place: tuple[str, int, str] | None = None,
        acquired: bool | None = None,
    ) -> None:
        """Let an event happen to a page. `to` "" leaves the state, None gives it up."""
        if value[0] == "c" or not state.assume_mask(value, POSITIVE):
            return
        index = self.knowledge.facet_index[facet]
        item = self.object(state, value)
        current = item.states[index]
        if event:
            self._see(state, event, value, facet, callee)
        if only_from and current not in only_from:
            return
        if to != "":
            self._touch_mixed(state, value, index, requires if current is None else "")
        held = self.knowledge.facets[index].held
        first = item.first
        if current is None and first[index] is None:
            first = (*first[:index], (event, requires), *first[index + 1 :])
        new = to or (requires or current if current is None else current)
        if to is None:
            new = UNKNOWN
        bit = 1 << index
        bits = item.acquired
        if to and to != held:
            if bits & bit:
                self.released.add((value, index))
            bits &= ~bit
        elif to and to == held and (acquired if acquired is not None else current != held):
            given = first[index]
            # taking again what the caller had brought is no gain; nor is taking what a callee did nobody knows what to
            brought_so = given is not None and (given[1] == held or (given == ("", "") and brought(value)))
            if not brought_so:
                bits |= bit
        if new == current and bits == item.acquired and first == item.first:
            return
        trail = item.trail
        if to or text:
            trail = Trail(trail, self.at, text or event, event, place=place, facet=index if to else -1)
        escaped = item.escaped and not (bits & bit and not item.acquired & bit)  # what is taken again is ours again
        state.objects[value] = Object(
            (*item.states[:index], new, *item.states[index + 1 :]), bits, escaped, first, trail
        )

    def _see(self, state: State, event: str, value: Value, facet: str, callee: str = "") -> None:
        """Report that an event meets a page, before it changes anything."""
        self.tells += 1
        if self.report is not None and not state.shaky:
            self._sight("event", event, state, value, self.object(state, value), facet=facet, callee=callee)

    def _sight(
        self,
        point: str,
        event: str,
        state: State,
        value: Value,
        item: Object,
        facet: str = "",
        facet_bits: int = 0,
        callee: str = "",
        note: str = "",
    ) -> None:
        assert self.report is not None
        facts = self.facts_of(item)
        facts |= {"event": event, "through-call": bool(callee), "handed-over": item.escaped}
        facts["went-round"] = went_round(item.trail)
        facts["from-memory"] = from_memory(value)
        facts["maybe-alias"] = self.maybe_alias(state, value)
        facts["by-callee"] = item.trail is not None and item.trail.place is not None
        facts["fresh"] = root(value)[0] in ("r", "u", "x")
        name = state.name_of(value)
        subject = name if name and not name.startswith("%") else show_value(value)
        for index, kind in enumerate(self.knowledge.facets):
            if point == "lost" and facet_bits & (1 << index):
                facts |= {"acquired-here": True, "loop": True}
                self.report(self._make(point, event, kind.name, state, subject, facts, item, note))
        if point != "lost":
            self.report(self._make(point, event, facet, state, subject, facts, item, note))

    def _make(
        self,
        point: str,
        event: str,
        facet: str,
        state: State,
        subject: str,
        facts: dict[str, str | bool | None],
        item: Object,
        note: str,
    ) -> Sight:
        return Sight(
            point=point,
            event=event,
            facet=facet,
            at=self.at,
            subject=subject,
            facts=dict(facts),
            trail=unwind(item.trail),
            note=note,
            asks=receivers(item.trail, self.knowledge.facet_index.get(facet, -1)),
        )

    def facts_of(self, item: Object) -> dict[str, str | bool | None]:
        """Return facet name -> state, None where it is not known for sure; the newest event too."""
        facts: dict[str, str | bool | None] = {
            facet.name: None if s == UNKNOWN else s for facet, s in zip(self.knowledge.facets, item.states, strict=True)
        }
        facts["last-event"] = next((e for e in events_of(item.trail) if e != ROUND), "")
        return facts

    # -- calls

    def _call(self, state: State, call: Call) -> list[State]:
        arguments = [self.value(state, a) for a in call.arguments]
        name = call.callee.name if isinstance(call.callee, Name) else ""
        knowledge = self.knowledge
        kind = knowledge.errors.get(name)
        if kind is not None and arguments:
            same = kind in ("same-number", "error-pointer")
            if kind == "error-pointer":
                state.assume_mask(arguments[0], NEGATIVE | ZERO)
            state.env[call.result] = arguments[0] if same else ("o", kind, arguments[0])
            return [state]
        if self.report is not None and knowledge.uses and state.objects:
            for value in arguments:
                self._see_use(state, value)
        stable = name in knowledge.model.stable and bool(arguments)
        if stable and name not in knowledge.events:
            state.env[call.result] = self._bounded(("o", f"call {name}", *arguments))
            return [state]
        for pattern in knowledge.same.get(name, ()):
            if len(arguments) == len(pattern.arguments):
                state.env[call.result] = arguments[pattern.subject_positions[0]]
                return [state]
        if name in self.locals or name in self.parameters:
            name, indirect = "", True
        else:
            indirect = not name
        result: Value = self._bounded(("o", f"call {name}", *arguments)) if stable else ("r", call.at)
        if not stable:
            self.retire(state, result)
        possible = knowledge.result_masks.get(name, ANY)
        if possible != ANY:
            state.facts[result] = possible
        if indirect and isinstance(call.callee, Field):
            table = knowledge.field_events.get(call.callee.name, ())
        else:
            table = knowledge.events.get(name, ())
        matched = [
            (event, value)
            for pattern, event in table
            for value in self._subjects(state, pattern, call, arguments, result)
        ]
        summary = None
        if matched:
            states = self._split(state, call, result, matched, possible)
        else:
            if indirect:
                summary = knowledge.operation_of(call.callee) if isinstance(call.callee, Field) else None
            else:
                summary = knowledge.summary_of(name, self.function.file)
            if summary is not None and not summary.opaque and summary.cases:
                if indirect:
                    told = {e.path[0] for case in summary.cases for e in case.effects}
                    self._give_up(state, [v for i, v in enumerate(arguments) if i not in told])
                states = self._apply_summary(state, call, arguments, result, summary)
            else:
                states = [state]
                if (summary is not None and summary.opaque) or (summary is None and (indirect or call.implicit)):
                    self._give_up(state, arguments)  # a clean-up that was not found is there to give things back
                if indirect and summary is None:
                    self._touch_pages(state, arguments)
                self._spoil_locals(state, call, arguments, ())
                state.env[call.result] = result
        for pattern in knowledge.handovers.get(name, ()):
            for after in states:
                for value in self._subjects(after, pattern, call, arguments, result):
                    item = after.objects.get(value)
                    if item is not None:
                        after.objects[value] = self.handed_over(item)
        if name and not matched:
            cases = summary.cases if summary is not None else ()
            covered = set.intersection(*({e.path[0] for e in case.effects} for case in cases)) if cases else set()
            for after in states:
                self._remember_receiver(after, name, arguments, covered)
        return states

    def _remember_receiver(self, state: State, name: str, arguments: list[Value], covered: set[int | str]) -> None:
        for position, value in enumerate(arguments):
            if position in covered:
                continue
            item = state.objects.get(value)
            if item is not None and not item.escaped and (item.acquired or value in self.watched):
                known = self.knowledge.keeps(name, self.function.file, position)
                if known:
                    state.objects[value] = self.handed_over(item)
                elif known is None:
                    trail = Trail(item.trail, self.at, "", "", name, position)
                    state.objects[value] = item._replace(trail=trail)

    def _give_up(self, state: State, arguments: list[Value]) -> None:
        for value in arguments:
            item = state.objects.get(value)
            if item is not None:
                states = tuple(UNKNOWN if s is not None else None for s in item.states)
                state.objects[value] = item._replace(states=states, acquired=0, escaped=True)

    def doubt(self, state: State, condition: Value) -> None:
        """Give up pages that a call left in one of several ways, where a condition asks for what the call wrote.

        What is in memory after the call is not followed case by case. Under-approximates: any value that the call wrote
        may be the answer, when it is asked whether it is zero or equal to something.
        """
        if condition[0] == "o" and condition[1] not in ("!", "==", "!="):
            return
        asked = {p[1] for p in parts(condition) if p[0] == "u" and p[1] in self.undecided} if self.undecided else ()
        if not asked or not state.mask(condition) & ZERO or state.mask(condition) == ZERO:
            return
        for value in sorted(frozenset[Value]().union(*(self.undecided[at] for at in asked)), key=repr):
            item = state.objects.get(value)
            if item is None:
                held = tuple(("", facet.held) if facet.held else None for facet in self.knowledge.facets)
                states = tuple(UNKNOWN if facet.held else None for facet in self.knowledge.facets)
                state.objects[value] = Object(states, first=held)
            elif item.trail is not None and item.trail.at in asked:
                self._give_up(state, [value])

    def _touch_pages(self, state: State, arguments: list[Value]) -> None:
        """Give up the pages of the caller that are passed to a function which is not known."""
        for value in arguments:
            if value[0] == "p" and value not in state.objects and self.page_parameter(str(value[1])):
                states = tuple(UNKNOWN if facet.held else None for facet in self.knowledge.facets)
                state.objects[value] = Object(states, first=self.blank)

    def page_parameter(self, name: str) -> bool:
        """Tell whether a parameter's declared type is that of a page."""
        number = self.parameters.get(name)
        return number is not None and self.function.parameters[number].type.replace("const ", "") in self.page_types

    def _spoil_locals(self, state: State, call: Call, arguments: list[Value], known: tuple[int, ...]) -> None:
        """Forget locals whose address the callee got, itself or in a local struct, but those it is known to write."""
        waiting = [value for position, value in enumerate(arguments) if position not in known]
        seen: set[Value] = set()
        while waiting:
            value = waiting.pop()
            if root(value)[0] != "L" or value in seen:
                continue
            seen.add(value)
            if value[0] == "L":
                name = str(value[1])
                self._hand_over_what_is_in(state, state.env.get(name, FALSE_VALUE))
                fresh: Value = ("u", call.at, name)
                self.written.add(fresh)
                self.retire(state, fresh)
                state.env[name] = fresh
            for key, stored in [(k, v) for k, v in state.heap.items() if root(k[0]) == root(value)]:
                if stored in state.objects:
                    self._give_up(state, [stored])
                elif stored[0] == "p":
                    self._touch_pages(state, [stored])
                else:
                    self._hand_over_what_is_in(state, stored)
                    waiting.append(stored)
                    del state.heap[key]

    def _hand_over_what_is_in(self, state: State, held: Value) -> None:
        """Let somebody else be responsible for the pages that a value is made of."""
        for page in [page for page, item in state.objects.items() if item.acquired and built_on(held, page)]:
            state.objects[page] = state.objects[page]._replace(escaped=True)

    def _subjects(
        self, state: State, pattern: CallPattern, call: Call, arguments: list[Value], result: Value
    ) -> list[Value]:
        """Return the subject of a pattern at this call, or nothing when the call does not match it."""
        wanted = pattern.arguments
        if wanted and wanted[-1].kind == "rest":
            wanted = wanted[:-1]
            if len(arguments) < len(wanted):
                return []
        elif len(arguments) != len(wanted):
            return []
        found = [result] if pattern.subject_is_result else []
        for position, (argument, value) in enumerate(zip(wanted, arguments, strict=False)):
            if not self._matches(state, argument, value):
                return []
            if argument.kind == "subject":
                found.append(value)
            elif argument.kind == "out":
                found.append(("r", call.at, position))
            elif argument.kind == "field-of-subject":
                if value[0] != "A" or value[2] != argument.word:
                    return []
                found.append(value[1])
            elif argument.kind == "subject-in-field":
                found.append(self.load(state, ("A", value, argument.word)))
        return found

    def _matches(self, state: State, argument: Argument, value: Value) -> bool:
        if argument.kind == "constant":
            word = argument.word
            wanted: Value = ("c", int(word)) if word.lstrip("-").isdigit() else self.variable(state, word)
            if word in ("true", "false"):
                wanted = ("c", int(word == "true"))
            return value == wanted
        if argument.kind in ("has", "lacks"):
            known = state.bit(value, ("k", argument.word))
            return known is (argument.kind == "has")
        return True

    def _split(
        self, state: State, call: Call, result: Value, matched: list[tuple[Event, Value]], possible: int
    ) -> list[State]:
        """Apply the model's events: one disjunct for each class of results that some event tells apart."""
        for _, value in matched:
            if (
                value[0] == "r" and value[1] == call.at and isinstance(value[-1], int) and len(value) == 3
            ):  # an out parameter: the argument's target now holds it
                self.retire(state, value)
                self.store(state, self._out_address(state, call, int(value[2])), value)
        if not call.used:
            self._see_ignored(state, call, matched)
        state.env[call.result] = result
        outcomes = self._outcomes([event.when for event, _ in matched], possible)
        idle = {number for number, (event, value) in enumerate(matched) if self._only_asks(state, call, event, value)}
        states = []
        for number, (mask, bits) in enumerate(outcomes):
            after = state if number == len(outcomes) - 1 else state.copy()
            if not after.assume_mask(result, mask):
                continue
            feasible = True
            only_bit = self.knowledge.result_bits.get(call.callee.name if isinstance(call.callee, Name) else "")
            if only_bit and not mask & ZERO:
                after.assume(("o", "&", result, ("k", only_bit)), True)
            for bit, truth in bits:
                flag: Value = ("o", "&", result, ("k", bit))
                feasible = feasible and after.assume(flag, truth)
            for position, (event, value) in enumerate(matched):
                happens = bool(event.when.mask & mask)
                if event.when.bit:
                    happens = dict(bits)[event.when.bit] == event.when.bit_set
                to = event.to if happens else event.otherwise
                if position in idle and happens:
                    feasible = False
                    self._see(after, event.name, value, event.facet)
                elif position not in idle and (happens or event.otherwise):
                    requires = event.requires if happens else ""
                    text = event.text if happens else f"{event.name} failed"
                    name = event.name if happens else f"{event.name}-failed"
                    self.apply(after, value, event.facet, name, requires, to, event.only_from, text)
            if feasible:
                states.append(after)
        return states

    def _see_ignored(self, state: State, call: Call, matched: list[tuple[Event, Value]]) -> None:
        """Report attempts to take a page of whose outcome nobody takes notice."""
        self.tells += 1
        if self.report is None:
            return
        arguments = [self.value(state, a) for a in call.arguments]
        for event, value in matched:
            if event.conditional and value in arguments and event.to == self._held(event.facet):
                self._sight("ignored", event.name, state, value, self.object(state, value), facet=event.facet)

    def _only_asks(self, state: State, call: Call, event: Event, value: Value) -> bool:
        """Tell whether an attempt to take can only fail, and so changes nothing.

        It does on a page that is held already, as far as the name is known to be of one page. Code that stops when
        it succeeds says so itself, and is believed of a page that was there before: whether this code holds it or
        another is as open as it was.
        """
        index = self.knowledge.facet_index[event.facet]
        facet = self.knowledge.facets[index]
        attempt = event.conditional and event.to == facet.held and event.otherwise not in ("", facet.held, facet.free)
        if not attempt or event.requires or not facet.exclusive:
            return False
        item = self.object(state, value)
        if item.states[index] in (None, UNKNOWN):
            return root(value)[0] in ("p", "g") and call.result in self.stopping
        return item.states[index] == facet.held and not from_memory(value) and not went_round(item.trail)

    def _held(self, facet: str) -> str:
        return self.knowledge.facets[self.knowledge.facet_index[facet]].held

    def _out_address(self, state: State, call: Call, position: int) -> Value:
        return self.value(state, call.arguments[position])

    def _outcomes(
        self, conditions: list[ResultCondition], possible: int
    ) -> list[tuple[int, tuple[tuple[str, bool], ...]]]:
        """Return the partition of results that the conditions make: (mask, bits set or not)."""
        groups: dict[tuple[bool, ...], int] = {}
        for one in (ZERO, POSITIVE, NEGATIVE):
            if one & possible:
                groups_key = tuple(bool(c.mask & one) for c in conditions)
                groups[groups_key] = groups.get(groups_key, 0) | one
        bits = sorted({c.bit for c in conditions if c.bit})
        choices: list[tuple[tuple[str, bool], ...]] = [()]
        for bit in bits:
            choices = [(*choice, (bit, truth)) for choice in choices for truth in (True, False)]
        return [(mask, choice) for mask in groups.values() for choice in choices]

    # -- summaries

    def _apply_summary(
        self, state: State, call: Call, arguments: list[Value], result: Value, summary: Summary
    ) -> list[State]:
        states: list[State] = []
        touched = self.undecided.setdefault(call.at, set()) if len({c.effects for c in summary.cases}) > 1 else set()
        for case in summary.cases:
            after = state.copy()
            if not self._guards_hold(after, case, arguments):
                continue
            stored = tuple(e.path[0] for e in case.effects if isinstance(e.path[0], int) and len(e.path) > 1)
            self._spoil_locals(after, call, arguments, stored)
            if not self._set_result(after, call, case, arguments, result):
                continue
            targets = [None if e.stored else self._resolve(after, call, e, arguments) for e in case.effects]
            touched.update(target for target in targets if target is not None)
            for path, number in case.writes:
                self._write(after, call, path, number, arguments)
            for effect, target in sorted(zip(case.effects, targets, strict=True), key=lambda pair: pair[0].stored):
                self._apply_effect(after, call, effect, target, arguments, summary)
            if not isinstance(call.callee, Name) and self._is_special(case):
                self._give_up(after, [target for target in targets if target is not None])
            states.append(after)
        return states

    def _is_special(self, case: Case) -> bool:
        """Tell whether a case is of a result that only some operations have, and that this function does not ask for.

        Its caller may, or know that the operation is none of those.
        """
        special = isinstance(case.constant, str) and not case.constant.startswith("-")
        return special and ("k", case.constant) not in self.constants

    def _guards_hold(self, state: State, case: Case, arguments: list[Value]) -> bool:
        for guard in case.guards:
            if guard.parameter >= len(arguments):
                continue
            value = arguments[guard.parameter]
            if guard.equals is not None:
                wanted: Value = ("c", guard.equals) if isinstance(guard.equals, int) else ("k", guard.equals)
                if not state.assume(("o", "==", value, wanted), guard.mask != ZERO):
                    return False
            elif guard.bit:
                if not state.assume(("o", "&", value, ("k", guard.bit)), guard.mask != ZERO):
                    return False
            elif not state.assume_mask(value, guard.mask):
                return False
        return True

    def _set_result(self, state: State, call: Call, case: Case, arguments: list[Value], result: Value) -> bool:
        if 0 <= case.argument < len(arguments):
            state.env[call.result] = arguments[case.argument]
            return state.assume_mask(arguments[case.argument], case.mask)
        if isinstance(case.constant, int):
            state.env[call.result] = ("c", case.constant)
        elif isinstance(case.constant, str):
            state.env[call.result] = ("k", case.constant)
        elif case.mask == ZERO:
            state.env[call.result] = FALSE_VALUE
        else:
            state.env[call.result] = result
            if not state.assume_mask(result, case.mask):
                return False
            for bit, truth in case.bits:
                if not state.assume(("o", "&", result, flag_value(bit)), truth):
                    return False
            for name in case.excluded:
                if not state.assume(("o", "==", result, ("k", name)), False):
                    return False
        return True

    def _write(
        self, state: State, call: Call, path: tuple[int | str, ...], number: int | None, arguments: list[Value]
    ) -> None:
        head, *steps = path
        if not isinstance(head, int) or head >= len(arguments) or not steps:
            return
        value = arguments[head]
        for step in steps[:-1]:
            value = self.load(state, self._step(value, step))
        fresh: Value = ("u", call.at, "/".join(map(str, path)))
        self.written.add(fresh)
        self.store(state, self._step(value, steps[-1]), ("c", number) if number is not None else fresh)

    def _apply_effect(
        self,
        state: State,
        call: Call,
        effect: Effect,
        target: Value | None,
        arguments: list[Value],
        summary: Summary,
    ) -> None:
        value = self._resolve(state, call, effect, arguments) if effect.stored else target
        if value is None:
            return
        for change in effect.changes:
            facet = self.knowledge.facets[change.facet]
            words = f"{summary.name}(): {effect.text}" if effect.text else f"{summary.name}()"
            self.apply(
                state,
                value,
                facet.name,
                change.event,
                change.requires,
                change.to,
                text=words,
                callee=summary.name,
                place=effect.place,
                acquired=change.acquired,
            )
        if effect.escaped:
            state.objects[value] = self.handed_over(self.object(state, value))
        if effect.receivers:
            item = self.object(state, value)
            trail = item.trail
            for name, position in effect.receivers:
                trail = Trail(trail, self.at, "", "", name, position)
            state.objects[value] = item._replace(trail=trail)

    def _resolve(self, state: State, call: Call, effect: Effect, arguments: list[Value]) -> Value | None:
        head, *steps = effect.path
        if head == "ret":
            value = state.env[call.result]
            if value[0] in ("c", "k"):
                return None
        elif isinstance(head, int):
            if head >= len(arguments):
                return None
            value = arguments[head]
        else:
            value = ("g", str(head).removeprefix("global:"))
        if effect.stored and steps:
            for step in steps[:-1]:
                value = self.load(state, self._step(value, step))
            place = self._step(value, steps[-1])
            fresh: Value = ("r", call.at, "/".join(map(str, effect.path)))
            self.retire(state, fresh)
            self.store(state, place, fresh)
            return fresh
        for step in steps:
            value = self.load(state, self._step(value, step))
        return value

    def _step(self, value: Value, key: Key) -> Value:
        return value if key == "*" else ("A", value, key)


def events_of(trail: Trail | None) -> Iterable[str]:
    """Return the events of a trail, newest first."""
    while trail is not None:
        if trail.event:
            yield trail.event
        trail = trail.before


def went_round(trail: Trail | None) -> bool:
    """Tell whether a loop went round since the last thing that happened to the page."""
    return next(iter(events_of(trail)), "") == ROUND


def from_memory(value: Value) -> bool:
    """Tell whether a page was found in memory (a field, a batch), and not by a parameter or a call's result."""
    if value[0] == "x":
        return from_memory(value[1])
    if value[0] == "r" and len(value) == 3 and isinstance(value[2], str):  # what a callee left at a path
        return not value[2].endswith("/*")
    return value[0] not in ("r", "p")
