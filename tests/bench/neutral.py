"""Noise benchmark: patches that change nothing must give no `new` finding.

Makes neutral edits (see neutral_edits.py) of functions that handle the page
lock, the same number of each kind, and hands each to pagelint as a patch.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.c_text import CFunction
from tests.bench.harness import (
    DEFAULT_FOLDERS,
    BenchError,
    Finding,
    Pagelint,
    add_common_options,
    format_table,
    functions_mentioning,
    pagelint_command,
    progress_every,
    read_text,
    run_all,
    unified_diff,
)
from tests.bench.mutators import VOCABULARY
from tests.bench.neutral_edits import EDITORS, Edit


@dataclass(frozen=True)
class Outcome:
    """What pagelint said of one neutral edit; `error` when it said nothing usable."""

    edit: Edit
    diff: str
    new: tuple[Finding, ...] = ()
    error: str | None = None


def main() -> int:
    """Run the benchmark; the exit status is 1 when a patch gave a new finding or could not be judged."""
    options = _parse_arguments()
    tool = Pagelint(pagelint_command(options.pagelint), options.tree)
    subjects = [
        (function, text)
        for function, text in functions_mentioning(options.tree, VOCABULARY, options.folders)
        if not function.has_directives
    ]
    edits = choose_edits(subjects, options.limit, random.Random(options.seed))
    if options.write:
        write_diffs(options.tree, edits, options.write)
    outcomes = run_all(
        lambda edit: judge(tool, options.tree, edit), edits, options.jobs, progress_every(25, len(edits))
    )
    print(format_outcomes(outcomes))
    return int(any(outcome.new or outcome.error for outcome in outcomes))


def choose_edits(subjects: Sequence[tuple[CFunction, str]], limit: int, generator: random.Random) -> list[Edit]:
    """Return at most `limit` edits, no two of one kind in one function."""
    edits: list[Edit] = []
    for number, editor in enumerate(EDITORS):
        wanted = limit * (number + 1) // len(EDITORS)
        for function, text in generator.sample(subjects, len(subjects)):
            if len(edits) >= wanted:
                break
            edit = editor(function, text, generator)
            if edit is not None:
                edits.append(edit)
    return edits


def judge(tool: Pagelint, tree: Path, edit: Edit) -> Outcome:
    """Return what pagelint says of one edit."""
    diff = diff_of(tree, edit)
    try:
        return Outcome(edit, diff, tool.patch(diff).new)
    except BenchError as error:
        return Outcome(edit, diff, error=str(error))


def diff_of(tree: Path, edit: Edit) -> str:
    """Return the edit as a patch."""
    return unified_diff(edit.function.path, read_text(tree / edit.function.path), edit.text)


def write_diffs(tree: Path, edits: Sequence[Edit], folder: Path) -> None:
    """Write each edit as NUMBER-KIND-FUNCTION.diff into `folder`, to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, edit in enumerate(edits, 1):
        name = f"{number:03d}-{edit.kind}-{edit.function.name}.diff"
        (folder / name).write_bytes(diff_of(tree, edit).encode("utf-8", "surrogateescape"))


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Return the table by kind, and under it every patch that made noise."""
    kinds = list(dict.fromkeys(outcome.edit.kind for outcome in outcomes))
    rows: list[tuple[object, ...]] = []
    for kind in [*kinds, "all"]:
        group = [outcome for outcome in outcomes if kind in ("all", outcome.edit.kind)]
        noisy = sum(bool(outcome.new) for outcome in group)
        rows.append((kind, len(group), noisy, sum(outcome.error is not None for outcome in group)))
    parts = [format_table(("edit", "patches", "noisy", "failed"), rows)]
    for outcome in outcomes:
        where = f"{outcome.edit.kind} {outcome.edit.function.path} {outcome.edit.function.name}()"
        if outcome.error:
            parts.append(f"\nfailed: {where}: {outcome.error}")
        if outcome.new:
            told = "\n".join(f"  {f.file}:{f.line} {f.function}: {f.message} [{f.rule}]" for f in outcome.new)
            parts.append(f"\nnoise: {where}\n{told}\n{outcome.diff}")
    return "\n".join(parts)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--tree", type=Path, required=True, metavar="DIR", help="kernel tree; only read")
    parser.add_argument("--folders", nargs="+", default=DEFAULT_FOLDERS, metavar="FOLDER", help="folders of the tree")
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="patches to try (default: 200)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="seed of the choice (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="pagelint processes at once (default: 2)")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="also write the patches there")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f"neutral: {failure}")
