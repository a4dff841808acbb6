"""Speed benchmark: the whole tree, pagelint beside spatch, in one run.

Each round times three things one after the other: pagelint with an empty cache,
spatch with the one-rule semantic patch page_lock.cocci, and pagelint again with
the cache that it has just filled. Medians over the rounds, and their ratios.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.bench.harness import (
    BenchError,
    Measurement,
    Pagelint,
    add_common_options,
    decode_report,
    format_table,
    measure,
    pagelint_command,
)

SEMANTIC_PATCH = Path(__file__).with_name("page_lock.cocci")


def main() -> int:
    """Run the benchmark; the exit status is 1 when a goal of the project is missed."""
    options = _parse_arguments()
    tool = Pagelint(pagelint_command(options.pagelint), options.tree)
    scan = tool.scan_command([options.tree], "--jobs", str(options.jobs))
    spatch = spatch_command(options.tree, options.jobs, options.spatch_options.split())
    cold: list[Measurement] = []
    other: list[Measurement] = []
    warm: list[Measurement] = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="pagelint-cache-") as cache:
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            cold.append(_measured_scan(scan, cache))
            other.append(_measured_spatch(spatch))
            warm.append(_measured_scan(scan, cache))
    print(f"cores: {os.cpu_count()}, load: {os.getloadavg()[0]:.1f}, jobs: {options.jobs}, rounds: {options.rounds}")
    print(f"spatch: {' '.join(spatch)}\n")
    print(format_measurements({"pagelint, cold": cold, "spatch": other, "pagelint, unchanged": warm}))
    return report_goals(cold, other, warm)


def spatch_command(tree: Path, jobs: int, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command line of Coccinelle for the whole tree. Raises BenchError when it is not installed."""
    if shutil.which("spatch") is None:
        raise BenchError("spatch is not installed (package coccinelle)")
    return ("spatch", "--sp-file", str(SEMANTIC_PATCH), "--dir", str(tree), "-j", str(jobs), *extra)


def format_measurements(rounds: dict[str, list[Measurement]]) -> str:
    """Return medians as a table."""
    rows = [
        (
            name,
            round(median(one.wall for one in runs), 2),
            round(median(one.cpu for one in runs), 2),
            round(max(one.peak for one in runs) / 2**20),
        )
        for name, runs in rounds.items()
    ]
    return format_table(("run", "seconds", "CPU seconds", "peak MiB"), rows)


def report_goals(cold: Sequence[Measurement], other: Sequence[Measurement], warm: Sequence[Measurement]) -> int:
    """Print each goal with its ratio; return 1 when one is missed."""
    cold_wall, other_wall, warm_wall = (median(one.wall for one in runs) for runs in (cold, other, warm))
    peak = max(one.peak for one in (*cold, *warm))
    goals = (
        ("cold against spatch, at most 1", cold_wall / other_wall, 1.0),
        ("unchanged against spatch, at most 0.1", warm_wall / other_wall, 0.1),
        ("unchanged against cold", warm_wall / cold_wall, None),
        ("peak memory in GiB, under 1", peak / 2**30, 1.0),
    )
    print()
    for name, value, bound in goals:
        verdict = "" if bound is None else ("  ok" if value <= bound else "  MISSED")
        print(f"{name}: {value:.2f}{verdict}")
    return int(any(bound is not None and value > bound for _, value, bound in goals))


def _measured_scan(command: Sequence[str], cache: str) -> Measurement:
    cost = measure(command, environment={"XDG_CACHE_HOME": cache})
    decode_report(cost.status, cost.output)
    return cost


def _measured_spatch(command: Sequence[str]) -> Measurement:
    cost = measure(command)
    if cost.status != 0:
        raise BenchError(f"spatch ended with status {cost.status}")
    return cost


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--tree", type=Path, required=True, metavar="DIR", help="kernel tree; only read")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds (default: 3)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes of both tools (default: 2)")
    parser.add_argument("--spatch-options", default="", metavar="OPTIONS", help="more options for spatch, as one word")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f"speed: {failure}")
