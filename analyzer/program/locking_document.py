"""The kernel's own document of callback locking, read as tables.

`read_contracts` reads Documentation/filesystems/locking.rst (or its plain-text
ancestor `Locking`) as it stands in the given tree, so a patch that changes the
document changes the contracts.

Only tables are read: a promise made in the prose below a table is not seen, nor is
a second table of one section. A cell whose words are not understood gives no
promise and a note, never a guess.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.source import SourceError, Tree

EntryLock = Literal["locked", "unlocked", "both", "maybe"]
ExitLock = Literal["locked", "unlocked", "maybe"]
Place = tuple[str, int]
"""A file and a line of it, counted from 1."""

DOCUMENTS = ("Documentation/filesystems/locking.rst", "Documentation/filesystems/Locking")


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
"""Numbered lines; each tab is repeated so that an offset is a column."""


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
    lines = [(number, _widen_tabs(line.rstrip())) for number, line in enumerate(text.splitlines(), 1)]
    structs: dict[str, DocumentedStruct] = {}
    notes: list[tuple[Place, str]] = []
    for struct, number, body in _sections(lines):
        section = _read_section(struct, (path, number), body, notes)
        if section.rows or section.prototypes:
            structs.setdefault(struct, section)
    return Contracts(path, structs, tuple(notes))


def _widen_tabs(line: str) -> str:
    """Return the line with as many tabs for each as it spans columns, so that offsets are columns."""
    wide, *rest = line.split("\t")
    for part in rest:
        wide += "\t" * (8 - len(wide) % 8) + part
    return wide


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
    return _Table(above if above[:1].isspace() else None, body[start:end], ())


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
    """Tell a row from prose: `name:` alone or before a gap, a known `name:`, a known name before a gap."""
    found = _ROW.match(line)
    if found is None:
        return False
    name, colon, space, rest = found.groups()
    gap = not rest or len(space) > 1 or space == "\t"
    return gap or name in prototypes if colon else gap and name in prototypes


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
