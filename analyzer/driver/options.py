"""What a run is told, beside its input: the same for a scan, a patch and a commit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analyzer.findings import Confidence

Progress = Callable[[str, int, int], None]
"""Hears the name of a phase, how much of it is done, and how much there is."""

UNKNOWN = 0
"""How much there is where nobody knows: a stream."""


@dataclass(frozen=True)
class Options:
    """Settings of one run.

    models and rules add to those that ship; select and ignore hold rule ids (an
    empty select is all of them); jobs 0 is one process a core; cache_dir None is
    no cache; base names the revision that patches apply to.
    """

    models: tuple[Path, ...] = ()
    rules: tuple[Path, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_confidence: Confidence = Confidence.MEDIUM
    jobs: int = 0
    scheduler: str | None = None
    cache_dir: Path | None = None
    base: str | None = None
    progress: Progress | None = None
