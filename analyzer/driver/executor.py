"""Runs the same function over many inputs: in this process, in a pool of processes, or on a Dask cluster.

What the work needs to know of a run (the setting) is pickled once and unpickled
once in each process, so a task carries only its own input.
"""

import gc
import hashlib
import os
import pickle
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from analyzer.source import Tree, WorkersLost

if TYPE_CHECKING:  # a run in one process need not wait for pools and clusters to be loaded
    from concurrent.futures import Executor, Future

    from analyzer.driver.cluster import Cluster

Input = TypeVar("Input")
Output = TypeVar("Output")

PATIENCE = 5.0
"""Seconds without a result after which a cluster is asked whether it is still there."""

AHEAD = 2
"""Parts that a process has at once, so that it need not wait for the next one."""

PARTS = 6
"""A part is at most one of so many of what is left of its shard, so that none is left to wait for."""

RARELY = (100_000, 50, 100)
"""Thresholds of the garbage collector: what the analysis makes is seldom cyclic, and there is much of it."""

_UNPICKLED: dict[bytes, object] = {}
_ONE_AT_A_TIME = threading.Lock()


class Workers:
    """Maps inputs to outputs; results come in any order, so callers sort.

    With several executors an input goes to the one that its `place` names, so that what a process
    remembers of a file serves again when the file comes back; or to one that has nothing else to do.
    """

    def __init__(self, executors: "list[Executor]", width: int, cluster: "Cluster | None" = None) -> None:
        """Use executors of `width` workers together; none runs everything in this process."""
        self.executors = executors
        self.width = width
        self.cluster = cluster

    def must_see(self, tree: Tree) -> None:
        """Raise AnalyzerError when the workers cannot read the tree as this process does."""
        if self.cluster is not None:
            self.cluster.must_see(tree)

    def map_batches(
        self,
        work: Callable[[object, list[Input]], list[Output]],
        setting: object,
        inputs: list[Input],
        batch: int,
        place: Callable[[Input], str] = str,
    ) -> Iterator[Output]:
        """Yield the outputs of `work(setting, batch)` for all batches of the inputs; `place` names an input.

        Raises WorkersLost when workers died and nobody could do what they had to do.
        """
        if not self.executors or len(inputs) <= 1:
            for start in range(0, len(inputs), batch):
                yield from work(setting, inputs[start : start + batch])
            return
        blob = pickle.dumps(setting, protocol=pickle.HIGHEST_PROTOCOL)
        key = hashlib.blake2b(blob, digest_size=16).digest()
        shards: list[deque[Input]] = [deque() for _ in self.executors]
        for one in inputs:
            shards[zlib.crc32(place(one).encode("utf-8", "surrogatepass")) % len(shards)].append(one)
        ahead = AHEAD if self.cluster is None else len(inputs)
        yield from self._results(
            lambda shard, part: self.executors[shard].submit(_run, work, key, blob, part), Parts(shards, batch), ahead
        )

    def _results(
        self, submit: "Callable[[int, list[Input]], Future[list[Output]]]", parts: "Parts[Input]", ahead: int
    ) -> Iterator[Output]:
        """Yield what the parts give; each executor has up to `ahead` of them waiting or in work."""
        from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait

        lost: tuple[type[BaseException], ...] = (BrokenExecutor,) if self.cluster is None else self.cluster.losses
        pending: dict[Future[list[Output]], int] = {}
        try:
            for shard in [*range(len(self.executors))] * ahead:
                if part := parts.take(shard, shard in pending.values()):
                    pending[submit(shard, part)] = shard
            while pending:
                done, _ = wait(pending, None if self.cluster is None else PATIENCE, FIRST_COMPLETED)
                for future in done:
                    shard = pending.pop(future)
                    if part := parts.take(shard, shard in pending.values()):
                        pending[submit(shard, part)] = shard
                    yield from future.result()
                if not done and self.cluster is not None:
                    self.cluster.check()
        except lost as error:
            if self.cluster is not None:
                raise self.cluster.error(f"the work was lost ({type(error).__name__}); did workers die?") from error
            raise WorkersLost("a worker process died, perhaps for want of memory; try --jobs 1") from error
        finally:
            for future in pending:
                future.cancel()


class Parts(Generic[Input]):
    """Inputs by the executor that they are meant for, handed out in parts that get smaller towards the end.

    One that has done its own gets some of the others': guided self-scheduling (Polychronopoulos, Kuck 1987).
    """

    def __init__(self, shards: list[deque[Input]], largest: int) -> None:
        """Take the inputs of each executor and how many a part may hold."""
        self.shards = shards
        self.largest = largest

    def take(self, own: int, busy: bool) -> list[Input]:
        """Return what an executor is to do next.

        When its own shard is empty and it is not busy, that is the last ones of the longest other shard.
        """
        shard = self.shards[own]
        if shard or busy:
            return [shard.popleft() for _ in range(self._size(shard))]
        shard = max(self.shards, key=len)
        return [shard.pop() for _ in range(self._size(shard))]

    def _size(self, shard: deque[Input]) -> int:
        return min(self.largest, -(-len(shard) // PARTS))


def _run(
    work: Callable[[object, list[Input]], list[Output]], key: bytes, blob: bytes, batch: list[Input]
) -> list[Output]:
    with _ONE_AT_A_TIME:  # a cluster's worker has several threads; what is remembered between tasks is for one
        if key not in _UNPICKLED:
            _UNPICKLED.clear()
            _UNPICKLED[key] = pickle.loads(blob)
        return work(_UNPICKLED[key], batch)


@contextmanager
def open_workers(jobs: int, scheduler: str | None = None) -> Iterator[Workers]:
    """Open workers for one run; raise AnalyzerError when the cluster cannot be used.

    jobs: number of processes, 1 = none beside this one, 0 = one a core.
    """
    if scheduler is not None:
        from analyzer.driver.cluster import open_cluster

        with open_cluster(scheduler) as cluster:
            yield Workers([cluster.executor], cluster.width, cluster)
        return
    width = jobs or os.cpu_count() or 1
    with ExitStack() as stack:
        stack.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(*RARELY)
        if width == 1:
            yield Workers([], 1)
            return
        from concurrent.futures import ProcessPoolExecutor

        pools = [ProcessPoolExecutor(1, initializer=gc.set_threshold, initargs=RARELY) for _ in range(width)]
        yield Workers([stack.enter_context(pool) for pool in pools], width)
