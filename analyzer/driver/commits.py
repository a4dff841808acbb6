"""Commits of a repository as patches, for those who name revisions instead of mails."""

import re
from dataclasses import dataclass
from pathlib import Path

from analyzer.source import SourceError, run_git

_COUNTED = re.compile(r"(.+)-(\d{1,6})$")
_SHAPE = (
    "--stdout",
    "--numbered",
    "--thread=shallow",
    "--from=pagelint <>",  # one sender, so that commits of several authors are one series
    "--subject-prefix=PATCH",
    "--no-signature",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
)


@dataclass(frozen=True)
class Commits:
    """Some commits as an mbox, in the order in which they apply, and the commit below the first of them."""

    mbox: bytes
    base: str


def read_commits(folder: Path, revisions: str) -> Commits:
    """Return the commits that a user means as checkpatch takes them: REV is one, REV-N the last N up to it, A..B those.

    Merges are left out. Raises SourceError when there are no such commits, or the first of them has no parent.
    """
    mbox = run_git(folder, "format-patch", *_SHAPE, *_limit(folder, revisions))
    if not mbox:
        raise SourceError(f"{revisions}: no commits (merges do not count)")
    first = mbox.split(None, 2)[1].decode("ascii")
    try:
        base = run_git(folder, "rev-parse", "--verify", "--quiet", f"{first}^").decode("ascii").strip()
    except SourceError as error:
        raise SourceError(f"{revisions}: {first[:12]} has no parent to be compared with") from error
    return Commits(mbox, base)


def _limit(folder: Path, revisions: str) -> tuple[str, ...]:
    """Return the arguments of git that select the commits."""
    if revisions.startswith("-"):
        raise SourceError(f"{revisions}: not a revision")
    if ".." in revisions:
        return (revisions, "--")
    counted = _COUNTED.match(revisions)
    if counted is not None and not _exists(folder, revisions):
        return (f"-{counted[2]}", counted[1], "--")
    return ("-1", revisions, "--")


def _exists(folder: Path, revision: str) -> bool:
    try:
        run_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except SourceError:
        return False
    return True
