"""Runs the same function over many inputs: in this process, in a pool of processes, or on a Dask cluster.

What the work needs to know of a run (the setting) is pickled once and unpickled
once in each process, so a task carries only its own input.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

from analyzer.source import AnalyzerError

Input = TypeVar("Input")
Output = TypeVar("Output")

_UNPICKLED: dict[bytes, object] = {}


class Workers:
    """Maps batches of inputs to outputs; results come in any order, so callers sort."""

    def __init__(self, executor: Executor | None, width: int) -> None:
        """Use an executor of `width` workers; None runs everything here."""
        self.executor = executor
        self.width = width

    def map_batches(
        self,
        work: Callable[[object, list[Input]], list[Output]],
        setting: object,
        inputs: list[Input],
        batch: int,
    ) -> Iterator[Output]:
        """Yield the outputs of `work(setting, batch)` for all batches of the inputs."""
        batches = [inputs[i : i + batch] for i in range(0, len(inputs), batch)]
        if self.executor is None or len(batches) < 2:
            for one in batches:
                yield from work(setting, one)
            return
        blob = pickle.dumps(setting, protocol=pickle.HIGHEST_PROTOCOL)
        key = hashlib.blake2b(blob, digest_size=16).digest()
        futures = [self.executor.submit(_run, work, key, blob, one) for one in batches]
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
            raise AnalyzerError("--scheduler needs the extra pagelint[cluster] (pip install 'pagelint[cluster]')") from error
        try:
            client = Client(scheduler, timeout="10s")
        except (OSError, ValueError, TimeoutError) as error:
            raise AnalyzerError(f"--scheduler {scheduler}: {error}") from error
        with client:
            yield Workers(client.get_executor(), max(1, len(client.scheduler_info(n_workers=-1)["workers"])))
        return
    width = jobs or os.cpu_count() or 1
    if width == 1:
        yield Workers(None, 1)
        return
    with ProcessPoolExecutor(width) as pool:
        yield Workers(pool, width)

