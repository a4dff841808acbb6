"""What the questions about the shape of a function have in common: calls, aliases, reachability.

Everything here is flow-insensitive unless it says otherwise, and looks at one
variant of one function.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from analyzer.findings import Confidence, Finding
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
    Index,
    Name,
    Num,
    Unary,
    successors,
)
from analyzer.program import OperationBinding
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, Model, Rule
from analyzer.rulespec.protocol import Protocol
from analyzer.source import SourceText


@dataclass(frozen=True)
class FileShape:
    """One file as the questions see it.

    functions: every variant of the functions that may matter, by name; callees: the names that each function and macro
    calls, whether it may matter or not; bindings: those of this file.
    """

    source: SourceText
    functions: Mapping[str, tuple[Function, ...]]
    callees: Mapping[str, frozenset[str]]
    bindings: tuple[OperationBinding, ...]
    model: Model
    protocol: Protocol
    rules: Mapping[str, Rule]

    def variants(self) -> Iterator[Function]:
        """Yield every function that is not a macro, in order of names."""
        for name in sorted(self.functions):
            yield from (f for f in self.functions[name] if not f.is_macro)

    def callees_of(self, *events: str) -> frozenset[str]:
        """Return the functions that are direct calls of some events of this tree's model."""
        return frozenset(p.callee for e in self.model.events if e.name in events for p in e.calls if not p.indirect)

    def knows(self, event: str) -> bool:
        """Tell whether the model of this tree has an event of that name."""
        return any(e.name == event for e in self.model.events)

    def bound_to(self, fields: Collection[str]) -> tuple[Function, ...]:
        """Return the functions of this file that stand in a table of the protocol, in one of the fields.

        A table is one of the protocol when it lets its pages be isolated. A function that is assigned to such a
        field at run time (a balloon's) is called from one.
        """
        isolating = {(b.struct, b.table) for b in self.bindings if b.field in self.protocol.operations.isolate}
        names = sorted(
            {
                b.function
                for b in self.bindings
                if b.field in fields and (not b.struct or (b.struct, b.table) in isolating)
            }
        )
        return tuple(f for name in names for f in self.functions.get(name, ()) if not f.is_macro)

    def enclosing(self, at: int) -> str:
        """Return the function around an offset, "" at top level."""
        return next((f.name for f in self.variants() if f.at <= at < f.end), "")

    def finding(
        self, rule: str, at: int, function: str, subject: str, *, doubt: bool = False, **words: str
    ) -> Iterator[Finding]:
        """Yield the finding of a rule at an offset, of low confidence if in doubt, unless the rule is not asked."""
        asked = self.rules.get(rule)
        if asked is None:
            return
        line, column = self.source.position(max(at, 0))
        message = asked.message.replace("{page}", subject)
        for name, word in words.items():
            message = message.replace("{" + name + "}", word)
        yield Finding(
            rule=asked.id,
            severity=asked.severity,
            confidence=Confidence.LOW if doubt else asked.confidence,
            file=self.source.path,
            line=line,
            column=column,
            function=function,
            subject=subject,
            message=message,
            line_text=self.source.line(line),
        )


def calls_of(function: Function) -> Iterator[tuple[int, Call]]:
    """Yield (block, call) in block order."""
    for number, block in enumerate(function.blocks):
        for instruction in block.instructions:
            if isinstance(instruction, Call):
                yield number, instruction


def callee_name(call: Call) -> str:
    """Return the name of a directly called function, "" for a call through a pointer."""
    return call.callee.name if isinstance(call.callee, Name) else ""


def names_in(expression: Expr | None) -> frozenset[str]:
    """Return the variables and constants that an expression mentions."""
    match expression:
        case Name(name):
            return frozenset({name})
        case Field(base, _) | Deref(base) | Addr(base) | Unary(_, base):
            return names_in(base)
        case Index(left, right) | Binary(_, left, right):
            return names_in(left) | names_in(right)
        case _:
            return frozenset()


def derived(function: Function, roots: Iterable[str], opaque: Collection[str] = ()) -> frozenset[str]:
    """Return the variables whose value may come from `roots`, through assignments and calls.

    The results of the functions in `opaque` do not count.
    """
    return _closure(
        function,
        frozenset(roots),
        lambda value, known: bool(names_in(value) & known),
        lambda name: name not in opaque,
    )


