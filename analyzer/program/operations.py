"""Operations tables: which function stands in which field of which struct.

`read_operations` gives the bindings of one file, from initialisers (top-level, local,
nested, arrays, compound literals, made by a macro of the same file) and from
assignments in function bodies, and where a table is put to use.

It reads text, not trees. Both arms of a conditional count, so a field may have two
functions (over-approximation). Only a value that comes down to one name counts:
casts, `&`, brackets and wrapper macros (`pm_ptr(g)`) are taken off; a conditional
expression, a value without a designator, and a table that a macro of another file
makes are missed. Whether the name is a function is not known here.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace

from analyzer.program.blanking import blank_comments, blank_directives
from analyzer.source import LimitExceeded
from analyzer.syntax import FunctionText, Outline


@dataclass(frozen=True, order=True)
class OperationBinding:
    """Function `function` stored in `field` of `table`, at `file`:`line`.

    `struct` is "" where the text does not say it: a nested member, an assignment.
    `table` is the variable with its member path (`x.ops`), or the left side of
    an assignment without the field (`inode->ops`).
    """

    struct: str
    table: str
    field: str
    function: str
    file: str
    line: int


@dataclass(frozen=True, order=True)
class TableUse:
    """A table put to use in a function body: `->field = &table`, or `registrar(&table, argument)`.

    `target` is the field or the registrar, `arguments` are those after the table.
    """

    table: str
    target: str
    arguments: tuple[str, ...]
    function: str
    file: str
    line: int


@dataclass(frozen=True)
class FileOperations:
    """Bindings and uses of one file, each in file order."""

    bindings: tuple[OperationBinding, ...] = ()
    uses: tuple[TableUse, ...] = ()


_BRACKET_OR_COMMA = re.compile(r"[(){}\[\],]")
_DESIGNATOR = re.compile(r"\s*((?:\.\s*\w+|\[[^]]*\])(?:\s*(?:\.\s*\w+|\[[^]]*\]))*)\s*=(?!=)\s*")
_MEMBER = re.compile(r"\.\s*(\w+)")
_NAME = re.compile(r"[A-Za-z_]\w*$")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\((.*)\)$", re.DOTALL)
_INVOCATION = re.compile(r"([A-Za-z_]\w*)\s*(?:\((.*)\))?$", re.DOTALL)
_LITERAL_TYPE = re.compile(r"&?\s*\(\s*(?:const\s+|volatile\s+)*struct\s+(\w+)\s*(?:\[[^]]*\])?\s*\)\s*$")
# No \b in front: a pattern that begins with its literal text is found ten times as fast.
_TABLE = re.compile(r"struct\s+(\w+)\s+(\w+)(?:\s*\[[^]]*\])*(?:\s+__\w+)*\s*=\s*\{")
_MADE_TABLE = re.compile(r"struct\s++\w++\s++[\w#\s]+?(?:\[[^]]*\]\s*)*=\s*\{")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(?:\(([^()]*)\))?((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_LITERAL = re.compile(r"=\s*&?\s*\(\s*(?:const\s+)?struct\s+(\w+)\s*\)\s*\{")
_ASSIGNMENT = re.compile(r"(?:->|\.)(\w+)\s*=(?!=)\s*([^;{}]{1,200});")
_OWNER = re.compile(r"[A-Za-z_](?:\w|->|\.|\[\w*\])*$")
_MADE_BY_CALL = re.compile(r"\w+\s*\(")
_ADDRESS = re.compile(r"&\s*([A-Za-z_]\w*)\b(?!\s*(?:->|\.|\[|\())")
_TABLE_FIELD = re.compile(r"(?:ops|_f?op)$")
_NOT_FUNCTIONS = frozenset({"sizeof", "true", "false"})


def read_operations(
    outline: Outline,
    registrars: Set[str] = frozenset(),
    fields: Set[str] = frozenset(),
    functions: Set[str] = frozenset(),
) -> FileOperations:
    """Return what one file stores in operations tables.

    `registrars` are the functions that take a table (`set_movable_ops`). An assignment
    `x->field = name` is a binding when `field` is one of `fields` or `name` one of
    `functions` or a function that the file defines or declares; a local variable of the same name as such a
    function is taken for it (over-approximation). Raises LimitExceeded when the
    file's macros expand without end.
    """
    return _FileReader(outline, registrars, fields, functions).read()


class _FileReader:
    """One file's text with comments and directives blanked, offset for offset."""

    def __init__(
        self, outline: Outline, registrars: Set[str], fields: Set[str], functions: Set[str] = frozenset()
    ) -> None:
        self._outline = outline
        names = "|".join(map(re.escape, sorted(registrars)))
        self._registrar_calls = re.compile(rf"\b({names})\s*(?=\()")
        self._registrars = registrars
        self._fields = fields
        text = blank_comments(outline.source.data.decode("latin-1"))
        self._macros = _read_macros(text)
        self._text = blank_directives(text)
        self._expanded = 0
        self._known = {f.name for f in outline.functions} | {p.name for p in outline.prototypes} | functions
        self._tables = {initialiser.name for initialiser in outline.initialisers}

    def read(self) -> FileOperations:
        """Return bindings and uses, each sorted by place and without doubles."""
        bindings: set[OperationBinding] = set()
        for initialiser in self._outline.initialisers:
            opening = self._text.find("{", initialiser.start, initialiser.end)
            if opening >= 0:
                bindings.update(self._initialiser(initialiser.struct, initialiser.name, opening))
        bindings.update(self._macro_tables())
        uses: set[TableUse] = set()
        has_registrar = any(name in self._text for name in self._registrars)
        for function in self._outline.functions:
            bindings.update(self._local_tables(function))
            if has_registrar:
                uses.update(self._registrations(function))
        for assignment in self._assignments():
            bindings.update(self._assigned_function(assignment))
            uses.update(self._assigned_tables(assignment))
        by_place = sorted(bindings, key=lambda b: (b.line, b))
        return FileOperations(tuple(by_place), tuple(sorted(uses, key=lambda u: (u.line, u))))

    def _line(self, offset: int) -> int:
        return bisect_right(self._outline.source.line_starts, offset)

    def _initialiser(self, struct: str, table: str, opening: int) -> Iterator[OperationBinding]:
        """Read the braces at `opening`; each binding's line is that of its designator."""
        for found in self._entries(self._text, opening, struct, table):
            yield self._binding(found, self._line(found.offset))

    def _binding(self, entry: "_Entry", line: int) -> OperationBinding:
        path = self._outline.source.path
        return OperationBinding(entry.struct, entry.table, entry.field, entry.function, path, line)

    def _entries(self, text: str, opening: int, struct: str, table: str, depth: int = 0) -> Iterator["_Entry"]:
        """Yield the designated names between the braces at `opening`, nested ones too.

        Nesting and expansion of macros stop at a depth that no table has.
        """
        if depth > _MAX_DEPTH:
            return
        for start, end in _split(text, opening + 1, _closing(text, opening)):
            found = _DESIGNATOR.match(text, start, end)
            value_at = found.end() if found else start
            value = text[value_at:end].strip()
            members = _MEMBER.findall(found[1]) if found else []
            brace = text.find("{", value_at, end)
            literal = _LITERAL_TYPE.match(text[value_at:brace].strip()) if brace >= 0 else None
            if brace >= 0 and (literal or not text[value_at:brace].strip()):
                inner = literal[1] if literal else "" if members else struct
                yield from self._entries(text, brace, inner, ".".join([table, *members]), depth + 1)
            elif members:
                if function := _function_of(value):
                    owner = struct if len(members) == 1 else ""
                    path = ".".join([table, *members[:-1]])
                    yield _Entry(owner, path, members[-1], function, found.start(1) if found else start)
            elif not found and (body := self._expand(value)) and body.lstrip().startswith("."):
                for entry in self._entries(f"{{{body}}}", 0, struct, table, depth + 1):
                    yield replace(entry, offset=text.index(value, value_at))

    def _expand(self, invocation: str) -> str:
        """Return the replacement text of `NAME` or `NAME(arguments)` when this file defines the macro, else ""."""
        found = _INVOCATION.match(invocation)
        macro = self._macros.get(found[1]) if found else None
        if found is None or macro is None or (found[2] is None) != (macro.parameters is None):
            return ""
        arguments = [found[2][a:b].strip() for a, b in _split(found[2], 0, len(found[2]))] if found[2] else []
        body = _substitute(macro.body, dict(zip(macro.parameters or (), arguments, strict=False)))
        self._expanded += len(body)
        if self._expanded > _MAX_EXPANDED:
            raise LimitExceeded(f"{self._outline.source.path}: its macros expand to more than {_MAX_EXPANDED} bytes")
        return body

    def _macro_tables(self) -> Iterator[OperationBinding]:
        """Read the tables that top-level invocations of this file's own macros make."""
        makers = [name for name, macro in self._macros.items() if macro.parameters and _MADE_TABLE.search(macro.body)]
        if not makers:
            return
        for found in re.finditer(rf"^({'|'.join(map(re.escape, makers))})\s*(?=\()", self._text, re.MULTILINE):
            closing = _closing(self._text, found.end())
            expanded = self._expand(self._text[found.start() : closing + 1])
            for table in _TABLE.finditer(expanded):
                for entry in self._entries(expanded, table.end() - 1, table[1], table[2]):
                    yield self._binding(entry, self._line(found.start()))

    def _local_tables(self, function: FunctionText) -> Iterator[OperationBinding]:
        """Read tables and compound literals in one body."""
        for found in _TABLE.finditer(self._text, function.body, function.end):
            yield from self._initialiser(found[1], found[2], found.end() - 1)
        for found in _LITERAL.finditer(self._text, function.body, function.end):
            yield from self._initialiser(found[1], "", found.end() - 1)

    def _registrations(self, function: FunctionText) -> Iterator[TableUse]:
        """Read `registrar(&table, ...)` in one body."""
        for found in self._registrar_calls.finditer(self._text, function.body, function.end):
            closing = _closing(self._text, found.end())
            arguments = [self._text[a:b].strip() for a, b in _split(self._text, found.end() + 1, closing)]
            if arguments and (table := _ADDRESS.match(arguments[0])):
                path, line = self._outline.source.path, self._line(found.start())
                yield TableUse(table[1], found[1], tuple(arguments[1:]), function.name, path, line)

    def _assignments(self) -> Iterator["_Assignment"]:
        """Yield the assignments to a member that stand in a function body."""
        functions = self._outline.functions
        starts = [function.body for function in functions]
        for found in _ASSIGNMENT.finditer(self._text):
            index = bisect_right(starts, found.start()) - 1
            if index >= 0 and found.start() < functions[index].end:
                yield _Assignment(functions[index].name, found[1], found[2].strip(), found.start())

    def _assigned_function(self, assignment: "_Assignment") -> Iterator[OperationBinding]:
        name = "" if _MADE_BY_CALL.match(assignment.value) else _function_of(assignment.value)
        if name and (assignment.field in self._fields or name in self._known):
            owner = _OWNER.search(self._text[max(0, assignment.offset - _LONGEST_OWNER) : assignment.offset])
            entry = _Entry("", owner[0] if owner else "", assignment.field, name, assignment.offset)
            yield self._binding(entry, self._line(entry.offset))

    def _assigned_tables(self, assignment: "_Assignment") -> Iterator[TableUse]:
        """Read `->a_ops = &table`, also `cond ? &one : &other`."""
        for table in _ADDRESS.findall(assignment.value) if "&" in assignment.value else ():
            if table in self._tables or _TABLE_FIELD.search(assignment.field):
                path, line = self._outline.source.path, self._line(assignment.offset)
                yield TableUse(table, assignment.field, (), assignment.function, path, line)


