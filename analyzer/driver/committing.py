"""What a commit is about to make new: the index of a git repository against HEAD."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from analyzer.driver.analysis import open_analysis
from analyzer.driver.images import Image, change_image, is_c, judge_change, skipped_in
from analyzer.driver.options import Options
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.trees import Trees
from analyzer.findings import Finding, Result, Stats, Status
from analyzer.program.locking_document import DOCUMENTS
from analyzer.source import EmptyTree, GitTree, SourceError, run_git

HOOK = """\
#!/bin/sh
# Written by `pagelint hook install`: stops a commit that brings in a new page-lock fault.
# `git commit --no-verify` commits all the same.
exec {command} hook "$@"
"""
MARK = "Written by `pagelint hook install`"


@dataclass(frozen=True)
class _Staged:
    """One path pair that the index changes; None where there is no such file on that side."""

    old: str | None
    new: str | None

    @property
    def path(self) -> str:
        return self.new or self.old or ""


def check_index(folder: Path, options: Options) -> Result:
    """Return what the staged content makes new, fixes or leaves, against HEAD; the work tree is not looked at.

    Without a commit yet everything is new. In a merge, what a merged branch has already is not new. Raises
    SourceError where there is no repository, and for paths that are not merged yet.
    """
    started = time.monotonic()
    top = repository_top(folder)
    staged = [one for one in _staged(top) if is_c(one.path) or one.path in DOCUMENTS]
    if not staged:
        return Result(stats=Stats(seconds=round(time.monotonic() - started, 3)))
    overlay = _overlay(staged, GitTree(top, ":"))
    touched = [(one.old, one.new) for one in staged if is_c(one.path)]
    with open_analysis(options) as analysis:
        trees = Trees(analysis)
        head = _head(top)
        before = trees.image(head) if head is not None else Image(EmptyTree("no commit yet"), Snapshot())
        after = change_image(before, overlay, analysis)
        findings = judge_change(before, after, touched, analysis)
        for merged in _merged(top):
            there = [_Staged(one.path, one.path) for one in staged]
            theirs = change_image(before, _overlay(there, merged, optional=True), analysis)
            same_path = [(one.path, one.new) for one in staged if is_c(one.path)]
            findings = _new_to_both(findings, judge_change(theirs, after, same_path, analysis))
        skipped = skipped_in(before, after, touched)
        trees.close()
    results = after.snapshot.results
    return Result(
        findings=findings,
        skipped=skipped,
        notes=tuple(analysis.notes),
        stats=Stats(
            files=len(touched),
            functions=sum(results[new].functions for _, new in touched if new is not None and new in results),
            functions_skipped=len({(s.file, s.function) for s in skipped if s.function is not None}),
            seconds=round(time.monotonic() - started, 3),
        ),
    )


def repository_top(folder: Path) -> Path:
    """Return the top of the work tree that a folder is in; raise SourceError when it is in none."""
    if run_git(folder, "rev-parse", "--is-bare-repository").strip() == b"true":
        raise SourceError(f"{folder}: a bare repository: nothing is committed here; use a work tree of it")
    return Path(run_git(folder, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n"))


def install_hook(folder: Path, command: str, force: bool) -> Path:
    """Write the pre-commit hook where git looks for it and return its path.

    Raises SourceError for a hook that is there already and is not ours, unless `force` is set.
    """
    top = repository_top(folder)
    place = run_git(top, "rev-parse", "--git-path", "hooks/pre-commit").decode("utf-8", "surrogateescape").rstrip("\n")
    path = top / place
    try:
        if os.path.lexists(path) and not force and not _is_ours(path):
            raise SourceError(
                f"{path}: there is a hook already; add the line `{command} hook || exit 1` to it, or use --force"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.pagelint-{os.getpid()}")
        new.write_text(HOOK.format(command=command), "utf-8")
        new.chmod(0o755)
        new.replace(path)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    return path


def _is_ours(path: Path) -> bool:
    """Tell whether a hook was written by `install_hook`; a link that leads nowhere was not."""
    return path.exists() and MARK in path.read_text("utf-8", "replace")


def _head(top: Path) -> GitTree | None:
    try:
        return GitTree(top, "HEAD")
    except SourceError:
        return None


def _merged(top: Path) -> list[GitTree]:
    """Return the commits that are being merged into HEAD."""
    place = run_git(top, "rev-parse", "--git-path", "MERGE_HEAD").decode("utf-8", "surrogateescape").rstrip("\n")
    try:
        names = (top / place).read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [GitTree(top, name) for name in names]


def _new_to_both(findings: tuple[Finding, ...], against_theirs: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings; what is new to HEAD, but not to the merged commit, exists."""
    new = {finding.fingerprint for finding in against_theirs if finding.status is Status.NEW}
    return tuple(
        msgspec.structs.replace(finding, status=Status.EXISTING)
        if finding.status is Status.NEW and finding.fingerprint not in new
        else finding
        for finding in findings
    )


def _overlay(staged: Iterable[_Staged], tree: GitTree, optional: bool = False) -> dict[str, bytes | None]:
    """Return the files as a tree has them; `optional`: it need not have them all."""
    overlay: dict[str, bytes | None] = {one.old: None for one in staged if one.old is not None}
    try:
        for one in staged:
            if one.new is not None:
                overlay[one.new] = tree.read(one.new) if not optional or tree.exists(one.new) else None
    finally:
        tree.close()
    return overlay


def _staged(top: Path) -> list[_Staged]:
    """Return the files that the index changes against HEAD; links and submodules are no files."""
    base = "HEAD" if _head(top) is not None else run_git(top, "hash-object", "-t", "tree", "--stdin").decode().strip()
    text = run_git(top, "diff-index", "--cached", "--raw", "-z", "--find-renames", base)
    words = iter(text.decode("utf-8", "surrogateescape").split("\0"))
    staged = []
    for head in words:
        if not head.startswith(":"):
            continue
        old_mode, new_mode, _, _, status = head[1:].split(" ")
        old = next(words)
        new = next(words) if status[0] == "R" else old
        if status == "U":
            raise SourceError(f"{old}: has conflicts that are not resolved yet (git add it when they are)")
        staged.append(_Staged(old if old_mode.startswith("100") else None, new if new_mode.startswith("100") else None))
    return staged
