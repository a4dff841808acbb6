"""Turn patches around, to get at what a tree was before them."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.patch.apply import ALREADY_APPLIED, apply_patch
from analyzer.patch.records import FileKind, FilePatch, Hunk, HunkLine, Patch
from analyzer.source import OverlayTree, Tree

OPPOSITE_KIND = {FileKind.CREATE: FileKind.DELETE, FileKind.DELETE: FileKind.CREATE, FileKind.COPY: FileKind.DELETE}
OPPOSITE_LINE = {" ": " ", "+": "-", "-": "+"}


def tree_without(tree: Tree, patches: Sequence[Patch]) -> Tree | None:
    """Return the tree as it was before the patches, which are all in it; None when they are not.

    Only a tree in which nothing of the first patch is left to be done counts as one that has it.
    """
    first = next((patch for patch in patches if patch.files), None)
    if first is None:
        return None
    forward = apply_patch(first, tree)
    if forward.overlay or not any(reject.reason == ALREADY_APPLIED for reject in forward.rejects):
        return None
    for patch in reversed(patches):
        undone = apply_patch(reverse_patch(patch), tree)
        if undone.rejects:
            return None
        tree = OverlayTree(tree, undone.overlay)
    return tree


def reverse_patch(patch: Patch) -> Patch:
    """Return the patch that undoes `patch`, file by file from the last."""
    return replace(patch, files=tuple(_reverse_file(file) for file in reversed(patch.files)))


def _reverse_file(file: FilePatch) -> FilePatch:
    kind = OPPOSITE_KIND.get(file.kind, file.kind)
    copied = file.kind is FileKind.COPY
    return replace(
        file,
        old_path=file.new_path,
        new_path=None if copied else file.old_path,
        kind=kind,
        hunks=() if copied else tuple(map(_reverse_hunk, file.hunks)),
        old_blob=file.new_blob,
        new_blob=file.old_blob,
        old_mode=file.new_mode,
        new_mode=file.old_mode,
    )


def _reverse_hunk(hunk: Hunk) -> Hunk:
    return replace(
        hunk,
        old_start=hunk.new_start,
        old_count=hunk.new_count,
        new_start=hunk.old_start,
        new_count=hunk.old_count,
        lines=_removed_first(tuple(replace(line, kind=OPPOSITE_LINE[line.kind]) for line in hunk.lines)),
    )


def _removed_first(lines: tuple[HunkLine, ...]) -> tuple[HunkLine, ...]:
    """Return the lines with those that a run removes before those that it adds, as diffs have them."""
    out: list[HunkLine] = []
    added: list[HunkLine] = []
    for line in lines:
        if line.kind == "+":
            added.append(line)
            continue
        if line.kind == " ":
            out += added
            added = []
        out.append(line)
    return (*out, *added)
