"""Findings in files and folders of a tree."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from analyzer.driver.analysis import open_analysis
from analyzer.driver.options import Options
from analyzer.driver.places import C_SUFFIXES, Part, locate
from analyzer.driver.snapshot import Snapshot, findings_of, skipped_of
from analyzer.driver.trees import Trees
from analyzer.findings import Finding, Result, Skipped, Stats


def scan(paths: Iterable[Path], tree: Path | None, options: Options) -> Result:
    """Return what is found in `paths`; facts come from the whole of each tree.

    Raises SourceError for a path that does not exist. What was named and could
    not be looked at is in `skipped`.
    """
    started = time.monotonic()
    parts = locate(paths, tree)
    findings: list[Finding] = []
    skipped: list[Skipped] = []
    files = functions = 0
    with open_analysis(options) as analysis:
        trees = Trees(analysis)
        for part in parts:
            snapshot = trees.folder(part.root).snapshot
            own = [path for path in sorted(snapshot.files) if part.covers(path)]
            files += len(own)
            functions += sum(snapshot.results[path].functions for path in own if path in snapshot.results)
            for path in own:
                findings += (_named(f, part) for f in findings_of(snapshot, path) if analysis.choice.wants(f))
                skipped += (_renamed(s, part) for s in skipped_of(snapshot, path))
            skipped += _without_c(part, snapshot)
        skipped += trees.skipped
    return Result(
        findings=tuple(sorted(findings, key=lambda f: f.sort_key)),
        skipped=tuple(sorted(skipped, key=lambda s: s.sort_key)),
        notes=tuple(analysis.notes),
        stats=Stats(
            files=files,
            functions=functions,
            functions_skipped=len({(s.file, s.function) for s in skipped if s.function is not None}),
            seconds=round(time.monotonic() - started, 3),
        ),
    )


def _without_c(part: Part, snapshot: Snapshot) -> Iterator[Skipped]:
    """Yield an entry for each path of the part in which there is nothing to analyse."""
    for own in part.paths:
        one = Part(part.root, (own,))
        if any(one.covers(path) for path in snapshot.files):
            continue
        folder = (part.root / own).is_dir()
        reason = "no C files in this folder" if folder else f"not a C file ({' or '.join(C_SUFFIXES)})"
        name = part.prefix + own if own else part.prefix.rstrip("/") or str(part.root)
        yield Skipped(file=name, function=None, line=None, reason=reason)


def _named(finding: Finding, part: Part) -> Finding:
    if not part.prefix:
        return finding
    steps = tuple(msgspec.structs.replace(step, file=part.prefix + step.file) for step in finding.trace)
    return msgspec.structs.replace(finding, file=part.prefix + finding.file, trace=steps)


def _renamed(entry: Skipped, part: Part) -> Skipped:
    return msgspec.structs.replace(entry, file=part.prefix + entry.file) if part.prefix else entry
