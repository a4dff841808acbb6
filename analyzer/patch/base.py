"""Choose what a patch is applied to.

The ladder, first rung that stands: the revision that the user names, the
`base-commit:` trailer, the blobs named on `index` lines as far as the object
store has them, HEAD. A folder that is no git repository is taken as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from analyzer.patch.records import FileKind, Patch
from analyzer.patch.reverse import tree_without
from analyzer.source import EmptyTree, FolderTree, GitTree, OverlayTree, SourceError, Tree, run_git


class Rung(StrEnum):
    """What the base was chosen by."""

    REVISION = "revision"
    TRAILER = "base-commit"
    BLOBS = "blobs"
    HEAD = "head"
    FOLDER = "folder"
    NONE = "none"


@dataclass(frozen=True)
class Base:
    """The tree below a patch, and in `words` why it is this one."""

    tree: Tree
    rung: Rung
    words: str


def choose_base(patches: Sequence[Patch], folder: Path | None, revision: str | None = None) -> Base:
    """Return the tree that a patch, or the patches of a series, apply to.

    When that tree has all of them already they are taken out of it first.

    Raises SourceError when `revision` is named and does not exist, or when there is no repository for it.
    """
    base = _choose(patches, folder, revision)
    before = None if base.rung in (Rung.NONE, Rung.BLOBS) else tree_without(base.tree, patches)
    if before is None:
        return base
    return Base(before, base.rung, f"{base.words}; what was patched is in it already, and was taken out first")


def _choose(patches: Sequence[Patch], folder: Path | None, revision: str | None) -> Base:
    if folder is None:
        if revision:
            raise SourceError(f"{revision}: no kernel tree was given (use --tree)")
        return Base(EmptyTree(), Rung.NONE, "no tree: judged from the hunks alone")
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder")
    if revision:
        return Base(GitTree(folder, revision), Rung.REVISION, f"applied to {revision}, as asked")
    if not _is_repository(folder):
        words = f"applied to the folder {folder}"
        if (folder / ".git").exists():
            words += ", which git cannot read as a repository"
        return Base(FolderTree(folder), Rung.FOLDER, words)
    said = []
    wanted = next((patch.base_commit for patch in patches if patch.base_commit), "")
    if wanted:
        tree = _tree_at(folder, wanted)
        if tree is not None:
            return Base(tree, Rung.TRAILER, f"applied to {wanted[:12]} of the base-commit trailer{_needs(patches)}")
        said.append(f"base-commit {wanted[:12]} is not in this repository")
    head = _tree_at(folder, "HEAD")
    if head is None:
        said.append("no commit yet: applied to the folder")
        return Base(FolderTree(folder), Rung.FOLDER, "; ".join(said))
    blobs, missing = _blobs_before(patches, head)
    if blobs:
        changed = {path: data for path, data in blobs.items() if not head.exists(path) or head.read(path) != data}
        if not changed and not missing:
            said.append("applied to HEAD, which has the blobs that the patch names")
        else:
            said.append(f"applied to the {len(blobs)} blobs that the patch names, on HEAD")
        if missing:
            said.append(f"{missing} more are not in this repository")
        return Base(OverlayTree(head, changed) if changed else head, Rung.BLOBS, "; ".join(said))
    said.append("applied to HEAD")
    return Base(head, Rung.HEAD, "; ".join(said))


def _is_repository(folder: Path) -> bool:
    """Tell whether the folder is the top of a git repository, with or without a work tree."""
    try:
        prefix = run_git(folder, "rev-parse", "--show-prefix").strip()
        return not prefix
    except SourceError:
        return False


def _tree_at(folder: Path, revision: str) -> GitTree | None:
    try:
        return GitTree(folder, revision)
    except SourceError:
        return None


def _needs(patches: Sequence[Patch]) -> str:
    count = len({name for patch in patches for name in patch.prerequisites})
    return f"; it needs {count} other patches first, which are not applied" if count else ""


def _blobs_before(patches: Sequence[Patch], store: GitTree) -> tuple[dict[str, bytes], int]:
    """Return the files as they are before the first patch that touches each, and how many were not found."""
    found: dict[str, bytes] = {}
    seen: set[str] = set()
    missing = 0
    for file in (file for patch in patches for file in patch.files):
        touched = {path for path in (file.old_path, file.new_path) if path}
        path = file.old_path
        fresh = not touched & seen
        seen |= touched
        if not fresh or path is None or file.kind is FileKind.BINARY or not file.old_blob.strip("0"):
            continue
        data = store.read_object(file.old_blob)
        if data is None:
            missing += 1
        else:
            found[path] = data
    return found, missing
