"""Lock contracts of callbacks: the model's, and what the tree's document makes of them.

A contract tells whether the pages of an operation (`->read_folio`) are locked when
it is entered and when it returns. `load_contract_model` reads what the document
leaves out: which parameters the pages are, special results, completion by I/O.
`merge_contracts` puts the document's words (`read_contracts`) over it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from analyzer.program.locking_document import (
    Contract,
    Contracts,
    DocumentedStruct,
    EntryLock,
    ExitLock,
    Place,
    parse_contracts,
    read_contracts,
    read_promise,
)
from analyzer.program.prototypes import prototype_of
from analyzer.program.struct_fields import struct_operations
from analyzer.source import RuleError, SyntaxFailure

__all__ = [
    "CallbackContract",
    "Contract",
    "ContractModel",
    "Contracts",
    "DocumentedStruct",
    "EntryLock",
    "ExitLock",
    "PagePosition",
    "Place",
    "ResultCase",
    "load_contract_model",
    "merge_contracts",
    "parse_contracts",
    "read_contracts",
    "read_promise",
    "struct_operations",
]

Operator = Literal["==", "!=", "<", "&"]


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
