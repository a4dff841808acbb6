"""Lock contracts of callbacks: what the tree's own document says, then what the model says.

A contract tells whether the pages of an operation (`->read_folio`) are locked when
it is entered and when it returns. `read_contracts` reads the tables of
Documentation/filesystems/locking.rst (or of its plain-text ancestor `Locking`) as
they stand in the given tree, so a patch that changes the document changes the
contracts. `load_contract_model` reads what documents leave out: which parameters
the pages are, special results, completion by I/O. `merge_contracts` joins the two.

Only tables are read: a promise made in the prose below a table is not seen. A cell
whose words are not understood gives no promise and a note, never a guess.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

import msgspec

from analyzer.program.blanking import blank_comments
from analyzer.program.prototypes import prototype_of
from analyzer.source import RuleError, SourceError, SyntaxFailure, Tree

EntryLock = Literal["locked", "unlocked", "both", "maybe"]
ExitLock = Literal["locked", "unlocked", "maybe"]
Operator = Literal["==", "!=", "<", "&"]
Place = tuple[str, int]
"""A file and a line of it, counted from 1."""

DOCUMENTS = ("Documentation/filesystems/locking.rst", "Documentation/filesystems/Locking")
HEADER_FOLDER = "include/linux"


# --- what the document says ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contract:
    """One row of a table: the lock of the operation's pages on entry and on exit.

    `entry` "both" means that the row speaks of two pages, both locked. None means
    that the row promises nothing. `note` holds the cell's own words.
    """

    struct: str
    operation: str
    entry: EntryLock | None
    exit: ExitLock | None
    source: Place
    note: str = ""


@dataclass(frozen=True)
class DocumentedStruct:
    """One section of the document: its rows and the operations of its prototype block, by name."""

    struct: str
    source: Place
    rows: Mapping[str, Contract]
    prototypes: Mapping[str, str]
    has_table: bool


@dataclass(frozen=True)
class Contracts:
    """All sections of the document; `missing` when the tree has no such document.

    `notes` are (place, words) for what could not be read, in document order.
    """

    file: str = ""
    structs: Mapping[str, DocumentedStruct] = field(default_factory=dict)
    notes: tuple[tuple[Place, str], ...] = ()
    missing: bool = False

    def find(self, struct: str, operation: str) -> Contract | None:
        """Return the row of one operation, or None."""
        section = self.structs.get(struct)
        return section.rows.get(operation) if section else None

    def documents(self, struct: str) -> bool:
        """Tell whether the document has a table for `struct`, where a row could be missing."""
        section = self.structs.get(struct)
        return section is not None and section.has_table

    def documented(self, struct: str) -> frozenset[str]:
        """Return the operations of `struct` that have a row; empty when there is no table."""
        section = self.structs.get(struct)
        return frozenset(section.rows) if section else frozenset()

    def prototyped(self, struct: str) -> Mapping[str, str]:
        """Return the prototype text of each operation that the section's prototype block lists."""
        section = self.structs.get(struct)
        return section.prototypes if section else {}


_PLAIN_TITLE = re.compile(r"-{4,}\s*(\w+)[\w ]*?\s*-{4,}\s*$")
_UNDERLINE = re.compile(r"={4,}\s*$")
_BORDER = re.compile(r"=+(?:\s+=+)+\s*$")
_FIELD = re.compile(r"\(\s*\*\s*(\w+)\s*\)\s*\(")
_ROW = re.compile(r"(\w+)(:?)(\s*)(.*)$")
_CELL = re.compile(r"\S+(?: \S+)*")
_PAGE_COLUMN = re.compile(r"(?:page|folio)s?\s*locked", re.IGNORECASE)
_RULES = re.compile(r"locking rules", re.IGNORECASE)
_FOOTNOTE = re.compile(r"\[\d+\]_?")

_Lines = Sequence[tuple[int, str]]
"""Numbered lines with tabs expanded."""


def read_contracts(tree: Tree) -> Contracts:
    """Return the contracts of the tree's document; `missing` when it has none. Never raises."""
    for path in DOCUMENTS:
        try:
            data = tree.read(path)
        except SourceError:
            continue
        return parse_contracts(data.decode("utf-8", "replace"), path)
    return Contracts(missing=True)