@dataclass(frozen=True)
class _Assignment:
    """`....field = value;` in the body of `function`, at the offset of the `->` or `.`."""

    function: str
    field: str
    value: str
    offset: int


@dataclass(frozen=True)
class _Entry:
    """One designated name, at an offset of the text it was read from."""

    struct: str
    table: str
    field: str
    function: str
    offset: int


_MAX_DEPTH = 12
_LONGEST_OWNER = 200
_MAX_EXPANDED = 1 << 20


@dataclass(frozen=True)
class _Macro:
    """A macro of the file; `parameters` is None for one without brackets."""

    parameters: tuple[str, ...] | None
    body: str


def _read_macros(text: str) -> Mapping[str, _Macro]:
    """Return the macros that a file defines; of two with one name the first."""
    macros: dict[str, _Macro] = {}
    for found in _DEFINE.finditer(text):
        names = None if found[2] is None else tuple(word.strip() for word in found[2].split(","))
        macros.setdefault(found[1], _Macro(names, found[3].replace("\\\n", " ").strip()))
    return macros


def _closing(text: str, opening: int) -> int:
    """Return the offset of the bracket that closes the one at `opening`; the text's end when none does."""
    depth = 0
    for found in _BRACKET_OR_COMMA.finditer(text, opening):
        depth += (found[0] in "({[") - (found[0] in ")}]")
        if depth == 0 and found[0] != ",":
            return found.start()
    return len(text)


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans between the top-level commas of text[start:end], blank ones left out."""
    depth, begin = 0, start
    for found in _BRACKET_OR_COMMA.finditer(text, start, end):
        if found[0] == "," and depth == 0:
            if text[begin : found.start()].strip():
                yield begin, found.start()
            begin = found.end()
        else:
            depth += (found[0] in "({[") - (found[0] in ")}]")
    if text[begin:end].strip():
        yield begin, end


def _function_of(value: str) -> str:
    """Return the one name that a value comes down to; "" for constants and expressions.

    Takes off `&`, brackets, casts, and macro calls, whose last argument is the value.
    Names without a lower-case letter are constants.
    """
    for _ in range(_MAX_DEPTH):
        value = value.strip().lstrip("&").strip()
        if _NAME.match(value):
            return value if value.upper() != value and value not in _NOT_FUNCTIONS else ""
        if value.startswith("("):
            closing = _closing(value, 0)
            value = value[closing + 1 :] if closing + 1 < len(value) else value[1:closing]
        elif (call := _CALL.match(value)) and call[1] not in _NOT_FUNCTIONS:
            arguments = list(_split(call[2], 0, len(call[2])))
            if not arguments or _closing(value, call.start(2) - 1) != len(value) - 1:
                return ""
            value = call[2][slice(*arguments[-1])]
        else:
            return ""
    return ""


def _substitute(body: str, argument_by_parameter: Mapping[str, str]) -> str:
    """Replace parameters by arguments, then paste what `##` joins."""
    expanded = re.sub(r"[A-Za-z_]\w*", lambda found: argument_by_parameter.get(found[0], found[0]), body)
    return re.sub(r"\s*##\s*", "", expanded)
