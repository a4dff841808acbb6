"""Images of the trees that a run starts from, each made once, from the cache where it has one."""

import time
from collections.abc import Callable
from pathlib import Path

from analyzer.driver.analysis import Analysis
from analyzer.driver.cache import Cache, CachedFunctions, Entry, cache_key
from analyzer.driver.fixpoint import FunctionStore, NoStore
from analyzer.driver.images import Image, change_image, is_c
from analyzer.driver.snapshot import Snapshot
from analyzer.driver.stamps import Stamps, changed_paths, take_stamps
from analyzer.findings import Note, Skipped
from analyzer.source import BINARY, EmptyTree, FolderTree, GitTree, OverlayTree, SourceError, Tree, run_git

HELD = 2
"""Images that are kept in memory: patches on many bases must not fill it."""


class Trees:
    """Gives images of trees. `skipped` names folders that could not be listed."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.skipped: list[Skipped] = []
        self._images: dict[tuple[str, str], Image] = {}

    def image(self, tree: Tree) -> Image:
        """Return the image of a tree as it is now."""
        if isinstance(tree, OverlayTree):
            return change_image(self.image(tree.base), tree.changed, self.analysis)
        if isinstance(tree, EmptyTree):
            return Image(tree, Snapshot())
        key = (type(tree).__name__, tree.name)
        known = self._images.pop(key, None)
        self._images[key] = known if known is not None else Image(tree, self._snapshot(tree))
        while len(self._images) > HELD:
            _close(self._images.pop(next(iter(self._images))))
        return self._images[key]

    def folder(self, root: Path) -> Image:
        """Return the image of a folder."""
        return self.image(FolderTree(root))

    def close(self) -> None:
        """End the git processes behind the images."""
        while self._images:
            _close(self._images.popitem()[1])

    def _snapshot(self, tree: Tree) -> Snapshot:
        if isinstance(tree, GitTree):
            return self._git_snapshot(tree)
        assert isinstance(tree, FolderTree)
        return self._folder_snapshot(tree)

    def _folder_snapshot(self, tree: FolderTree) -> Snapshot:
        root = tree.root.resolve()
        stamps = take_stamps(root, time.time_ns())
        self.skipped += [
            Skipped(file=folder or str(root), function=None, line=None, reason=f"folder cannot be listed: {reason}")
            for folder, reason in stamps.unreadable
        ]

        def bring_up_to_date(entry: Entry | None, store: FunctionStore) -> Entry:
            old = Stamps({}, {}) if entry is None or entry.stamps is None else entry.stamps
            snapshot = Snapshot() if entry is None else entry.snapshot
            changed = changed_paths(old, stamps, root) | _readable_again(snapshot, tree) if entry is not None else set()
            if entry is None or changed or old.files.keys() != stamps.files.keys():
                snapshot = self.analysis.update(snapshot, tree, stamps.files, changed, store=store)
            elif old.racy.keys() == stamps.racy.keys():
                return entry
            return Entry("", snapshot, stamps)

        return self._through_cache(f"folder {root}", "", bring_up_to_date)

    def _git_snapshot(self, tree: GitTree) -> Snapshot:
        top = run_git(tree.repository, "rev-parse", "--absolute-git-dir").decode("utf-8", "surrogateescape").strip()
        name = run_git(tree.repository, "rev-parse", "--verify", f"{tree.revision}^{{tree}}").decode().strip()

        def bring_up_to_date(entry: Entry | None, store: FunctionStore) -> Entry:
            if entry is not None and entry.tree == name:
                return entry
            changes = _changes_between(tree, entry.tree, name) if entry is not None else None
            if entry is None or changes is None:
                return Entry(name, self.analysis.update(Snapshot(), tree, frozenset(tree.files()), (), store=store))
            gone = {path for path, there in changes.items() if not there}
            files = (entry.snapshot.files - gone) | {path for path, there in changes.items() if there and is_c(path)}
            return Entry(name, self.analysis.update(entry.snapshot, tree, files, changes, store=store))

        return self._through_cache(f"git {top}", name, bring_up_to_date)

    def _through_cache(
        self, name: str, tree: str, bring_up_to_date: Callable[[Entry | None, FunctionStore], Entry]
    ) -> Snapshot:
        folder = self.analysis.options.cache_dir
        if folder is None:
            return bring_up_to_date(None, NoStore()).snapshot
        cache = Cache(folder)
        key = cache_key(name, self.analysis.options, self.analysis.knobs.with_tree)
        known = cache.load(key, tree)
        store = CachedFunctions(cache, key, lasting=True)
        entry = bring_up_to_date(known, store)
        if entry is not known:
            cache.save(key, entry, store.learnt)
        self.analysis.store = CachedFunctions(cache, key, lasting=False)
        self.analysis.notes += [Note(message=note) for note in cache.notes]
        return entry.snapshot


def _changes_between(tree: GitTree, old: str, new: str) -> dict[str, bool] | None:
    """Return the paths that differ between two trees, and whether the new one has them; None when `old` is gone."""
    try:
        text = run_git(tree.repository, "diff-tree", "-r", "-z", "--no-renames", "--name-status", old, new)
    except SourceError:
        return None
    words = text.decode("utf-8", "surrogateescape").split("\0")
    return {path: status != "D" for status, path in zip(words[0::2], words[1::2], strict=False)}


def _readable_again(snapshot: Snapshot, tree: FolderTree) -> set[str]:
    """Return the files that can be read now and could not when the snapshot was made, which no stamp shows."""
    found = set()
    for path, reason in snapshot.unread.items():
        if reason != BINARY:
            try:
                tree.read(path)
            except SourceError:
                continue
            found.add(path)
    return found


def _close(image: Image) -> None:
    if isinstance(image.tree, GitTree):
        image.tree.close()