def parse_contracts(text: str, path: str = DOCUMENTS[0]) -> Contracts:
    """Return the contracts in the document's text; what cannot be read becomes a note."""
    lines = [(number, line.expandtabs(8).rstrip()) for number, line in enumerate(text.splitlines(), 1)]
    structs: dict[str, DocumentedStruct] = {}
    notes: list[tuple[Place, str]] = []
    for struct, number, body in _sections(lines):
        section = _read_section(struct, (path, number), body, notes)
        if section.rows or section.prototypes:
            structs.setdefault(struct, section)
    return Contracts(path, structs, tuple(notes))


def _sections(lines: _Lines) -> Iterator[tuple[str, int, _Lines]]:
    """Yield (struct, line of the title, lines below it); the struct is the title's first word."""
    titles = []
    for at, (number, line) in enumerate(lines):
        if found := _PLAIN_TITLE.match(line):
            titles.append((found[1], number, at, at + 1))
        elif at and _UNDERLINE.match(line) and (word := re.match(r"\w+", lines[at - 1][1])):
            titles.append((word[0], lines[at - 1][0], at - 1, at + 1))
    for index, (struct, number, _, start) in enumerate(titles):
        end = titles[index + 1][2] if index + 1 < len(titles) else len(lines)
        yield struct, number, lines[start:end]


def _read_section(struct: str, source: Place, body: _Lines, notes: list[tuple[Place, str]]) -> DocumentedStruct:
    """Split a section into its prototype block and its first table, and read both."""
    split = next((at for at, (_, line) in enumerate(body) if _RULES.match(line.strip())), None)
    prototypes = _read_prototypes(body if split is None else body[:split])
    table = _find_table(body if split is None else body[split + 1 :], prototypes)
    if table is None:
        return DocumentedStruct(struct, source, {}, prototypes, has_table=False)
    file = source[0]
    if table.header is None:
        notes.append(((file, table.rows[0][0]), f"{struct}: table without a line of column names"))
    notes.extend(((file, number), f"{struct}: not a row of the table: {line}") for number, line in table.unread)
    columns = [(found.start(), found[0]) for found in _CELL.finditer(table.header or "")]
    page = next((at for at, (_, name) in enumerate(columns) if _PAGE_COLUMN.search(name)), None)
    contracts: dict[str, Contract] = {}
    for number, line in table.rows:
        contract = _read_row(struct, (file, number), line, columns, page)
        if contract.operation in contracts:
            notes.append(((file, number), f"{struct}: second row for {contract.operation}"))
        elif contract.note and contract.entry is contract.exit is None:
            notes.append(((file, number), f"{struct}: {contract.operation}: unknown words {contract.note!r}"))
        contracts.setdefault(contract.operation, contract)
    return DocumentedStruct(struct, source, contracts, prototypes, has_table=True)


def _read_prototypes(body: _Lines) -> dict[str, str]:
    """Return name and text of each function pointer; a line indented deeper than the first continues one."""
    texts: list[tuple[str, list[str]]] = []
    margin: int | None = None
    for _, line in body:
        indent = len(line) - len(line.lstrip())
        found = _FIELD.search(line)
        if found and indent and (margin is None or indent <= margin):
            margin = indent
            texts.append((found[1], [line.strip()]))
        elif texts and line and margin is not None and indent > margin:
            texts[-1][1].append(line.strip())
    return {name: " ".join(parts) for name, parts in texts}


@dataclass(frozen=True)
class _Table:
    """The lines of one table: column names, rows, and what is between borders but no row."""

    header: str | None
    rows: _Lines
    unread: _Lines


