"""What a commit is about to make new: the index of a git repository against HEAD."""

import os
import time
from pathlib import Path

from analyzer.driver.analysis import open_analysis
from analyzer.driver.fixpoint import Snapshot
from analyzer.driver.images import Image, change_image, is_c, judge_change, skipped_in
from analyzer.driver.options import Options
from analyzer.driver.trees import Trees
from analyzer.findings import Result, Stats
from analyzer.program.locking_document import DOCUMENTS
from analyzer.source import EmptyTree, GitTree, SourceError, run_git

HOOK = """\
#!/bin/sh
# Written by `pagelint hook install`: stops a commit that brings in a new page-lock fault.
# `git commit --no-verify` commits all the same.
exec {command} hook "$@"
"""
MARK = "Written by `pagelint hook install`"


def check_index(folder: Path, options: Options) -> Result:
    """Return what the staged content makes new, fixes or leaves, against HEAD; the work tree is not looked at.

    Without a commit yet everything is new. Raises SourceError where there is no repository.
    """
    started = time.monotonic()
    top = repository_top(folder)
    changes = _staged(top)
    overlay: dict[str, bytes | None] = {}
    index = GitTree(top, ":")
    try:
        for path, there in changes.items():
            if is_c(path) or path in DOCUMENTS:
                overlay[path] = index.read(path) if there else None
    finally:
        index.close()
    if not overlay:
        return Result(stats=Stats(seconds=round(time.monotonic() - started, 3)))
    with open_analysis(options) as analysis:
        trees = Trees(analysis)
        head = _head(top)
        before = trees.image(head) if head is not None else Image(EmptyTree("no commit yet"), Snapshot())
        after = change_image(before, overlay, analysis)
        touched = [(path if head is not None else None, path if there else None) for path, there in changes.items()]
        touched = [(old, new) for old, new in touched if is_c(new or old or "")]
        findings = judge_change(before, after, touched, analysis)
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
    return Path(run_git(folder, "rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").rstrip("\n"))


def install_hook(folder: Path, command: str, force: bool) -> Path:
    """Write the pre-commit hook where git looks for it and return its path.

    Raises SourceError for a hook that is there already and is not ours, unless `force` is set.
    """
    top = repository_top(folder)
    place = run_git(top, "rev-parse", "--git-path", "hooks/pre-commit").decode("utf-8", "surrogateescape").rstrip("\n")
    path = top / place
    try:
        if path.exists() and MARK not in path.read_text("utf-8", "replace") and not force:
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


def _head(top: Path) -> GitTree | None:
    try:
        return GitTree(top, "HEAD")
    except SourceError:
        return None


def _staged(top: Path) -> dict[str, bool]:
    """Return the paths that the index changes against HEAD, and whether they are in the index."""
    if _head(top) is None:
        return dict.fromkeys(GitTree(top, ":").files(suffixes=("",)), True)
    text = run_git(top, "diff-index", "--cached", "-z", "--no-renames", "--name-status", "HEAD")
    words = text.decode("utf-8", "surrogateescape").split("\0")
    return {path: status != "D" for status, path in zip(words[0::2], words[1::2], strict=False)}
