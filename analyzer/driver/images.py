"""A tree with what is known of it, and the difference between two of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analyzer.checks.documents import document_findings, may_add_operations, struct_changes
from analyzer.driver.analysis import Analysis
from analyzer.driver.comparing import FileChange, FileImage, compare_findings
from analyzer.driver.dropped import dropped_findings
from analyzer.driver.fileanalysis import IN_PART
from analyzer.driver.fixpoint import contract_model
from analyzer.driver.places import C_SUFFIXES
from analyzer.driver.snapshot import Snapshot, findings_of, skipped_of, suspicions_of
from analyzer.driver.suspicions import confirmed
from analyzer.driver.weakened import weakened_findings
from analyzer.findings import Finding, Skipped
from analyzer.program import read_contracts
from analyzer.program.locking_document import DOCUMENTS
from analyzer.rulespec import Rule
from analyzer.source import OverlayTree, SourceError, Tree


@dataclass(frozen=True)
class Image:
    """One state of a tree; `doubtful` are paths whose text is not what a patch meant, since it did not apply."""

    tree: Tree
    snapshot: Snapshot
    doubtful: frozenset[str] = frozenset()

    def file(self, path: str) -> FileImage:
        """Return one file; an empty one where there is none."""
        try:
            return FileImage(path, self.tree.read(path))
        except SourceError:
            return FileImage(path, b"")


def is_c(path: str) -> bool:
    """Tell whether a path names C."""
    return path.endswith(C_SUFFIXES)


def change_image(
    image: Image, overlay: Mapping[str, bytes | None], analysis: Analysis, doubtful: Iterable[str] = ()
) -> Image:
    """Return the image with the files of an overlay put over it; `doubtful` paths could not be changed in full."""
    below = image.tree
    merged = {**below.changed, **overlay} if isinstance(below, OverlayTree) else dict(overlay)
    tree = OverlayTree(below.base if isinstance(below, OverlayTree) else below, merged)
    present = {path for path, data in overlay.items() if data is not None and is_c(path)}
    files = (image.snapshot.files - overlay.keys()) | present
    return Image(tree, analysis.update(image.snapshot, tree, files, overlay), image.doubtful.union(doubtful))


def judge_change(
    before: Image, after: Image, touched: Iterable[tuple[str | None, str | None]], analysis: Analysis
) -> tuple[Finding, ...]:
    """Return what the step from one image to the next does to findings.

    touched: (path before, path after) of the files that differ. Files whose
    findings differ because something that they call does count too.
    """
    pairs = {(old, new) for old, new in touched if is_c(new or old or "")}
    named_pairs = frozenset(pairs)
    named = {path for pair in pairs for path in pair if path is not None}
    elsewhere = before.snapshot.results.keys() | after.snapshot.results.keys()
    for path in elsewhere - named:
        if before.snapshot.results.get(path) is not after.snapshot.results.get(path):
            pairs.add((path, path))
    changes = {
        (old, new): FileChange(before.file(old or new or ""), after.file(new or old or "")) for old, new in pairs
    }
    touched_functions = frozenset(name for pair in pairs & named_pairs for name in changes[pair].touched)
    judged: list[Finding] = []
    for old, new in sorted(pairs, key=lambda pair: (pair[1] or "", pair[0] or "")):
        change = changes[old, new]
        gone, come = _wanted(before, old, analysis), _wanted(after, new, analysis)
        found = compare_findings(gone, come, change) if gone or come else []
        if (old, new) in named_pairs:
            found += _confirmed(before, after, change, touched_functions, found, analysis)
            found += weakened_findings(
                change,
                touched_functions,
                found,
                analysis.knobs.model,
                _rules(analysis),
                after.tree,
                after.snapshot.carriers,
            )
            snapshots = before.snapshot, after.snapshot
            found += dropped_findings(
                change, touched_functions, found, analysis.knobs.model, _rules(analysis), snapshots
            )
        judged += found
    judged += _document_findings(before, after, sorted(named), analysis)
    # chosen by confidence only now: a fault that the change brings is surer than the rule alone
    return tuple(sorted((f for f in judged if analysis.choice.wants(f)), key=lambda f: f.sort_key))


def skipped_in(before: Image, after: Image, touched: Iterable[tuple[str | None, str | None]]) -> tuple[Skipped, ...]:
    """Return what could not be analysed of the files and functions that differ."""
    found: list[Skipped] = []
    touched = tuple(touched)
    for old, new in touched:
        entries = skipped_of(after.snapshot, new) if new is not None else ()
        if entries:
            change = FileChange(before.file(old or ""), after.file(new or ""))
            found += [s for s in entries if s.function is None or change.touches(s.function)]
    found += _not_looked_up(before, after, sorted({path for pair in touched for path in pair if path and is_c(path)}))
    return tuple(sorted(found, key=lambda s: s.sort_key))


def no_document(path: str, struct: str, operation: str) -> Skipped:
    """Return the entry for an operation that is added where there is no document to look it up in."""
    reason = f"adds ->{operation} to struct {struct}, and there is no {DOCUMENTS[0]} to look it up in (use --tree)"
    return Skipped(file=path, function=None, line=None, reason=reason)


def _not_looked_up(before: Image, after: Image, paths: Sequence[str]) -> list[Skipped]:
    """Return the operations that are added to a struct of the model's contracts in a tree without the document."""
    if not may_add_operations(before.tree, after.tree, paths) or not read_contracts(after.tree).missing:
        return []
    headers = contract_model().headers
    changes = struct_changes(before.tree, after.tree, paths, headers, sorted(set(headers.values())))
    return [no_document(c.after[name][0], c.struct, name) for c in changes for name in c.added]


def _document_findings(before: Image, after: Image, paths: Sequence[str], analysis: Analysis) -> list[Finding]:
    """Return what the change does to the rows that the document of callback locking lacks.

    Nothing is said where a change of the document did not apply: the row may be in it.
    """
    if after.doubtful.intersection(DOCUMENTS) or not may_add_operations(before.tree, after.tree, paths):
        return []
    headers = sorted(set(contract_model().headers.values()))
    found = document_findings(before.tree, after.tree, paths, headers, analysis.knobs.rules)
    return [f for f in found if f.rule in analysis.choice.rules]


def _confirmed(
    before: Image,
    after: Image,
    change: FileChange,
    touched: frozenset[str],
    known: Iterable[Finding],
    analysis: Analysis,
) -> list[Finding]:
    """Return the suspicions of one file that the change brought."""
    old = suspicions_of(before.snapshot, change.before.path)
    new = [f for f in suspicions_of(after.snapshot, change.after.path) if f.finding.rule in analysis.choice.rules]
    skipped = skipped_of(before.snapshot, change.before.path)
    unread = frozenset(s.function for s in skipped if s.function is not None and s.reason != IN_PART)
    return confirmed(old, new, change, touched, known, unread) if new else []


def _rules(analysis: Analysis) -> list[Rule]:
    return [rule for rule in analysis.knobs.rules if rule.id in analysis.choice.rules]


def _wanted(image: Image, path: str | None, analysis: Analysis) -> list[Finding]:
    found = findings_of(image.snapshot, path) if path is not None else ()
    return [f for f in found if f.rule in analysis.choice.rules]