def _find_table(body: _Lines, prototypes: Mapping[str, str]) -> _Table | None:
    """Return the first table: the lines between RST borders, or the first run of rows in plain text."""
    borders = [at for at, (_, line) in enumerate(body) if _BORDER.match(line)]
    if len(borders) >= 2:
        return _bordered_table(body, borders)
    start = next((at for at, (_, line) in enumerate(body) if _is_plain_row(line, prototypes)), None)
    if start is None:
        return None
    end = next((at for at in range(start, len(body)) if not _is_plain_row(body[at][1], prototypes)), len(body))
    above = body[start - 1][1] if start else ""
    return _Table(above if above.startswith(" ") else None, body[start:end], ())


def _bordered_table(body: _Lines, borders: Sequence[int]) -> _Table | None:
    """Read an RST table, also when its first or last border is missing."""
    top, second = borders[:2]
    has_top = len(borders) >= 3 or second == top + 2
    above_rows = second if has_top else top
    header = body[above_rows - 1][1] if above_rows else ""
    start = above_rows + 1
    end = next((at for at in borders if at >= start), None)
    if end is None:
        end = next((at for at in range(start, len(body)) if not body[at][1]), len(body))
    inside = [entry for entry in body[start:end] if entry[1]]
    rows = [entry for entry in inside if _ROW.match(entry[1])]
    unread = [entry for entry in inside if not _ROW.match(entry[1])]
    return _Table(None if _BORDER.match(header) else header or None, rows, unread) if rows else None


def _is_plain_row(line: str, prototypes: Mapping[str, str]) -> bool:
    """Tell a row from prose: `name:` alone or before a gap, or a known operation before a gap."""
    found = _ROW.match(line)
    if found is None:
        return False
    name, colon, space, rest = found.groups()
    return bool(not rest or len(space) > 1) if colon else name in prototypes and (len(space) > 1 or not rest)


def _read_row(struct: str, source: Place, line: str, columns: Sequence[tuple[int, str]], page: int | None) -> Contract:
    """Read one row; each cell belongs to the column that begins nearest to it."""
    found = _ROW.match(line)
    assert found is not None
    if page is None:
        return Contract(struct, found[1], None, None, source)
    cells = (
        (min(range(len(columns)), key=lambda at: abs(columns[at][0] - cell.start())), cell[0])
        for cell in _CELL.finditer(line, found.end(2))
    )
    words = " ".join(text for column, text in cells if column == page)
    entry, exit_ = read_promise(words)
    return Contract(struct, found[1], entry, exit_, source, words)


def read_promise(words: str) -> tuple[EntryLock | None, ExitLock | None]:
    """Return the lock on entry and on exit that a cell's words promise.

    "yes" is kept over the call, "yes, unlocks" is not, "locks the page" comes back
    locked, "can return with page locked" may. Footnotes and remarks in brackets
    are ignored, save "(both)". (None, None) for blank and for unknown words.
    """
    text = _FOOTNOTE.sub("", words.lower()).strip()
    both = "(both)" in text
    text = re.sub(r"\([^)]*\)", "", text).strip(" ,.;")
    if re.fullmatch(r"yes\b.*\bunlock(?:s|ed)\b.*", text):
        return "both" if both else "locked", "unlocked"
    if text == "yes":
        return "both" if both else "locked", "locked"
    if text == "no":
        return "unlocked", "unlocked"
    if text == "maybe":
        return "maybe", "maybe"
    if re.fullmatch(r"(?:can|may) return (?:with )?(?:the )?(?:page|folio)s? locked", text):
        return None, "maybe"
    if re.fullmatch(r"(?:no, )?(?:locks(?: it| the (?:page|folio)s?)|returns? .*\blocked)", text):
        return "unlocked", "locked"
    return None, None


# --- the operations that a header defines ----------------------------------------------------------------------


def struct_operations(tree: Tree, struct: str, headers: Iterable[str] = ()) -> dict[str, Place]:
    """Return the function-pointer fields in the definition of `struct`, with file and line.

    The files of `headers` are tried first, then all of include/linux; the first
    definition found is taken. Empty when there is none. Both arms of an #ifdef
    count, so this over-approximates what one configuration has.
    """
    opening = re.compile(r"\bstruct\s+" + re.escape(struct) + r"\s*\{")
    for path in chain(headers, tree.files(HEADER_FOLDER, (".h",))):
        try:
            data = tree.read(path)
        except SourceError:
            continue
        if struct.encode() in data:
            text = blank_comments(data.decode("utf-8", "replace"))
            if found := opening.search(text):
                return {name: (path, line) for name, line in _pointer_fields(text, found.end())}
    return {}


