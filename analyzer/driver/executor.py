"""Runs the same function over many inputs: in this process, in a pool of processes, or on a Dask cluster.

What the work needs to know of a run (the setting) is pickled once and unpickled
once in each process, so a task carries only its own input.
"""

import hashlib
import os
import pickle
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from analyzer.source import AnalyzerError

Input = TypeVar("Input")
Output = TypeVar("Output")

_UNPICKLED: dict[bytes, object] = {}


class Workers:
    """Maps inputs to outputs; results come in any order, so callers sort.

    With several executors an input goes to the one that its `place` names, so that what a process
    remembers of a file serves again when the file comes back.
    """

    def __init__(self, executors: list[Executor], width: int) -> None:
        """Use executors of `width` workers together; none runs everything in this process."""
        self.executors = executors
        self.width = width

    def map_batches(
        self,
        work: Callable[[object, list[Input]], list[Output]],
        setting: object,
        inputs: list[Input],
        batch: int,
        place: Callable[[Input], str] = str,
    ) -> Iterator[Output]:
        """Yield the outputs of `work(setting, batch)` for all batches of the inputs; `place` names an input."""
        if not self.executors or len(inputs) <= 1:
            for start in range(0, len(inputs), batch):
                yield from work(setting, inputs[start : start + batch])
            return
        blob = pickle.dumps(setting, protocol=pickle.HIGHEST_PROTOCOL)
        key = hashlib.blake2b(blob, digest_size=16).digest()
        shards: list[list[Input]] = [[] for _ in self.executors]
        for one in inputs:
            shards[zlib.crc32(place(one).encode("utf-8", "surrogatepass")) % len(shards)].append(one)
        futures = [
            executor.submit(_run, work, key, blob, shard[start : start + batch])
            for executor, shard in zip(self.executors, shards, strict=True)
            for start in range(0, len(shard), batch)
        ]
        for future in as_completed(futures):
            yield from future.result()


def _run(
    work: Callable[[object, list[Input]], list[Output]], key: bytes, blob: bytes, batch: list[Input]
) -> list[Output]:
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
        try:
            from distributed import Client
        except ImportError as error:
            raise AnalyzerError(
                "--scheduler needs the extra pagelint[cluster] (pip install 'pagelint[cluster]')"
            ) from error
        try:
            client = Client(scheduler, timeout="10s")
        except (OSError, ValueError, TimeoutError) as error:
            raise AnalyzerError(f"--scheduler {scheduler}: {error}") from error
        with client:
            yield Workers([client.get_executor()], max(1, len(client.scheduler_info(n_workers=-1)["workers"])))
        return
    width = jobs or os.cpu_count() or 1
    if width == 1:
        yield Workers([], 1)
        return
    from concurrent.futures import ProcessPoolExecutor  # a run in one process need not wait for multiprocessing

    with ExitStack() as stack:
        yield Workers([stack.enter_context(ProcessPoolExecutor(1)) for _ in range(width)], width)
