"""The functions of a few files, found by name, with what the extraction asks of each.

A name is looked up as C would with everything linked together: in the same
file first, then among headers and functions with external linkage. Of several
definitions (a stub for a configuration that is off) the one that does most is
taken, and of a function's preprocessor variants the longest.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from analyzer.cfg import Idioms, build_cfg
from analyzer.dataflow.liveness import live_in
from analyzer.interleave.automaton import Place
from analyzer.ir import Branch, Call, Function, Havoc, Name, successors
from analyzer.program import call_names
from analyzer.source import SourceText
from analyzer.syntax import FunctionText, Outline, outline, parse_function

_ARGUMENTS = re.compile(r"\w+\s*\(")


@dataclass(frozen=True, eq=False)
class Routine:
    """One function in IR; `live` are the names that each block may read."""

    function: Function
    source: SourceText
    live: tuple[frozenset[str], ...]

    @cached_property
    def loops(self) -> Mapping[int, frozenset[int]]:
        """Return the blocks of the natural loop of each loop head."""
        before: dict[int, list[int]] = {}
        for number, block in enumerate(self.function.blocks):
            for after in successors(block.terminator):
                before.setdefault(after, []).append(number)
        loops = {}
        for head in self.function.loop_heads:
            body = {int(head)}
            pending = [number for number in before.get(head, ()) if number >= head]
            while pending:
                number = pending.pop()
                if number not in body:
                    body.add(number)
                    pending += before.get(number, ())
            loops[int(head)] = frozenset(body)
        return loops

    def calls(self, blocks: Iterable[int]) -> frozenset[str]:
        """Return the names that some blocks call by name."""
        return frozenset(
            instruction.callee.name
            for number in blocks
            for instruction in self.function.blocks[number].instructions
            if isinstance(instruction, Call) and isinstance(instruction.callee, Name)
        )

    def place(self, at: int) -> Place:
        """Return where an offset stands."""
        line, _ = self.source.position(at)
        return Place(self.function.file, line, self.function.name)

    def invocation(self, at: int, name: str = "") -> tuple[str, tuple[str, ...]]:
        """Return the name and the arguments, as text, of the call or macro that stands at an offset.

        With a `name`, of the first call of that name from there on. ("", ()) if there is none.
        """
        text = self.source.data[at : at + 400].decode("utf-8", "replace")
        if name:
            found = re.search(rf"\b{re.escape(name)}\s*\(", text)
            text = text[found.start() :] if found is not None else ""
        found = _ARGUMENTS.match(text)
        if found is None:
            return "", ()
        depth, start, arguments = 0, found.end(), []
        for offset in range(found.end() - 1, len(text)):
            depth += (text[offset] in "([{") - (text[offset] in ")]}")
            if (depth == 1 and text[offset] == ",") or depth == 0:
                arguments.append(" ".join(text[start:offset].split()))
                start = offset + 1
            if depth == 0:
                return text[: found.end() - 1].strip(), tuple(arguments)
        return "", ()

    def iterator_at(self, block: int) -> int | None:
        """Return the offset of the iterator macro that a block is the head of, None if it is no such head."""
        body = self.function.blocks[block]
        if not body.instructions or not isinstance(body.terminator, Branch):
            return None
        last = body.instructions[-1]
        if isinstance(last, Havoc) and last.target == body.terminator.condition and isinstance(last.target, Name):
            return last.at
        return None


@dataclass(frozen=True)
class Definition:
    """A function as text, and the names that its body calls."""

    file: str
    item: FunctionText
    callees: frozenset[str]

    @property
    def key(self) -> tuple[str, str]:
        """Return file and name."""
        return self.file, self.item.name


class Routines:
    """All functions of `texts`, lowered when they are asked for."""

    def __init__(self, texts: Mapping[str, bytes], idioms: Idioms) -> None:
        """Read the outlines of the files."""
        self._idioms = idioms
        self.outlines: dict[str, Outline] = {}
        self._by_name: dict[str, list[Definition]] = {}
        self._lowered: dict[tuple[str, int], Routine] = {}
        self._closures: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}
        self._reached: dict[tuple[str, str], frozenset[str]] = {}
        for path in sorted(texts):
            items = outline(SourceText(path, texts[path]))
            self.outlines[path] = items
            for item in items.functions:
                callees = call_names(texts[path][item.body : item.end])
                self._by_name.setdefault(item.name, []).append(Definition(path, item, callees))

    def definitions(self, file: str | None = None) -> Iterable[Definition]:
        """Yield all definitions, or those of one file, sorted by name."""
        for name in sorted(self._by_name):
            yield from (d for d in self._by_name[name] if file is None or d.file == file)

    def find(self, name: str, file: str) -> Definition | None:
        """Return the definition that a call of `name` in `file` means, None when there is none."""
        known = self._by_name.get(name, ())
        candidates = [d for d in known if d.file == file]
        candidates = candidates or [d for d in known if d.file.endswith(".h") or not d.item.is_static]
        return max(candidates, key=lambda d: d.item.end - d.item.body, default=None)

    def lower(self, definition: Definition) -> Routine:
        """Return a function in IR; raise SyntaxFailure when it cannot be parsed at all."""
        key = (definition.file, definition.item.start)
        if key not in self._lowered:
            source = self.outlines[definition.file].source
            variants = [
                build_cfg(parsed, definition.file, self._idioms) for parsed in parse_function(source, definition.item)
            ]
            function = max(variants, key=_count_calls)
            self._lowered[key] = Routine(function, source, live_in(function))
        return self._lowered[key]

    def closure(self, definition: Definition) -> frozenset[tuple[str, str]]:
        """Return the keys of all definitions that a function reaches by calls, itself included."""
        if definition.key not in self._closures:
            seen = {definition.key}
            pending = [definition]
            while pending:
                current = pending.pop()
                for name in current.callees:
                    found = self.find(name, current.file)
                    if found is not None and found.key not in seen:
                        seen.add(found.key)
                        pending.append(found)
            self._closures[definition.key] = frozenset(seen)
        return self._closures[definition.key]

    def reached_names(self, definition: Definition) -> frozenset[str]:
        """Return every name that a function calls, itself or through others."""
        if definition.key not in self._reached:
            names: set[str] = set()
            for file, name in self.closure(definition):
                for found in self._by_name[name]:
                    if found.file == file:
                        names |= found.callees
            self._reached[definition.key] = frozenset(names)
        return self._reached[definition.key]

    def size(self, definition: Definition) -> int:
        """Return how many bytes of C a function reaches."""
        return sum(
            d.item.end - d.item.body
            for file, name in self.closure(definition)
            for d in self._by_name[name]
            if d.file == file
        )


def _count_calls(function: Function) -> int:
    return sum(isinstance(instruction, Call) for block in function.blocks for instruction in block.instructions)
