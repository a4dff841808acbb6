"""What the workers of the cluster in test_cluster.py are told to do; they import it by name."""

import os
import signal
import time
from pathlib import Path


def double(_: object, numbers: list[int]) -> list[int]:
    return [2 * number for number in numbers]


def double_slowly(_: object, numbers: list[int]) -> list[int]:
    time.sleep(0.1)
    return double(None, numbers)


def die_once(marker: object, numbers: list[int]) -> list[int]:
    """Double numbers, but kill the first worker process that is asked to."""
    assert isinstance(marker, Path)
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return double(None, numbers)
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def die(_: object, __: list[int]) -> list[int]:
    """Kill every worker process that is asked."""
    os.kill(os.getpid(), signal.SIGKILL)
    return []
