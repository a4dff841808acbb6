"""From C to a context: walks a function and what it calls, and keeps the steps on one page.

The walk is a symbolic execution of one thread. It follows the page T by
copies, casts, identity functions and lists, and constants that later branches
ask for (`rc`, `isolated`), so that a caller that tests a result goes on from
the right outcome. Every other condition is a free choice. A loop over several
pages meets T once, and other pages never.

Over-approximation: free choices. Under-approximation: an owner's lock is
known by the name of its last member, and only threads that use the same name
exclude each other; recursion and calls deeper than MAX_FRAMES are passed over;
in an owner every page that is not freshly allocated is T.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analyzer.interleave.automaton import (
    DISOWN,
    GET,
    PUT,
    REFERENCED,
    UNREFERENCED,
    Atom,
    Context,
    ContextBuilder,
    Op,
    Place,
    acquire,
    busy,
    callback,
    flag_is,
    list_add,
    list_del,
    listed_is,
    owned_is,
    release,
    set_flag,
)
from analyzer.interleave.configuration import Configuration, Frame, Outcome, assign, move, pack
from analyzer.interleave.routines import Routine, Routines
from analyzer.interleave.symbols import (
    NONZERO,
    ONE,
    OTHER_PAGE,
    THE_PAGE,
    ZERO,
    Value,
    binary,
    equal,
    truth,
    unary,
)
from analyzer.interleave.transform import compress
from analyzer.interleave.vocabulary import Callbacks, Vocabulary
from analyzer.ir import (
    Addr,
    Assign,
    Binary,
    Branch,
    Call,
    Deref,
    Expr,
    Field,
    Havoc,
    Instruction,
    Jump,
    Name,
    Num,
    Return,
    Switch,
    Unary,
    successors,
)
from analyzer.source import AnalyzerError, LimitExceeded

PAGE_LOCK = "page lock"
OWNER_LIST = "owner's list"
MAX_FRAMES = 14
MAX_CONFIGURATIONS = 30_000
MAX_HELD = 4
MAX_OWN_REFERENCES = 3


@dataclass(frozen=True)
class Owner:
    """The driver whose page T is: which functions its callbacks are, by field.

    A function is given as file and name. `indirect` are those that other fields may hold, which callbacks call.
    """

    callbacks: Callbacks
    functions: Mapping[str, tuple[str, str]]
    indirect: Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Extracted:
    """A context, compressed, and the functions that went into it.

    guarding: the owner's locks under which something happens to T; steps: every operation that occurs.
    """

    context: Context
    functions: tuple[Place, ...]
    guarding: frozenset[str]
    steps: frozenset[Op]


def extract(
    name: str, role: str, file: str, function: str, routines: Routines, vocabulary: Vocabulary, owner: Owner
) -> Extracted:
    """Return the context of a thread that runs `function` of `file`.

    The role "owner" makes every page T, and its references the owner's. Raises
    LimitExceeded when the thread has too many configurations, SourceError or
    SyntaxFailure when a function cannot be lowered.
    """
    return _Extraction(routines, vocabulary, owner, role == "owner").run(name, role, file, function)


class _Extraction:
    def __init__(self, routines: Routines, vocabulary: Vocabulary, owner: Owner, is_owner: bool) -> None:
        self.routines = routines
        self.words = vocabulary
        self.owner = owner
        self.is_owner = is_owner
        self.page_calls = vocabulary.page_calls() | {f"->{name}" for name in owner.callbacks.fields}
        self.lock_calls = vocabulary.locks.acquire | vocabulary.locks.trylock | vocabulary.locks.release
        self.sources = vocabulary.page_sources()
        lists = vocabulary.lists
        self.list_calls = lists.add | lists.move | lists.delete | lists.empty | lists.first.keys() | lists.splice.keys()
        self.used: list[Routine] = []
        self.number: dict[tuple[str, int], int] = {}
        self.guarding: set[str] = set()

    def run(self, name: str, role: str, file: str, function: str) -> Extracted:
        definition = self.routines.find(function, file)
        if definition is None:
            raise AnalyzerError(f"{file}: {function}() is not defined")
        builder = ContextBuilder(name, role)
        start = Configuration((self._enter(file, function),))
        pending, seen = [start], {start}
        builder.node(start)
        steps: set[Op] = set()
        while pending:
            current = pending.pop()
            for after, atoms, text, place in self._outcomes(current):
                if atoms and current.held and any(atom.name not in current.held for atom in atoms):
                    self.guarding.update(current.held)
                steps.update(atom.op for atom in atoms)
                builder.edge(current, after, *atoms, text=text, place=place)
                if after not in seen:
                    if len(seen) >= MAX_CONFIGURATIONS:
                        raise LimitExceeded(f"{file}: {function}(): more than {MAX_CONFIGURATIONS} configurations")
                    seen.add(after)
                    pending.append(after)
        places = tuple(routine.place(routine.function.at) for routine in self.used)
        return Extracted(compress(builder.build(start)), places, frozenset(self.guarding), frozenset(steps))

    # -- frames

    def _enter(
        self, file: str, name: str, values: Mapping[str, Value] | None = None, result: str = "", mark: str = ""
    ) -> Frame:
        definition = self.routines.find(name, file)
        assert definition is not None
        routine = self.routines.lower(definition)
        key = (definition.file, definition.item.start)
        if key not in self.number:
            self.number[key] = len(self.used)
            self.used.append(routine)
        return Frame(self.number[key], 0, 0, pack(values or {}), result, mark)

    def _for_owner(self, configuration: Configuration) -> bool:
        """Tell whether the code that runs is the owner's: its own thread, or one of its callbacks."""
        return self.is_owner or any(frame.callback for frame in configuration.frames)

    def _outcomes(self, configuration: Configuration) -> Iterator[Outcome]:
        """Yield the steps out of a configuration; what is silent and has one way to go is passed over."""
        while configuration.frames:
            frame = configuration.frames[-1]
            routine = self.used[frame.routine]
            block = routine.function.blocks[frame.block]
            if frame.at < len(block.instructions):
                outcomes = list(self._instruction(configuration, routine, block.instructions[frame.at]))
            else:
                outcomes = list(self._terminator(configuration, routine))
            if len(outcomes) != 1 or outcomes[0].atoms:
                yield from outcomes
                return
            after = outcomes[0].after
            if after.frames and len(after.frames) == len(configuration.frames):
                here = after.frames[-1]
                if here.at == 0 and here.block in self.used[here.routine].function.loop_heads:
                    yield outcomes[0]
                    return
            configuration = after

    # -- instructions

    def _instruction(
        self, configuration: Configuration, routine: Routine, instruction: Instruction
    ) -> Iterator[Outcome]:
        onward = move(configuration, at=configuration.frames[-1].at + 1)
        match instruction:
            case Assign(Field(Deref(base), member), value) if member in self.words.pages.owner_fields:
                if self._page(configuration, base) == THE_PAGE and self._value(configuration, value) == ZERO:
                    yield self._disown(onward, f"{member} = NULL", routine.place(instruction.at))
                    return
                yield Outcome(onward)
            case Assign(Name(target), Field(Deref(base), member)) if (
                member in self.words.pages.owner_fields and self._page(configuration, base) == THE_PAGE
            ):
                yield from self._read_owner(onward, target, f"->{member}", routine.place(instruction.at))
            case Assign(Name(target), value):
                yield Outcome(assign(onward, target, self._value(configuration, value)))
            case Havoc(Name(target)):
                yield Outcome(assign(onward, target, None))
            case Call():
                yield from self._call(configuration, onward, routine, instruction)
            case _:
                yield Outcome(onward)

    def _call(
        self, configuration: Configuration, onward: Configuration, routine: Routine, call: Call
    ) -> Iterator[Outcome]:
        place = routine.place(call.at)
        invoked, words = routine.invocation(call.at, call.callee.name if isinstance(call.callee, Name | Field) else "")
        onward = assign(onward, call.result, None)
        values = tuple(self._value(configuration, argument) for argument in call.arguments)
        if isinstance(call.callee, Field):
            name = call.callee.name
            if name in self.owner.callbacks.fields:
                yield from self._callback(configuration, onward, call, name, f"->{name}({', '.join(words)})", place)
            else:
                yield from self._indirect(onward, name, call, values, place)
            return
        name = call.callee.name if isinstance(call.callee, Name) else ""
        if (known := self._values(configuration).get(name, "")).startswith("fn:"):
            name = known.removeprefix("fn:")
        text = f"{invoked}({', '.join(words)})" if invoked == name else f"{name}()"
        first = self._page(configuration, call.arguments[0]) if call.arguments else None
        pages = self.words.pages
        if name in pages.identity and first is not None:
            yield Outcome(assign(onward, call.result, values[0] or first))
        elif name in pages.never:
            yield Outcome(assign(onward, call.result, ZERO if first == THE_PAGE else None))
        elif name in pages.always:
            yield Outcome(assign(onward, call.result, ONE))
        elif name in pages.fresh:
            yield Outcome(assign(onward, call.result, OTHER_PAGE))
            yield Outcome(assign(onward, call.result, ZERO))
        elif name in pages.sources:
            found = OTHER_PAGE if onward.seen else THE_PAGE
            yield Outcome(assign(onward._replace(seen=True), call.result, found))
        elif first == THE_PAGE and (done := list(self._step(_bind(onward, call), name, call, values, text, place))):
            yield from done
        elif name in self.list_calls:
            done = list(self._list_step(configuration, onward, name, call, values, text, place))
            yield from done or [Outcome(onward)]
        elif name in self.lock_calls:
            yield from self._lock_step(configuration, onward, name, call, text, place)
        else:
            yield from self._invoke(onward, routine, name, call, values)

    def _step(
        self,
        onward: Configuration,
        name: str,
        call: Call,
        values: tuple[Value | None, ...],
        text: str,
        place: Place,
    ) -> Iterator[Outcome]:
        """Yield what a call does to T, its first argument; nothing if it is no step."""
        steps, generation = self.words.steps, self.words.generation
        mine = self._for_owner(onward)

        def done(*atoms: Atom, value: Value | None = None, says: str = "", after: Configuration = onward) -> Outcome:
            return Outcome(assign(after, call.result, value), atoms, says or text, place)

        if self.is_owner and (
            (name in steps.lock | steps.trylock and onward.locked) or (name in steps.unlock and not onward.locked)
        ):
            return  # an owner locks each of its pages once: this is another one
        locked = onward._replace(locked=self.is_owner, met=self.is_owner)
        if name in steps.lock:
            yield done(acquire(PAGE_LOCK), after=locked)
        elif name in steps.trylock:
            yield done(acquire(PAGE_LOCK), value=ONE, after=locked)
            yield done(busy(PAGE_LOCK), value=ZERO, says=f"{text} fails")
        elif name in steps.unlock:
            yield done(release(PAGE_LOCK), after=onward._replace(locked=False))
        elif name in steps.wait:
            yield done(Atom(Op.LOCK_HELD_IS, PAGE_LOCK, value=False))
        elif name in steps.get:
            taken = min(onward.references + 1, MAX_OWN_REFERENCES) if mine else 0
            yield done(GET, after=onward._replace(references=taken))
        elif name in steps.try_get | steps.try_get_same:
            yield done(REFERENCED, GET, value=THE_PAGE if name in steps.try_get_same else ONE)
            yield done(UNREFERENCED, value=ZERO, says=f"{text} fails")
        elif name in steps.put:
            yield self._put(onward, text, place)
        elif name in steps.read_owner:
            yield from self._read_owner(onward, call.result, text, place)
        elif name in steps.disown:
            if values[1:2] == (ZERO,):
                yield self._disown(onward, text, place)
        elif name in generation.tests and not call.used:
            yield Outcome(onward)
        elif name in generation.tests:
            flags = generation.tests[name]
            yield done(*(flag_is(flag) for flag in flags), value=ONE, says=f"{text} is true")
            for flag in flags:
                yield done(flag_is(flag, False), value=ZERO, says=f"{text} is false")
        elif name in generation.publish and self.is_owner:
            return  # an owner that offers a page has a new one in hand
        elif name in generation.set:
            yield done(*(set_flag(flag) for flag in generation.set[name]))
        elif name in generation.clear:
            lets_go = mine and name in generation.release and not onward.released
            cleared = tuple(set_flag(flag, False) for flag in generation.clear[name])
            after = onward._replace(released=True) if lets_go else onward
            yield done(*cleared, *((DISOWN,) if lets_go else ()), after=after)

    def _disown(self, onward: Configuration, text: str, place: Place) -> Outcome:
        return Outcome(onward._replace(released=True), () if onward.released else (DISOWN,), text, place)

    def _put(self, onward: Configuration, text: str, place: Place) -> Outcome:
        """Drop a reference; an owner that drops one it has not taken lets the page go."""
        if not self._for_owner(onward):
            return Outcome(onward, (PUT,), text, place)
        if onward.references:
            return Outcome(onward._replace(references=onward.references - 1), (PUT,), text, place)
        if self.is_owner and not (onward.released or onward.met):
            return Outcome(onward)  # a page that was never offered: another one
        atoms = (PUT,) if onward.released else (DISOWN, PUT)
        return Outcome(onward._replace(released=True, dropped=True), atoms, text, place)

    def _read_owner(self, onward: Configuration, target: str, text: str, place: Place) -> Iterator[Outcome]:
        """Read the owner's data, which hangs on the page until the owner lets it go."""
        yield Outcome(assign(onward, target, NONZERO), (owned_is(),), f"{text} is set", place)
        yield Outcome(assign(onward, target, ZERO), (owned_is(False),), f"{text} is NULL", place)

    # -- lists

    def _list_step(
        self,
        configuration: Configuration,
        onward: Configuration,
        name: str,
        call: Call,
        values: tuple[Value | None, ...],
        text: str,
        place: Place,
    ) -> Iterator[Outcome]:
        lists = self.words.lists
        if name in lists.splice:
            origin, target = (values[position] if position < len(values) else None for position in lists.splice[name])
            moves = onward.listed and origin is not None and _list_key(origin) == onward.listed and target is not None
            yield Outcome(onward._replace(listed=_list_key(target)) if moves and target else onward)
        elif name in lists.first:
            yield from self._first_of(onward, call, values[lists.first[name]] if values else None, text, place)
        elif name in lists.empty and not self._is_link(configuration, call):
            there = bool(onward.listed) and values[0] is not None and _list_key(values[0]) == onward.listed
            yield Outcome(assign(onward, call.result, ZERO if there else None))
        elif self._is_link(configuration, call):
            if name in lists.empty:
                for on_list in (True, False):
                    says = f"{text} is {'false' if on_list else 'true'}"
                    value = ZERO if on_list else ONE
                    yield Outcome(assign(onward, call.result, value), (listed_is("", on_list),), says, place)
                return
            atoms: tuple[Atom, ...] = ()
            if name in lists.delete | lists.move:
                atoms = (self._removal(onward),)
                onward = onward._replace(listed="")
            if name in lists.add | lists.move:
                head = values[1] if len(values) > 1 else None
                if self._for_owner(onward) and head is not None and head.startswith("&->"):
                    atoms += (list_add(OWNER_LIST),)
                else:
                    moved = name in lists.move and atoms == (list_del(),)
                    atoms = () if moved else (*atoms, list_add())
                    onward = onward._replace(listed=_list_key(head) if head else "?")
            yield Outcome(onward, atoms, text, place)

    def _removal(self, configuration: Configuration) -> Atom:
        return list_del(OWNER_LIST) if self._for_owner(configuration) and not configuration.listed else list_del()

    def _is_link(self, configuration: Configuration, call: Call) -> bool:
        """Tell whether the first argument is T's place on a list."""
        match call.arguments[0] if call.arguments else None:
            case Addr(Field(Deref(base), member)) if member in self.words.lists.links:
                return self._page(configuration, base) == THE_PAGE
        return False

    def _first_of(
        self, onward: Configuration, call: Call, head: Value | None, text: str, place: Place
    ) -> Iterator[Outcome]:
        if onward.listed and head is not None and _list_key(head) == onward.listed:
            yield Outcome(assign(onward, call.result, THE_PAGE))
        elif self.is_owner and head is not None and head.startswith("&->") and self._names_pages(call):
            yield Outcome(
                assign(onward, call.result, THE_PAGE), (listed_is(OWNER_LIST),), f"{text} is this page", place
            )
            yield Outcome(assign(onward, call.result, OTHER_PAGE))
        else:
            yield Outcome(assign(onward, call.result, None))

    def _names_pages(self, call: Call) -> bool:
        return any(
            isinstance(argument, Name) and argument.name in self.words.lists.links for argument in call.arguments
        )

    # -- the owner's locks

    def _lock_step(
        self, configuration: Configuration, onward: Configuration, name: str, call: Call, text: str, place: Place
    ) -> Iterator[Outcome]:
        lock = _lock_name(call.arguments[0]) if call.arguments else ""
        locks = self.words.locks
        if not self._for_owner(configuration) or not lock:
            yield Outcome(onward)
            if name in locks.trylock:
                yield Outcome(assign(onward, call.result, ZERO))
            return
        nested = [held for held in onward.held if held.split("#")[0] == lock]
        if name in locks.release:
            if not nested:
                yield Outcome(onward)
                return
            held = list(onward.held)
            held.remove(nested[-1])
            yield Outcome(onward._replace(held=tuple(held)), (release(nested[-1]),), text, place)
            return
        taken = f"{lock}#{len(nested) + 1}" if nested else lock
        if len(onward.held) < MAX_HELD:
            after = onward._replace(held=(*onward.held, taken))
            value = ONE if name in locks.trylock else None
            yield Outcome(assign(after, call.result, value), (acquire(taken),), text, place)
        if name in locks.trylock:
            yield Outcome(assign(onward, call.result, ZERO), (busy(taken),), f"{text} fails", place)

    # -- calls

    def _callback(
        self, configuration: Configuration, onward: Configuration, call: Call, name: str, text: str, place: Place
    ) -> Iterator[Outcome]:
        fields = self.owner.callbacks
        source = fields.migrate_source if name == fields.migrate else 0
        if len(call.arguments) <= source or self._page(configuration, call.arguments[source]) != THE_PAGE:
            yield Outcome(onward)
            return
        if name not in self.owner.functions:
            raise AnalyzerError(f"{place.file}:{place.line}: the owner has no ->{name}()")
        role = dict(zip(fields.fields, ("isolate", "migrate", "putback"), strict=True))[name]
        file, function = self.owner.functions[name]
        frame = self._frame_for(file, function, self._arguments(configuration, call), call.result, role)
        if frame is None:
            raise AnalyzerError(f"{file}: {function}() is not defined")
        frame = frame._replace(values=pack({**dict(frame.values), **self._other_pages(frame, source)}))
        at_entry = self.words.generation.isolate_at == "entry"
        atoms = (callback(role),) if at_entry else ()
        after = onward._replace(frames=(*onward.frames, frame), references=0, released=False, dropped=False)
        yield Outcome(after, atoms, text, place)

    def _indirect(
        self, onward: Configuration, name: str, call: Call, values: tuple[Value | None, ...], place: Place
    ) -> Iterator[Outcome]:
        """Go into what a field may hold, if a callback hands T to it."""
        if self.is_owner or not self._for_owner(onward) or THE_PAGE not in values:
            yield Outcome(onward)
            return
        held = self.owner.indirect.get(name, ())
        frames = [self._frame_for(file, function, values, call.result) for file, function in held]
        if not any(frames):
            raise AnalyzerError(f"{place.file}:{place.line}: what ->{name}() calls was not found")
        for frame in frames:
            if frame is not None:
                yield Outcome(onward._replace(frames=(*onward.frames, frame)))

    def _other_pages(self, frame: Frame, source: int) -> dict[str, Value]:
        """Return the parameters of a migrate callback that are the page moved to."""
        parameters = self.used[frame.routine].function.parameters
        if frame.callback != "migrate" or not source:
            return {}
        return {parameters[source - 1].name: OTHER_PAGE} if len(parameters) >= source else {}

    def _arguments(self, configuration: Configuration, call: Call) -> tuple[Value | None, ...]:
        return tuple(self._value(configuration, argument) for argument in call.arguments)

    def _frame_for(
        self, file: str, name: str, values: tuple[Value | None, ...], result: str, mark: str = ""
    ) -> Frame | None:
        if self.routines.find(name, file) is None:
            return None
        frame = self._enter(file, name, {}, result, mark)
        parameters = self.used[frame.routine].function.parameters
        named = {p.name: v for p, v in zip(parameters, values, strict=False) if v is not None}
        return frame._replace(values=pack(named))

    def _invoke(
        self,
        onward: Configuration,
        routine: Routine,
        name: str,
        call: Call,
        values: tuple[Value | None, ...],
    ) -> Iterator[Outcome]:
        """Go into a function that can reach T; pass over any other."""
        if self._worth(onward, routine.function.file, name, values):
            frame = self._frame_for(routine.function.file, name, values, call.result)
            assert frame is not None
            onward = onward._replace(frames=(*onward.frames, frame))
        yield Outcome(onward)

    def _worth(self, onward: Configuration, file: str, name: str, values: tuple[Value | None, ...]) -> bool:
        definition = self.routines.find(name, file) if name not in self.page_calls else None
        if definition is None or len(onward.frames) >= MAX_FRAMES:
            return False
        if any(self.used[frame.routine].function.name == name for frame in onward.frames):
            return False
        names = self.routines.reached_names(definition)
        if self._for_owner(onward):
            return bool(names & (self.page_calls | self.lock_calls | self.words.pages.fresh))
        if not names & self.page_calls:
            return False
        if THE_PAGE in values:
            return True
        if OTHER_PAGE in values:
            return False
        if onward.listed:
            return onward.listed in {_list_key(value) for value in values if value} and bool(names & self.sources)
        return not onward.seen and bool(names & self.words.pages.sources)

    # -- control flow

    def _terminator(self, configuration: Configuration, routine: Routine) -> Iterator[Outcome]:
        frame = configuration.frames[-1]
        terminator = routine.function.blocks[frame.block].terminator
        match terminator:
            case Jump(to):
                yield Outcome(self._goto(configuration, routine, to))
            case Branch(condition, true, false):
                at = routine.iterator_at(frame.block)
                if at is not None and (rounds := list(self._iterate(configuration, routine, at, true, false))):
                    yield from rounds
                    return
                known = truth(self._value(configuration, condition))
                first = self._first_round(configuration, routine) if known is None and self.is_owner else None
                if first is not None:
                    yield Outcome(first)
                    return
                for holds, to in ((True, true), (False, false)):
                    if known in (None, holds):
                        yield Outcome(self._goto(self._learn(configuration, condition, holds), routine, to))
            case Switch(value, cases, default):
                yield from self._switch(configuration, routine, value, cases, default)
            case Return(value):
                yield from self._return(configuration, routine, value, terminator.at)

    def _switch(
        self,
        configuration: Configuration,
        routine: Routine,
        value: Expr,
        cases: tuple[tuple[Expr, Expr | None, int], ...],
        default: int,
    ) -> Iterator[Outcome]:
        known = self._value(configuration, value)
        for low, high, to in cases:
            constant = self._value(configuration, low)
            same = None if high is not None else equal(known, constant)
            if same is True:
                yield Outcome(self._goto(configuration, routine, to))
                return
            if same is None:
                learnt = configuration
                if isinstance(value, Name) and high is None:
                    learnt = assign(configuration, value.name, constant)
                yield Outcome(self._goto(learnt, routine, to))
        yield Outcome(self._goto(configuration, routine, default))

    def _return(self, configuration: Configuration, routine: Routine, value: Expr | None, at: int) -> Iterator[Outcome]:
        frame = configuration.frames[-1]
        result = self._value(configuration, value) if value is not None else None
        after = configuration._replace(frames=configuration.frames[:-1])
        if not after.frames:
            if self.is_owner and configuration.released and not configuration.dropped:
                text = "the caller drops the owner's reference"
                yield Outcome(after._replace(dropped=True), (PUT,), text, routine.place(at))
            return
        after = assign(after, frame.result, result)
        if frame.callback:
            after = after._replace(held=(), references=0, released=False, dropped=False)
        if frame.callback != "isolate" or self.words.generation.isolate_at != "accepted":
            yield Outcome(after)
            return
        text = f"{routine.function.name}() accepts the page"
        if truth(result) is not False:
            accepted = assign(after, frame.result, result or NONZERO)
            yield Outcome(accepted, (callback("isolate"),), text, routine.place(at))
        if truth(result) is not True:
            yield Outcome(assign(after, frame.result, ZERO))

    def _iterate(
        self, configuration: Configuration, routine: Routine, at: int, true: int, false: int
    ) -> Iterator[Outcome]:
        """Yield the rounds of a walk over a list: T once if it is there; nothing if the macro is no such walk."""
        macro, words = routine.invocation(at)
        position = self.words.lists.each.get(macro)
        if position is None or position >= len(words):
            return
        frame = configuration.frames[-1]
        visited = f"%visited{frame.block}"
        leave = Outcome(self._goto(assign(configuration, visited, None), routine, false))
        if visited in dict(frame.values):
            yield leave
            return
        head = self._head(configuration, words[position])
        entered = assign(configuration, visited, ONE)
        if configuration.listed and _list_key(head) == configuration.listed:
            yield Outcome(self._goto(assign(entered, words[0], THE_PAGE), routine, true))
        elif self.is_owner and words[-1] in self.words.lists.links and head.startswith("&->"):
            found = self._goto(assign(entered, words[0], THE_PAGE), routine, true)
            text = f"{macro}() finds the page"
            yield Outcome(found, (listed_is(OWNER_LIST),), text, routine.place(at))
            yield Outcome(leave.after, (listed_is(OWNER_LIST, False),))
        elif self._for_owner(configuration):
            yield Outcome(self._goto(assign(entered, words[0], None), routine, true))
            yield leave
        else:
            yield leave

    def _first_round(self, configuration: Configuration, routine: Routine) -> Configuration | None:
        """Go into a loop over an owner's pages, which it has one of at least; None if there is no such choice here."""
        frame = configuration.frames[-1]
        body = routine.loops.get(frame.block, frozenset())
        entered = f"%visited{frame.block}"
        inside = [to for to in successors(routine.function.blocks[frame.block].terminator) if to in body]
        if len(inside) != 1 or entered in dict(frame.values) or not routine.calls(body) & self.page_calls:
            return None
        return self._goto(assign(configuration, entered, ONE), routine, inside[0])

    def _head(self, configuration: Configuration, text: str) -> Value:
        """Return the value of a list's head that is known as text."""
        if text.startswith("&"):
            inner = text[1:].strip("() ")
            cut = max(inner.rfind("->"), inner.rfind("."))
            return f"&->{inner[cut:].lstrip('->.')}" if cut >= 0 else f"&{inner}"
        return self._values(configuration).get(text, f"&{text}")

    def _goto(self, configuration: Configuration, routine: Routine, to: int) -> Configuration:
        """Go to a block, and forget what nothing from there on can ask for."""
        frame = configuration.frames[-1]
        live = routine.live[to]
        loops = routine.loops

        def keeps(name: str, value: Value) -> bool:
            if name.startswith("%visited"):
                return to in loops.get(int(name.removeprefix("%visited")), ())
            return name in live or value.startswith("&")

        kept = tuple((name, value) for name, value in frame.values if keeps(name, value))
        frame = frame._replace(block=to, at=0, values=kept)
        return configuration._replace(frames=(*configuration.frames[:-1], frame))

    def _learn(self, configuration: Configuration, condition: Expr, holds: bool) -> Configuration:
        """Return the configuration in which a condition is known to hold, or not to."""
        match condition:
            case Name(name):
                known = self._values(configuration).get(name)
                return configuration if known is not None else assign(configuration, name, NONZERO if holds else ZERO)
            case Unary("!", operand):
                return self._learn(configuration, operand, not holds)
            case Binary("==" | "!=" as operator, Name(name), constant):
                value = self._value(configuration, constant)
                if value is not None and value.startswith("=") and holds == (operator == "=="):
                    return assign(configuration, name, value)
                if value == ZERO and self._values(configuration).get(name) is None:
                    return assign(configuration, name, NONZERO)
        return configuration

    # -- values

    def _values(self, configuration: Configuration) -> dict[str, Value]:
        return dict(configuration.frames[-1].values)

    def _page(self, configuration: Configuration, expression: Expr) -> Value | None:
        """Return THE_PAGE or OTHER_PAGE if an expression is known to be that page."""
        value = self._value(configuration, expression)
        if value in (THE_PAGE, OTHER_PAGE):
            return value
        return THE_PAGE if self.is_owner and value in (None, NONZERO) and not configuration.dropped else None

    def _value(self, configuration: Configuration, expression: Expr) -> Value | None:
        match expression:
            case Num(number):
                return f"={number}"
            case Name(name):
                return self._named(configuration, name)
            case Addr(Field(Deref(base), member)) if member in self.words.pages.identity_fields:
                inner = self._value(configuration, base)
                return inner if inner in (THE_PAGE, OTHER_PAGE) else f"&->{member}"
            case Addr(Field(_, member)):
                return f"&->{member}"
            case Addr(Name(name)):
                return f"&{name}"
            case Unary(operator, operand):
                return unary(operator, self._value(configuration, operand))
            case Binary(operator, left, right):
                return binary(operator, self._value(configuration, left), self._value(configuration, right))
        return None

    def _named(self, configuration: Configuration, name: str) -> Value | None:
        frame = configuration.frames[-1]
        value = dict(frame.values).get(name)
        function = self.used[frame.routine].function
        if value is not None or name in function.locals or name.startswith("%"):
            return value
        if any(parameter.name == name for parameter in function.parameters):
            return None
        if name in self.words.pages.zero:
            return ZERO
        if name.upper() == name:
            return f"={name}"
        return f"fn:{name}" if self.routines.find(name, function.file) is not None else None


def _bind(configuration: Configuration, call: Call) -> Configuration:
    """Remember that the variable that a step is done to is T."""
    first = call.arguments[0]
    return assign(configuration, first.name, THE_PAGE) if isinstance(first, Name) else configuration


def _list_key(value: Value) -> str:
    return value.removeprefix("&").removeprefix("->")


def _lock_name(expression: Expr) -> str:
    match expression:
        case Addr(base):
            return _lock_name(base)
        case Field(_, member):
            return member
        case Name(name) if not name.startswith("%"):
            return name
    return ""