def copies_of(function: Function, root: str, same: Collection[str]) -> frozenset[str]:
    """Return the variables that hold the object of `root`: plain copies, and results of identity functions."""
    return _closure(
        function,
        frozenset({root}),
        lambda value, known: isinstance(value, Name) and value.name in known,
        lambda name: name in same,
    )


def derived_from_calls(function: Function, callees: Collection[str]) -> frozenset[str]:
    """Return the variables that hold the result of one of some functions somewhere: plain copies only."""
    results = frozenset(call.result for _, call in calls_of(function) if callee_name(call) in callees)
    if not results:
        return results
    return _closure(
        function, results, lambda value, known: isinstance(value, Name) and value.name in known, lambda _: False
    )


def has_word(name: str, words: Collection[str]) -> bool:
    """Tell whether one of the words is a part of a name between underscores."""
    return not frozenset(words).isdisjoint(name.split("_"))


def _closure(
    function: Function,
    roots: frozenset[str],
    carries: Callable[[Expr, frozenset[str]], bool],
    passes: Callable[[str], bool],
) -> frozenset[str]:
    """Add variables that are assigned what `carries`, or the result of a callee that `passes` such an argument on."""
    found = roots
    while True:
        more = set(found)
        for block in function.blocks:
            for instruction in block.instructions:
                match instruction:
                    case Assign(Name(name), value) if carries(value, found):
                        more.add(name)
                    case Call() if passes(callee_name(instruction)) and any(
                        carries(argument, found) for argument in instruction.arguments
                    ):
                        more.add(instruction.result)
        if len(more) == len(found):
            return found
        found = frozenset(more)


def reachable(function: Function, start: int, stop: Callable[[int], bool]) -> frozenset[int]:
    """Return the blocks that control may enter from `start`; it does not go on from a block where `stop` holds."""
    seen = {start}
    work = deque([start])
    while work:
        number = work.popleft()
        if stop(number):
            continue
        for successor in successors(function.blocks[number].terminator):
            if successor not in seen:
                seen.add(successor)
                work.append(successor)
    return frozenset(seen)


def single_values(function: Function) -> Mapping[str, Expr | Call]:
    """Return, for each variable that is written exactly once, what is written to it."""
    written: dict[str, Expr | Call | None] = {}
    for block in function.blocks:
        for instruction in block.instructions:
            name: str | None = None
            value: Expr | Call | None = None
            if isinstance(instruction, Call):
                name, value = instruction.result, instruction
            elif isinstance(instruction, Assign) and isinstance(instruction.target, Name):
                name, value = instruction.target.name, instruction.value
            if name is not None:
                written[name] = None if name in written else value
    return {name: value for name, value in written.items() if value is not None}


@dataclass(frozen=True)
class Test:
    """A branch on the result of a call: which classes of that result take which edge."""

    call: Call
    true_mask: int


def test_of(function: Function, block: int) -> Test | None:
    """Return what a block's branch asks of a call's result; None when it is something else.

    A variable is followed to its last assignment in the block, else to its only one in the function.
    """
    body = function.blocks[block]
    if not isinstance(body.terminator, Branch):
        return None
    local: dict[str, Expr | Call] = dict(single_values(function))
    for instruction in body.instructions:
        if isinstance(instruction, Call):
            local[instruction.result] = instruction
        elif isinstance(instruction, Assign) and isinstance(instruction.target, Name):
            local[instruction.target.name] = instruction.value
    mask = POSITIVE | NEGATIVE
    condition: Expr | Call = body.terminator.condition
    for _ in range(8):
        match condition:
            case Call():
                return Test(condition, mask)
            case Name(name) if name in local:
                condition = local[name]
            case Unary("!", operand):
                condition, mask = operand, ANY & ~mask
            case Binary(op, left, Num(0)) if op in _AGAINST_ZERO:
                if mask not in (ZERO, POSITIVE | NEGATIVE):
                    return None
                wanted = _AGAINST_ZERO[op]
                condition, mask = left, wanted if mask != ZERO else ANY & ~wanted
            case _:
                return None
    return None


_AGAINST_ZERO = {
    "==": ZERO,
    "!=": POSITIVE | NEGATIVE,
    "<": NEGATIVE,
    "<=": NEGATIVE | ZERO,
    ">": POSITIVE,
    ">=": POSITIVE | ZERO,
}
