"""Findings of one file as an editor holds it, over the tree on disk."""

from pathlib import Path

from analyzer.driver.analysis import open_analysis
from analyzer.driver.images import Image, change_image, is_c
from analyzer.driver.options import Options
from analyzer.driver.places import kernel_above
from analyzer.driver.snapshot import findings_of
from analyzer.driver.trees import Trees
from analyzer.findings import Finding


class EditedTrees:
    """The trees of the files that are open; each is analysed when its first file is opened."""

    def __init__(self, tree: Path | None, options: Options) -> None:
        self.tree = tree.resolve() if tree is not None else None
        self.options = options
        self._images: dict[Path, Image] = {}

    def root_of(self, file: str) -> Path:
        """Return the tree that a file is in: the one that was named, the kernel around it, or its folder."""
        path = Path(file).resolve()
        if self.tree is not None and path.is_relative_to(self.tree):
            return self.tree
        return kernel_above(path.parent) or path.parent

    def findings(self, file: Path, text: bytes) -> tuple[Finding, ...]:
        """Return the findings of a file that holds `text`; raise AnalyzerError when its tree cannot be analysed."""
        root = self.root_of(str(file))
        path = file.resolve().relative_to(root).as_posix()
        if not is_c(path):
            return ()
        with open_analysis(self.options) as analysis:
            if root not in self._images:
                self._images[root] = Trees(analysis).folder(root)
            image = change_image(self._images[root], {path: text}, analysis)
            return tuple(f for f in findings_of(image.snapshot, path) if analysis.choice.wants(f))

    def forget(self) -> None:
        """Look at the disk again: a file was saved."""
        self._images.clear()
