"""Questions that no state of a page answers: the shape of callbacks, tables, flag words, lists, chains, sections."""

from collections.abc import Mapping

from analyzer.checks.atomic import atomic_findings
from analyzer.checks.callbacks import callback_findings
from analyzer.checks.chains import chain_findings
from analyzer.checks.lists import list_findings
from analyzer.checks.marks import mark_findings
from analyzer.checks.owners import owner_findings
from analyzer.checks.shape import FileShape
from analyzer.checks.tables import table_findings
from analyzer.findings import Finding
from analyzer.ir import Function
from analyzer.program import OperationBinding
from analyzer.rulespec import Model, Rule
from analyzer.rulespec.protocol import load_protocol
from analyzer.source import SourceText

_FAMILIES = (
    atomic_findings,
    callback_findings,
    chain_findings,
    list_findings,
    mark_findings,
    owner_findings,
    table_findings,
)


def structural_callees() -> frozenset[str]:
    """Return the callees that make a function worth lowering for the questions here, beside the model's names."""
    protocol = load_protocol()
    return protocol.flags.nonatomic | protocol.lists.put_back | protocol.lists.pages


def concerns_whole_file(bindings: tuple[OperationBinding, ...]) -> bool:
    """Tell whether the questions are about every function of a file: it fills an operation of the protocol."""
    operations = load_protocol().operations
    return any(b.field in operations.isolate or (not b.struct and b.field in operations.migrate) for b in bindings)


def structural_words() -> frozenset[str]:
    """Return the operations whose assignment makes a file's functions callbacks without a table's struct."""
    return load_protocol().operations.migrate


def structural_findings(
    source: SourceText,
    functions: Mapping[str, tuple[Function, ...]],
    callees: Mapping[str, frozenset[str]],
    bindings: tuple[OperationBinding, ...],
    model: Model,
    rules: tuple[Rule, ...],
) -> tuple[Finding, ...]:
    """Return the findings of one file, sorted and without doubles.

    `functions` are the lowered functions of the file, `callees` the names that each function's text calls, lowered or
    not; `model` is that of the tree. A rule that is not among `rules` is not asked.
    """
    shape = FileShape(source, functions, callees, bindings, model, load_protocol(), {rule.id: rule for rule in rules})
    found = {finding for family in _FAMILIES for finding in family(shape)}
    return tuple(sorted(found, key=lambda f: f.sort_key))
