"""Finds operations that a change adds without their row in the document of callback locking.

The document says which structs it documents: those with a table. A change is two
trees; what either says of an operation is looked up there, so a row that comes
with the operation counts, and one that comes later makes the finding `fixed`.

An operation that only gets another name, or another place, is not added. One that
was there before without a row is nobody's fault today. The fields come from text
(see `struct_operations`), so both arms of an #ifdef count.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

from analyzer.findings import Finding, Status, Step
from analyzer.program import Contracts, struct_operations
from analyzer.program.contracts import Place
from analyzer.program.locking_document import DOCUMENTS, read_contracts
from analyzer.program.struct_fields import defined_structs, landmarks
from analyzer.rulespec import Rule
from analyzer.source import SourceError, SourceText, Tree


@dataclass(frozen=True)
class StructChange:
    """The operations of one struct before and after a change, in the order of the definition, with their places."""

    struct: str
    before: Mapping[str, Place]
    after: Mapping[str, Place]

    @property
    def added(self) -> tuple[str, ...]:
        """Return the operations that the change adds; of those that take the place of others only the surplus."""
        return added_operations(tuple(self.before), tuple(self.after))


def added_operations(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Return the names that come new, in order; one that replaces another is a new name, no new operation.

    A name replaces one that went from the same place, whatever it looks like, or one that went from elsewhere
    and looks like it. Where more come than go, those that look least like one that went are new.
    """
    known, gone = set(before), [name for name in before if name not in set(after)]
    added = [name for name in after if name not in known]
    for _, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        for old in [name for name in before[start:end] if name in gone]:
            here = [name for name in after[first:last] if name in added]
            for name in get_close_matches(old, here, n=1, cutoff=0.0):
                gone.remove(old)
                added.remove(name)
    for old in gone:
        for name in get_close_matches(old, added, n=1):
            added.remove(name)
    return tuple(added)


def may_add_operations(before: Tree, after: Tree, touched: Iterable[str]) -> bool:
    """Tell cheaply whether a change of the touched files, or of the document, can be of interest here."""
    return any(_text(before, path) != _text(after, path) for path in DOCUMENTS) or any(
        landmarks(_text(before, path)) != landmarks(_text(after, path)) for path in touched
    )


def struct_changes(
    before: Tree, after: Tree, touched: Sequence[str], wanted: Iterable[str], headers: Sequence[str]
) -> tuple[StructChange, ...]:
    """Return how a change alters the `wanted` structs that a touched file defines.

    headers: files that are searched for a definition before all others. The definition that counts is that of
    the kernel's headers when there is one: a test bench may define something else under the same name.
    """
    defined = {name for path in touched for tree in (before, after) for name in defined_structs(_text(tree, path))}
    return tuple(
        StructChange(struct, *(_operations(tree, struct, touched, headers) for tree in (before, after)))
        for struct in sorted(defined.intersection(wanted))
    )


def document_findings(
    before: Tree, after: Tree, touched: Sequence[str], headers: Sequence[str], rules: Iterable[Rule]
) -> tuple[Finding, ...]:
    """Return the new and the fixed findings of a change, sorted; none where the document is missing after it.

    touched: paths of the C files that differ; rules: those asked at `document`.
    """
    asked = [rule for rule in rules if "document" in rule.points]
    now, then = read_contracts(after), read_contracts(before)
    if not asked or now.missing:
        return ()
    found: list[Finding] = []
    for change in struct_changes(before, after, touched, filter(now.documents, now.structs), headers):
        for operation in change.added:
            if now.find(change.struct, operation) is None:
                place = change.after[operation]
                found += [_finding(rule, Status.NEW, change.struct, operation, place, after, now) for rule in asked]
    for struct in filter(then.documents, then.structs):
        rows = now.documented(struct) - then.documented(struct)
        fields = _operations(before, struct, touched, headers) if rows else {}
        kept = _operations(after, struct, touched, headers) if rows else {}
        for operation in sorted(rows & fields.keys() & kept.keys()):
            place = fields[operation]
            found += [_finding(rule, Status.FIXED, struct, operation, place, before, then) for rule in asked]
    return tuple(sorted(found, key=lambda f: f.sort_key))


def _operations(tree: Tree, struct: str, touched: Sequence[str], headers: Sequence[str]) -> Mapping[str, Place]:
    return struct_operations(tree, struct, headers) or struct_operations(tree, struct, touched)


def _finding(
    rule: Rule, status: Status, struct: str, operation: str, place: Place, tree: Tree, contracts: Contracts
) -> Finding:
    path, line = place
    text = SourceText(path, tree.read(path)).line(line)
    words = {"page": f"struct {struct}", "operation": operation, "expected": contracts.file}
    message = rule.message
    for name, word in words.items():
        message = message.replace("{" + name + "}", word)
    file, title = contracts.structs[struct].source
    named = re.search(rf"\b{operation}\b", text)
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence=rule.confidence,
        file=path,
        line=line,
        column=named.start() + 1 if named else 1,
        function="",
        subject=f"{struct}.{operation}",
        message=message,
        status=status,
        trace=(Step(file=file, line=title, function="", message=f"{struct} has its table here"),),
        line_text=text,
    )


def _text(tree: Tree, path: str) -> str:
    try:
        return tree.read(path).decode("utf-8", "replace")
    except SourceError:
        return ""
