"""A Dask cluster as the place where the work is done.

The workers need this very pagelint, and the tree under the same path. Both are
asked of each worker before any work is handed out, so that a worker which would
see nothing, or something else, cannot make a tree look clean. Work of a worker
that dies goes to another one; when none is left, or the scheduler is gone, the
run ends with an error.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from analyzer.source import AnalyzerError, GitTree, OverlayTree, Tree, WorkersLost
from analyzer.source.tree import FolderTree

CONNECT_SECONDS = 10
LOST_SECONDS = 30
"""How long a run waits for a worker to come back when none is connected."""


class Cluster:
    """One connection to a scheduler. Made by `open_cluster`."""

    def __init__(self, client: Any, address: str) -> None:
        self.client = client
        self.address = address
        self.executor: Executor = client.get_executor()
        self._seen: set[Path] = set()
        self._alone_since: float | None = None

    @property
    def width(self) -> int:
        """Return the number of workers."""
        return max(1, len(self._workers()))

    def check(self) -> None:
        """Raise WorkersLost when nothing that was handed out can come back any more; called while a run waits."""
        if self.client.status not in ("running", "connecting"):
            raise self.error("the connection to the scheduler was lost")
        if self._workers():
            self._alone_since = None
            return
        self._alone_since = self._alone_since or time.monotonic()
        if time.monotonic() - self._alone_since > LOST_SECONDS:
            raise self.error("no worker is left")

    def must_see(self, tree: Tree) -> None:
        """Raise WorkersLost unless every worker has the folder of a tree, with the same entries."""
        folder = _folder_of(tree)
        if folder is None or folder in self._seen:
            return
        self._ask(_listing, str(folder), f"does not have {folder} as it is here")
        self._seen.add(folder)

    def must_agree(self) -> None:
        """Raise WorkersLost unless every worker runs this very pagelint."""
        self._ask(_engine, "", "has another pagelint, or none")

    @property
    def losses(self) -> tuple[type[BaseException], ...]:
        """Return what a future raises when its work is lost: the worker died again and again, or the scheduler did."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        return (KilledWorker, CancelledError, OSError)

    def error(self, words: str) -> WorkersLost:
        """Return an error about this cluster."""
        return WorkersLost(f"--scheduler {self.address}: {words}")

    def _workers(self) -> list[str]:
        return sorted(self.client.scheduler_info(n_workers=-1)["workers"])

    def _ask(self, question: Callable[[str], str], argument: str, otherwise: str) -> None:
        answers = self.client.run(question, argument, on_error="return")
        mine = question(argument)
        for worker in sorted(answers):
            if answers[worker] != mine:
                raise self.error(f"worker {worker} {otherwise}")


@contextmanager
def open_cluster(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler; raise AnalyzerError when it, its workers or the extra `cluster` cannot be used."""
    try:
        import dask
        from distributed import Client
        from distributed.comm.addressing import parse_address, parse_host_port
        from distributed.comm.registry import get_backend
    except ImportError as error:
        raise AnalyzerError(
            "--scheduler needs the extra pagelint[cluster] (pip install 'pagelint[cluster]')"
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is one line of ours
    try:
        scheme, location = parse_address(address)  # a client of an address that makes no sense would not end
        get_backend(scheme)
        parse_host_port(location)
        dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s"})  # also for coming back
        client = Client(address, timeout=f"{CONNECT_SECONDS}s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise AnalyzerError(f"--scheduler {address}: {error}") from error
    with client:
        cluster = Cluster(client, address)
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise cluster.error(f"no worker connected within {CONNECT_SECONDS} s") from error
        cluster.must_agree()
        yield cluster


def _folder_of(tree: Tree) -> Path | None:
    match tree:
        case FolderTree(root):
            return root.absolute()
        case GitTree():
            return tree.repository.absolute()
        case OverlayTree(base):
            return _folder_of(base)
    return None


def _listing(folder: str) -> str:
    """Return what stands in a folder, as far as two machines can agree on it; "" when it is not there."""
    try:
        return "\n".join(sorted(os.listdir(folder)))
    except OSError:
        return ""


@cache
def _engine(_: str) -> str:
    """Return a digest of the code and the data of this pagelint."""
    digest = hashlib.blake2b(digest_size=16)
    code, data = Path(str(files("analyzer"))), Path(str(files("analyzer.rules")))
    for folder, pattern in ((code, "*.py"), (data, "*.toml")):
        for path in sorted(folder.rglob(pattern)):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
