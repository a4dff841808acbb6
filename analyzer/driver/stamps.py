"""Which files of a folder are as they were when a snapshot of it was taken.

Like git's index: a file of the same size and time of change is the same, unless
it was changed so shortly before the snapshot that a later change could bear the
same time; of those the content is compared.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from analyzer.driver.places import C_SUFFIXES
from analyzer.program.locking_document import DOCUMENTS
from analyzer.source import FolderTree, SourceError
from analyzer.source.tree import SKIPPED_FOLDERS

RACY_NS = 2_000_000_000

Stamp = tuple[int, int]
"""Size and time of change in nanoseconds."""


class Stamps(msgspec.Struct, frozen=True, array_like=True):
    """The C files of a folder, and the documents that contracts are read from.

    racy: digests of files that changed less than `RACY_NS` before the listing.
    unreadable: (folder, reason) of folders that could not be listed.
    """

    files: dict[str, Stamp]
    documents: dict[str, Stamp]
    racy: dict[str, bytes] = {}
    unreadable: tuple[tuple[str, str], ...] = ()


def take_stamps(root: Path, now_ns: int) -> Stamps:
    """List a folder; symbolic links are left out, so no file counts twice and none is outside."""
    files: dict[str, Stamp] = {}
    unreadable: list[tuple[str, str]] = []
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    name = entry.name
                    if name.endswith(C_SUFFIXES) and entry.is_file(follow_symlinks=False):
                        stat = entry.stat(follow_symlinks=False)
                        files[folder + name] = (stat.st_size, stat.st_mtime_ns)
                    elif entry.is_dir(follow_symlinks=False) and name not in SKIPPED_FOLDERS:
                        pending.append(f"{folder}{name}/")
        except OSError as error:
            unreadable.append((folder.rstrip("/"), error.strerror or str(error)))
    documents = {}
    for path in DOCUMENTS:
        try:
            stat = os.stat(root / path)
        except OSError:
            continue
        documents[path] = (stat.st_size, stat.st_mtime_ns)
    stamps = {**files, **documents}
    racy = _digests(root, (path for path, (_, changed) in stamps.items() if changed > now_ns - RACY_NS))
    return Stamps(files, documents, racy, tuple(sorted(unreadable)))


def changed_paths(old: Stamps, new: Stamps, root: Path) -> set[str]:
    """Return the paths that were added or changed since; what is gone is not among them."""
    before, after = {**old.files, **old.documents}, {**new.files, **new.documents}
    changed = set() if before == after else {path for path, stamp in after.items() if before.get(path) != stamp}
    doubtful = [path for path in old.racy if path in after and path not in changed]
    digests = {**_digests(root, (path for path in doubtful if path not in new.racy)), **new.racy}
    return changed | {path for path in doubtful if digests.get(path) != old.racy[path]}


def _digests(root: Path, paths: Iterable[str]) -> dict[str, bytes]:
    tree = FolderTree(root)
    found = {}
    for path in paths:
        try:
            found[path] = hashlib.blake2b(tree.read(path), digest_size=16).digest()
        except SourceError:
            continue
    return found
