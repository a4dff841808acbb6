"""Patches, one after the other: what each makes new, fixes, or leaves as it is.

Each patch of a series is judged on top of the ones before it. With a tree, the
base is analysed once and each patch costs what it touches; without one, only
functions that stand whole in the hunks are analysed.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from analyzer.driver.analysis import Analysis, open_analysis
from analyzer.driver.hunks_only import rebuild_images
from analyzer.driver.images import Image, change_image, is_c, judge_change, skipped_in
from analyzer.driver.mail_lines import MailLines
from analyzer.driver.options import UNKNOWN, Options
from analyzer.driver.trees import Trees
from analyzer.findings import Finding, Note, PatchPlace, Result, Skipped, Stats, Status
from analyzer.patch import (
    FileChange,
    Patch,
    Rung,
    Series,
    apply_patch,
    choose_base,
    gather_series,
    parse_patch,
    read_messages,
)
from analyzer.source import AnalyzerError, WorkersLost


@dataclass(frozen=True)
class Judged:
    """One patch with what was found; `patch` is None for input that holds no patch."""

    patch: Patch | None
    result: Result


@dataclass(frozen=True)
class _Step:
    """A patch put on an image; `pieces` and `found` are what a patch without a tree shows of cut-off functions."""

    before: Image
    after: Image
    changes: tuple[FileChange, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    pieces: tuple[Image, Image] | None = None
    found: tuple[Finding, ...] = ()


def check_patches(streams: Iterable[tuple[str, BinaryIO]], tree: Path | None, options: Options) -> Iterator[Judged]:
    """Yield the patches of the streams (name, bytes) in the order in which they apply.

    Memory is bounded by what a series needs. What is wrong with one patch is in
    its `skipped`, and the rest goes on; raises AnalyzerError only for what
    concerns them all (a tree that does not exist, a model that is invalid).
    """
    with open_analysis(options, with_tree=tree is not None) as analysis:
        checker = _Checker(analysis, tree)
        done = 0
        for name, stream in streams:
            empty = True
            patches = (parse_patch(message) for message in read_messages(stream, name))
            for series in gather_series(patches):
                empty = False
                for judged in checker.check_series(series):
                    done += 1
                    if options.progress is not None:
                        options.progress("patches", done, UNKNOWN)
                    yield judged
            if empty:
                reason = "no patch in this input"
                yield Judged(None, Result(skipped=(Skipped(file=name, function=None, line=None, reason=reason),)))
        checker.trees.close()


class _Checker:
    """Judges series after series on one repository, folder, or nothing."""

    def __init__(self, analysis: Analysis, folder: Path | None) -> None:
        self.analysis = analysis
        self.folder = folder
        self.trees = Trees(analysis)
        choose_base((), folder, analysis.options.base)  # a base that cannot be used is said before any work

    def check_series(self, series: Series) -> list[Judged]:
        """Return what each patch of a series does, on top of those before it."""
        patches = series.patches or ((series.cover,) if series.cover is not None and series.cover.problems else ())
        try:
            image, words = self._base(series)
        except WorkersLost:
            raise
        except AnalyzerError as error:
            reason = f"its base cannot be read: {error}"
            return [Judged(patch, Result(skipped=(_skip(patch, None, reason),))) for patch in patches]
        judged: list[Judged] = []
        for patch in patches:
            started = time.monotonic()
            try:
                step = self._put(patch, image)
                result = self._judge(patch, step)
                image = step.after if image is not None else None
            except WorkersLost:
                raise
            except AnalyzerError as error:
                result = Result(skipped=(_skip(patch, None, str(error)),))
            notes = [*([words] if words else []), *series.notes, *_remarks(patch)]
            stats = msgspec.structs.replace(result.stats, seconds=round(time.monotonic() - started, 3))
            result = msgspec.structs.replace(
                result, notes=(*(Note(message=note) for note in notes), *result.notes), stats=stats
            )
            judged.append(Judged(patch, result))
        return _mark_removed_again(judged)

    def _base(self, series: Series) -> tuple[Image | None, str]:
        """Return what the series applies to, None without a tree, and how it was chosen where that is worth a word."""
        if self.folder is None:
            return None, ""
        base = choose_base(series.patches, self.folder, self.analysis.options.base)
        return self.trees.image(base.tree), base.words if base.rung is not Rung.FOLDER else ""

    def _put(self, patch: Patch, image: Image | None) -> _Step:
        if image is None:
            return _without_tree(patch, self.analysis)
        applied = apply_patch(patch, image.tree)
        skipped = tuple(_skip(patch, r.path, str(r).removeprefix(f"{r.path}: ")) for r in applied.rejects)
        doubtful = {reject.path for reject in applied.rejects}
        if applied.overlay:
            after = change_image(image, applied.overlay, self.analysis, doubtful)
        else:
            after = replace(image, doubtful=image.doubtful | doubtful)
        return _Step(image, after, applied.changes, skipped, applied.notes)

    def _judge(self, patch: Patch, step: _Step) -> Result:
        touched = [(change.old_path, change.new_path) for change in step.changes]
        found = judge_change(step.before, step.after, touched, self.analysis)
        lines = MailLines(step.before, step.after, step.changes)
        placed = [_with_place(finding, patch, lines) for finding in found]
        if step.pieces is not None:
            lines = MailLines(*step.pieces, step.changes)
            placed += [_with_place(finding, patch, lines) for finding in step.found]
        problems = tuple(_skip(patch, None, problem) for problem in patch.problems)
        skipped = {*problems, *step.skipped, *skipped_in(step.before, step.after, touched)}
        paths = [new for _, new in touched if new is not None and is_c(new)]
        results = step.after.snapshot.results
        return Result(
            findings=tuple(sorted(placed, key=lambda f: f.sort_key)),
            skipped=tuple(sorted(skipped, key=lambda s: s.sort_key)),
            notes=tuple(Note(message=note) for note in step.notes),
            stats=Stats(
                files=len(paths),
                functions=sum(results[path].functions for path in paths if path in results),
                functions_skipped=len({(s.file, s.function) for s in skipped if s.function is not None}),
            ),
        )


def _without_tree(patch: Patch, analysis: Analysis) -> _Step:
    rebuilt = rebuild_images(patch, analysis)
    return _Step(
        rebuilt.before, rebuilt.after, rebuilt.changes, rebuilt.cut, pieces=rebuilt.pieces, found=rebuilt.findings
    )


def _skip(patch: Patch, path: str | None, reason: str) -> Skipped:
    """Return an entry for a file, or for the mail itself and its first line."""
    if path:
        return Skipped(file=path, function=None, line=None, reason=reason)
    return Skipped(file=patch.source, function=None, line=patch.line, reason=reason)


def _remarks(patch: Patch) -> list[str]:
    repaired = [f"repaired: {patch.repairs}"] if patch.repairs else []
    return [*patch.notes, *repaired]


def _with_place(finding: Finding, patch: Patch, lines: MailLines) -> Finding:
    place = PatchPlace(
        message_id=patch.message_id or None, subject=patch.subject, number=patch.number, line=lines.of(finding)
    )
    return msgspec.structs.replace(finding, patch=place)


def _mark_removed_again(judged: list[Judged]) -> list[Judged]:
    """Say of each new finding that a later patch of the series fixes it."""
    removed: dict[str, str] = {}
    marked: list[Judged] = []
    for one in reversed(judged):
        findings = []
        for finding in one.result.findings:
            by = removed.pop(finding.fingerprint, "") if finding.status is Status.NEW else ""
            if by:
                finding = msgspec.structs.replace(finding, message=f"{finding.message} (until {by} of this series)")
            findings.append(finding)
        for finding in one.result.findings:
            if finding.status is Status.FIXED and one.patch is not None:
                removed[finding.fingerprint] = (
                    f"patch {one.patch.number}" if one.patch.number else f'"{one.patch.title}"'
                )
        marked.append(replace(one, result=msgspec.structs.replace(one.result, findings=tuple(findings))))
    return marked[::-1]
