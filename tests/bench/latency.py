"""Latency benchmark: how long a developer waits for one patch, and for a commit.

Times a one-file patch (one mutation of `--file`) with a tree, the same patch
without a tree, and `pagelint hook` in a git repository of the kernel's size with
that patch staged. All warm: one run that is not counted comes first, and Python
may keep its bytecode, as an installed pagelint has it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.c_text import functions_of
from tests.bench.harness import (
    BenchError,
    Measurement,
    Pagelint,
    add_common_options,
    decode_report,
    format_table,
    measure,
    pagelint_command,
    read_text,
    unified_diff,
)
from tests.bench.mutators import mutations_of

GOALS = {"patch with a tree": 1.0, "patch without a tree": 0.3, "hook": 1.0}


def main() -> int:
    """Run the benchmark; the exit status is 1 when a median is over its goal."""
    options = _parse_arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    command = pagelint_command(options.pagelint)
    diff = one_patch(options.tree, options.file).encode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(prefix="pagelint-latency-") as scratch:
        elsewhere = Path(scratch)
        times = {
            "patch with a tree": seconds(
                Pagelint(command, options.tree).patch_command(), diff, elsewhere, options.rounds
            ),
            "patch without a tree": seconds(Pagelint(command).patch_command(), diff, elsewhere, options.rounds),
        }
        if not options.no_hook:
            repository = options.repo or elsewhere / "repository"
            times["hook"] = hook_seconds(command, repository, options.tree, diff, options.rounds)
    rows = []
    for name, runs in times.items():
        walls = [run.wall for run in runs]
        cpu = median(run.cpu for run in runs)
        rows.append((name, *(round(f(walls), 3) for f in (median, min, max)), round(cpu, 3), GOALS[name]))
    print(format_table(("what", "median", "fastest", "slowest", "CPU", "goal"), rows))
    return int(any(median(run.wall for run in runs) > GOALS[name] for name, runs in times.items()))


def one_patch(tree: Path, file: str) -> str:
    """Return a patch of one file: the first mutation in it. Raises BenchError when it has no page lock to mutate."""
    text = read_text(tree / file)
    for function in functions_of(file, text):
        for mutation in mutations_of(function):
            return unified_diff(file, text, mutation.apply(text))
    raise BenchError(f"{file}: no function that handles the page lock")


def seconds(command: Sequence[str], stdin: bytes, folder: Path, rounds: int) -> list[Measurement]:
    """Return the cost of each of `rounds` runs, after one that is not counted. Raises BenchError on failure."""
    runs = []
    for _ in range(rounds + 1):
        cost = measure(command, stdin, folder=folder)
        decode_report(cost.status, cost.output)
        runs.append(cost)
    return runs[1:]


def hook_seconds(command: Sequence[str], repository: Path, tree: Path, diff: bytes, rounds: int) -> list[Measurement]:
    """Return the costs of the command's hook with the patch staged; the index is put back afterwards.

    A repository that does not exist yet is made from the tree, which takes minutes.
    """
    if not (repository / ".git").is_dir():
        make_repository(repository, tree)
    _git(repository, "apply", "--cached", stdin=diff)
    try:
        return seconds((*command, "hook", "--format", "json"), b"", repository, rounds)
    finally:
        _git(repository, "apply", "--cached", "--reverse", stdin=diff)


def make_repository(repository: Path, tree: Path) -> None:
    """Copy the tree and commit every file of it into a new repository."""
    print(f"making {repository}, which takes minutes", file=sys.stderr)
    shutil.copytree(tree, repository, symlinks=True, dirs_exist_ok=True)
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0")
    _git(repository, "init", "--quiet")
    _git(repository, "add", "--all", "--force")
    _git(repository, *identity, "commit", "--quiet", "--message", "tree")


def _git(repository: Path, *arguments: str, stdin: bytes = b"") -> None:
    done = subprocess.run(["git", *arguments], cwd=repository, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"git {' '.join(arguments)}: {done.stderr.decode('utf-8', 'replace').strip()}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--tree", type=Path, required=True, metavar="DIR", help="kernel tree; only read")
    parser.add_argument("--file", default="mm/migrate.c", metavar="PATH", help="file to patch (default: mm/migrate.c)")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="runs of each (default: 10)")
    parser.add_argument("--repo", type=Path, metavar="DIR", help="repository to reuse; made when it does not exist")
    parser.add_argument("--no-hook", action="store_true", help="leave the hook out")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f"latency: {failure}")
