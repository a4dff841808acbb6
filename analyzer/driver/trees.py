"""Images of the trees that a run starts from, each made once."""

from pathlib import Path

from analyzer.driver.analysis import Analysis
from analyzer.driver.fixpoint import Snapshot
from analyzer.driver.images import Image, change_image
from analyzer.source import EmptyTree, FolderTree, GitTree, OverlayTree, Tree

HELD = 2
"""Images that are kept in memory: patches on many bases must not fill it."""


class Trees:
    """Gives images of trees."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
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

    def close(self) -> None:
        """End the git processes behind the images."""
        while self._images:
            _close(self._images.popitem()[1])

    def folder(self, root: Path) -> Image:
        """Return the image of a folder."""
        return self.image(FolderTree(root))

    def _snapshot(self, tree: Tree) -> Snapshot:
        files = frozenset(tree.files())
        return self.analysis.update(Snapshot(), tree, files, ())


def _close(image: Image) -> None:
    if isinstance(image.tree, GitTree):
        image.tree.close()
