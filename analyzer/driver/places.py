"""Where the paths of a command line are: which tree, and which part of it.

A tree that is not named is the nearest folder above a path that looks like the
top of a kernel, else the path's own folder.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from analyzer.source import SourceError

C_SUFFIXES = (".c", ".h")


@dataclass(frozen=True)
class Part:
    """Part of one tree: `paths` are folders and files below `root`, "" is all of it.

    `prefix` goes before a file's path in reports: "" for a tree that was named or
    recognised, else the folder as the user spelled it.
    """

    root: Path
    paths: tuple[str, ...]
    prefix: str = ""

    def covers(self, path: str) -> bool:
        """Tell whether a file of the tree is in this part."""
        return any(not own or path == own or path.startswith(own + "/") for own in self.paths)


def looks_like_kernel(folder: Path) -> bool:
    """Tell whether a folder is the top of a kernel tree."""
    return (folder / "include/linux").is_dir() and any((folder / name).is_file() for name in ("Kconfig", "MAINTAINERS"))


def kernel_above(path: Path) -> Path | None:
    """Return the nearest folder at or above `path` that is the top of a kernel tree."""
    return next((folder for folder in (path, *path.parents) if looks_like_kernel(folder)), None)


def locate(paths: Iterable[Path], tree: Path | None) -> tuple[Part, ...]:
    """Return the parts that paths name, one a tree, in order; no path at all is the whole tree.

    A path is taken from the current folder, or where nothing is there from the
    tree. Raises SourceError for one that does not exist.
    """
    if tree is not None and not tree.is_dir():
        raise SourceError(f"{tree}: {'not a folder' if tree.exists() else 'no such folder'}")
    found: dict[tuple[Path, str], list[str]] = {}
    for path in list(paths) or [tree or Path()]:
        root, relative, prefix = _locate(path, tree)
        found.setdefault((root, prefix), []).append(relative)
    return tuple(Part(root, tuple(dict.fromkeys(own)), prefix) for (root, prefix), own in found.items())


def _locate(path: Path, tree: Path | None) -> tuple[Path, str, str]:
    top = tree.resolve() if tree is not None else None
    place = path
    if not place.exists() and tree is not None and (tree / path).exists():
        place = tree / path
    if not place.exists():
        raise SourceError(f"{path}: no such file or folder")
    full = place.resolve()
    if top is not None and full.is_relative_to(top):
        return top, _relative(full, top), ""
    root = kernel_above(full)
    if root is not None:
        return root, _relative(full, root), ""
    if full.is_dir():
        return full, "", "" if str(path) == "." else f"{path}/"
    return full.parent, full.name, "" if str(path.parent) == "." else f"{path.parent}/"


def _relative(full: Path, root: Path) -> str:
    relative = full.relative_to(root).as_posix()
    return "" if relative == "." else relative
