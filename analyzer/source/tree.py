"""Where file text comes from: a folder, a git tree-ish, the git index, an overlay.

A tree maps posix paths relative to its root to bytes. Trees are read-only
views; nothing is ever checked out or written. Symbolic links that lead out of
a folder tree are not followed.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from analyzer.source.errors import SourceError


class Tree(Protocol):
    """A read-only set of files."""

    @property
    def name(self) -> str:
        """Return what a message should call this tree."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of one file; raise SourceError when there is none."""
        ...

    def exists(self, path: str) -> bool:
        """Tell whether `path` is a file of this tree."""
        ...

    def files(self, under: str = "", suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[str]:
        """Yield the paths below the folder `under` with one of `suffixes`, sorted."""
        ...


@dataclass(frozen=True)
class EmptyTree:
    """No tree was given: every file is missing."""

    name: str = "no tree"

    def read(self, path: str) -> bytes:
        """Raise SourceError: there is nothing to read."""
        raise SourceError(f"{path}: no kernel tree was given (use --tree)")

    def exists(self, path: str) -> bool:
        """Return False for every path."""
        return False

    def files(self, under: str = "", suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[str]:
        """Yield nothing."""
        return iter(())


SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__"})


@dataclass(frozen=True)
class FolderTree:
    """The files below a folder on disk."""

    root: Path

    def __reduce__(self) -> tuple[type["FolderTree"], tuple[Path]]:
        """Pickle the absolute path: another process may stand in another folder."""
        return FolderTree, (self.root.absolute(),)

    @property
    def name(self) -> str:
        """Return the folder's path."""
        return str(self.root)

    def read(self, path: str) -> bytes:
        """Return the bytes of `path`; raise SourceError with the system's reason."""
        try:
            with open(self._locate(path), "rb", buffering=0) as file:
                return file.readall()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from error

    def exists(self, path: str) -> bool:
        """Tell whether `path` is a regular file below the root."""
        try:
            return os.path.isfile(self._locate(path))
        except SourceError:
            return False

    def files(self, under: str = "", suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[str]:
        """Yield matching paths below `under`; folders in sorted order, links not followed."""
        prefix = len(str(self.root).rstrip("/")) + 1
        for folder, folders, names in os.walk(self.root / under if under else self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield f"{folder}/{name}"[prefix:]

    def _locate(self, path: str) -> str:
        if path.startswith("/") or "\0" in path or ".." in path.split("/"):
            raise SourceError(f"{path}: path leaves the tree")
        return f"{self.root}/{path}"


def run_git(repository: Path, *arguments: str, data: bytes | None = None) -> bytes:
    """Return what `git` prints; raise SourceError with git's own last line.

    Hooks, pagers, prompts and lazy fetching are off, so nothing named by the repository runs. Nobody needs to have told
    git who they are: `format-patch` makes message ids of that.
    """
    off = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    nobody = {"GIT_COMMITTER_NAME": "pagelint", "GIT_COMMITTER_EMAIL": "pagelint@localhost"}
    environment = {**os.environ, **off, **nobody}
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), "-c", "core.pager=cat", "-c", "core.fsmonitor=false", *arguments],
            input=data,
            capture_output=True,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise SourceError(f"git: {error.strerror or error}") from error
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["failed"]
        raise SourceError(f"git {arguments[0]}: {words[-1]}")
    return done.stdout


class GitTree:
    """The files of one git tree-ish, or of the index; objects are read with `git cat-file --batch`.

    Raises SourceError on construction when the revision does not exist.
    """

    def __init__(self, repository: Path, revision: str) -> None:
        """Open `revision` of `repository`; the revision ":" stands for the index."""
        self.repository = repository
        self.revision = revision
        self._batch: subprocess.Popen[bytes] | None = None
        self._listing: tuple[str, ...] | None = None
        if revision != ":":
            run_git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{tree}}")

    def __getstate__(self) -> tuple[Path, str]:
        return self.repository.absolute(), self.revision

    def __setstate__(self, state: tuple[Path, str]) -> None:
        self.repository, self.revision = state
        self._batch = None
        self._listing = None

    @property
    def name(self) -> str:
        """Return repository and revision."""
        return f"{self.repository}@{'index' if self.revision == ':' else self.revision}"

    def read(self, path: str) -> bytes:
        """Return the blob at `path`; raise SourceError when there is none."""
        if "\n" in path or "\0" in path:
            raise SourceError(f"{path!r}: not a path that git can be asked for")
        data = self.read_object(f":{path}" if self.revision == ":" else f"{self.revision}:{path}")
        if data is None:
            raise SourceError(f"{path}: not in {self.name}")
        return data

    def read_object(self, name: str) -> bytes | None:
        """Return the content of any blob that git can name; None when it has no such blob."""
        if self._batch is None or self._batch.poll() is not None:
            environment = dict(os.environ, GIT_TERMINAL_PROMPT="0", GIT_NO_LAZY_FETCH="1")
            try:
                self._batch = subprocess.Popen(
                    ["git", "-C", str(self.repository), "cat-file", "--batch"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
            except OSError as error:
                raise SourceError(f"git: {error.strerror or error}") from error
        assert self._batch.stdin is not None and self._batch.stdout is not None
        self._batch.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
        self._batch.stdin.flush()
        header = self._batch.stdout.readline().rsplit(b" ", 2)
        if len(header) != 3 or not header[2].strip().isdigit():
            return None
        size = int(header[2])
        data = self._batch.stdout.read(size)
        self._batch.stdout.read(1)
        return data if header[1] == b"blob" else None

    def exists(self, path: str) -> bool:
        """Tell whether a blob stands at `path`."""
        try:
            self.read(path)
        except SourceError:
            return False
        return True

    def files(self, under: str = "", suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[str]:
        """Yield matching paths of the tree or index, sorted."""
        if self._listing is None:
            listing = (
                run_git(self.repository, "ls-files", "-z", "--cached")
                if self.revision == ":"
                else run_git(self.repository, "ls-tree", "-r", "-z", "--name-only", "--full-tree", self.revision)
            )
            self._listing = tuple(
                sorted(name.decode("utf-8", "surrogateescape") for name in listing.split(b"\0") if name)
            )
        prefix = under.rstrip("/") + "/" if under else ""
        return (path for path in self._listing if path.startswith(prefix) and path.endswith(suffixes))

    def close(self) -> None:
        """End the git process; reading again starts a new one."""
        if self._batch is not None:
            self._batch.kill()
            self._batch.communicate()
            self._batch = None


@dataclass(frozen=True)
class OverlayTree:
    """Another tree with some files replaced, added, or (value None) removed."""

    base: Tree
    changed: Mapping[str, bytes | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the tree below."""
        return self.base.name

    def read(self, path: str) -> bytes:
        """Return the changed bytes, or those of the tree below."""
        if path in self.changed:
            data = self.changed[path]
            if data is None:
                raise SourceError(f"{path}: removed by the patch")
            return data
        return self.base.read(path)

    def exists(self, path: str) -> bool:
        """Tell whether `path` is there after the change."""
        return self.changed[path] is not None if path in self.changed else self.base.exists(path)

    def files(self, under: str = "", suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[str]:
        """Yield the paths that are there after the change, sorted."""
        prefix = under.rstrip("/") + "/" if under else ""
        below = {p for p in self.base.files(under, suffixes) if p not in self.changed}
        added = {p for p, d in self.changed.items() if d is not None and p.startswith(prefix) and p.endswith(suffixes)}
        return iter(sorted(below | added))