def _pointer_fields(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Yield name and line of the function pointers of the struct body that begins at `start`."""
    depth, parens = 1, 0
    for bracket in re.compile(r"[{}()]").finditer(text, start):
        if bracket[0] == "(" and not parens and depth == 1 and (found := _FIELD.match(text, bracket.start())):
            yield found[1], text.count("\n", 0, found.start(1)) + 1
        depth += {"{": 1, "}": -1}.get(bracket[0], 0)
        parens += {"(": 1, ")": -1}.get(bracket[0], 0)
        if depth == 0:
            return


# --- what the model says ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PagePosition:
    """Where a page of a callback is: `$1`, `*$4` (what parameter 4 points to), `$0->page`."""

    parameter: int
    dereference: bool = False
    field: str = ""

    def __str__(self) -> str:
        suffix = f"->{self.field}" if self.field else ""
        return f"{'*' if self.dereference else ''}${self.parameter}{suffix}"


@dataclass(frozen=True)
class ResultCase:
    """The lock on exit for some results: `result <operator> <constant>`, operator one of == != < &."""

    operator: Operator
    constant: str
    exit: ExitLock


@dataclass(frozen=True)
class CallbackContract:
    """Everything known of one operation.

    `pages` maps the number of parameters to the positions of the pages; the key 0
    stands for any number. `results` are tried in order and come before `exit`.
    With `asynchronous` the unlock may happen on I/O completion, after the return.
    `source` is the document row that `entry` and `exit` were taken from, or None.
    """

    struct: str
    operation: str
    entry: EntryLock | None
    exit: ExitLock | None
    pages: Mapping[int, tuple[PagePosition, ...]]
    results: tuple[ResultCase, ...] = ()
    asynchronous: bool = False
    source: Place | None = None

    def pages_for(self, parameters: int) -> tuple[PagePosition, ...]:
        """Return where the pages are in a function of so many parameters; empty when unknown."""
        return self.pages.get(parameters, self.pages.get(0, ()))


@dataclass(frozen=True)
class ContractModel:
    """The model's contracts, and what finds the structs and pages in a tree.

    `headers` names the file that defines each struct, `registrars` the functions
    that take a pointer to a table, `page_types` the types of a page parameter.
    """

    contracts: Mapping[tuple[str, str], CallbackContract]
    headers: Mapping[str, str]
    registrars: frozenset[str]
    page_types: tuple[str, ...]


class _Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    when: str
    exit: ExitLock


class _Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    struct: str
    operations: tuple[str, ...]
    pages: tuple[str, ...] | dict[str, tuple[str, ...]]
    entry: EntryLock | None = None
    exit: ExitLock | None = None
    asynchronous: bool = False
    result: tuple[_Result, ...] = ()


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: str
    registrars: tuple[str, ...] = ()


class _Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    types: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    page: _Page
    contract: tuple[_Contract, ...]
    struct: dict[str, _Struct] = {}


_POSITION = re.compile(r"(\*?)\$(\d+)(?:->(\w+))?")
_CONDITION = re.compile(r"result (==|!=|<|&) (-?\w+)")
_OPERATORS: Mapping[str, Operator] = {"==": "==", "!=": "!=", "<": "<", "&": "&"}


def load_contract_model(text: str, name: str = "contracts.toml") -> ContractModel:
    """Return the model in the TOML `text`; raise RuleError with `name` and the key that is wrong."""
    try:
        file = msgspec.toml.decode(text, type=_File)
    except msgspec.DecodeError as error:
        raise RuleError(f"{name}: {error}") from error
    contracts: dict[tuple[str, str], CallbackContract] = {}
    for index, entry in enumerate(file.contract):
        where = f"{name}: contract[{index}]"
        if not entry.operations:
            raise RuleError(f"{where}.operations: names no operation")
        pages = _read_pages(entry.pages, f"{where}.pages")
        results = tuple(_read_result(r, f"{where}.result[{at}]") for at, r in enumerate(entry.result))
        for operation in entry.operations:
            key = entry.struct, operation
            if key in contracts:
                raise RuleError(f"{where}.operations: second contract for {entry.struct}.{operation}")
            contracts[key] = CallbackContract(
                entry.struct, operation, entry.entry, entry.exit, pages, results, entry.asynchronous
            )
    headers = {struct: entry.header for struct, entry in file.struct.items()}
    registrars = frozenset(name for entry in file.struct.values() for name in entry.registrars)
    return ContractModel(contracts, headers, registrars, file.page.types)


def _read_pages(pages: tuple[str, ...] | dict[str, tuple[str, ...]], where: str) -> dict[int, tuple[PagePosition, ...]]:
    """Read positions for any number of parameters (a list) or by number (a table)."""
    if isinstance(pages, tuple):
        return {0: _read_positions(pages, where)}
    if wrong := next((count for count in pages if not count.isdecimal() or int(count) == 0), None):
        raise RuleError(f"{where}.{wrong}: not a number of parameters")
    return {int(count): _read_positions(positions, f"{where}.{count}") for count, positions in pages.items()}


def _read_positions(positions: Iterable[str], where: str) -> tuple[PagePosition, ...]:
    read = []
    for text in positions:
        found = _POSITION.fullmatch(text)
        if found is None:
            raise RuleError(f"{where}: {text!r} is not $N, *$N or $N->field")
        read.append(PagePosition(int(found[2]), bool(found[1]), found[3] or ""))
    return tuple(read)


def _read_result(result: _Result, where: str) -> ResultCase:
    found = _CONDITION.fullmatch(result.when)
    if found is None:
        raise RuleError(f"{where}.when: {result.when!r} is not 'result ==|!=|<|& CONSTANT'")
    return ResultCase(_OPERATORS[found[1]], found[2], result.exit)


# --- both ------------------------------------------------------------------------------------------------------


def merge_contracts(document: Contracts, model: ContractModel) -> dict[tuple[str, str], CallbackContract]:
    """Return one contract for each (struct, operation) that the document or the model knows.

    The document's words override the model's entry and exit. Its "no" promises an
    unlocked page to nobody (old tables say it of `set_page_dirty`, which is called
    both ways), so it does not override the model's "maybe". Positions, results
    and completion come from the model; for an operation that only the document has,
    positions come from its prototype in the document. A "maybe" on exit does not
    override what the model's results tell apart.
    """
    merged = dict(model.contracts)
    for section in document.structs.values():
        for row in section.rows.values():
            key = row.struct, row.operation
            if row.entry is None and row.exit is None:
                continue
            known = model.contracts.get(key)
            if known is None:
                pages = _pages_of_prototype(section.prototypes.get(row.operation, ""), model.page_types)
                merged[key] = CallbackContract(row.struct, row.operation, row.entry, row.exit, pages, source=row.source)
            else:
                merged[key] = _override(known, row)
    return merged


def _override(known: CallbackContract, row: Contract) -> CallbackContract:
    """Put the row's words in place of the model's, where the row says more."""
    if row.entry == "unlocked" and known.entry == "maybe":
        return known
    says_less = row.exit is None or (row.exit == "maybe" and bool(known.results))
    exit_ = known.exit if says_less else row.exit
    return replace(known, entry=row.entry or known.entry, exit=exit_, source=row.source)


def _pages_of_prototype(text: str, page_types: Iterable[str]) -> dict[int, tuple[PagePosition, ...]]:
    """Return the positions of parameters of a page type, or of a pointer to one; empty when unreadable."""
    try:
        prototype = prototype_of(text)
    except SyntaxFailure:
        return {}
    outer = {f"{kind}*" for kind in page_types}
    pages = tuple(
        PagePosition(at, dereference=kind in outer)
        for at, (kind, _) in enumerate(prototype.parameters)
        if kind in outer or kind in page_types
    )
    return {len(prototype.parameters): pages}
