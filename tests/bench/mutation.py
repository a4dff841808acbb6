"""Mutation benchmark: how many seeded page-lock faults `pagelint patch` finds.

Samples mutations of the tree's own functions (see mutators.py), hands each to
pagelint as a one-hunk patch and counts it as caught when a `new` finding names
the mutated function, a function that calls it, or a trace that goes through it.
Functions about which pagelint complains before the mutation are left out.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.c_text import functions_of
from tests.bench.harness import (
    DEFAULT_FOLDERS,
    BenchError,
    Finding,
    Pagelint,
    add_common_options,
    format_table,
    functions_mentioning,
    pagelint_command,
    percentage,
    progress_every,
    read_text,
    run_all,
    unified_diff,
)
from tests.bench.mutators import MUTATORS, VOCABULARY, Mutation, guess_cause, mutations_of

CAUSES = ("wrapper", "handed-over", "param", "field", "loop", "other")


@dataclass(frozen=True)
class Subject:
    """A mutation with the text of its file."""

    mutation: Mutation
    text: str

    def diff(self) -> str:
        """Return the mutation as a patch."""
        return unified_diff(self.mutation.function.path, self.text, self.mutation.apply(self.text))


@dataclass(frozen=True)
class Verdict:
    """What pagelint said of one mutation; `error` when it said nothing usable."""

    subject: Subject
    hits: tuple[Finding, ...] = ()
    strays: tuple[Finding, ...] = ()
    seconds: float = 0.0
    error: str | None = None

    @property
    def caught(self) -> bool:
        """Say whether the fault was found where it is or in a caller."""
        return bool(self.hits)


def main() -> int:
    """Run the benchmark; the exit status is 1 when the rate is under `--at-least`."""
    options = _parse_arguments()
    tool = Pagelint(pagelint_command(options.pagelint), options.tree)
    print("scanning the tree as it is", file=sys.stderr)
    reported = _functions_reported(tool, options.folders)
    subjects = collect_subjects(options.tree, options.folders, reported)
    chosen = sample(subjects, options.limit, options.seed)
    print(f"{len(subjects)} mutations, {len(chosen)} chosen", file=sys.stderr)

    verdicts = run_all(
        lambda subject: judge(tool, options.tree, subject), chosen, options.jobs, progress_every(25, len(chosen))
    )
    options.misses.parent.mkdir(parents=True, exist_ok=True)
    options.misses.write_text(format_misses(verdicts), errors="surrogateescape")
    print(format_verdicts(verdicts))
    print(f"misses, sorted by cause: {options.misses}")
    counted = balanced(verdicts)
    return int(sum(verdict.caught for verdict in counted) < options.at_least * len(counted) / 100)


def collect_subjects(tree: Path, folders: Sequence[str], excluded: frozenset[tuple[str, str]]) -> list[Subject]:
    """Return every mutation of the functions that are not in `excluded` (file, function), in a fixed order."""
    return [
        Subject(mutation, text)
        for function, text in functions_mentioning(tree, VOCABULARY, folders)
        if (function.path, function.name) not in excluded
        for mutation in mutations_of(function)
    ]


def sample(subjects: Sequence[Subject], limit: int, seed: int) -> list[Subject]:
    """Return at most `limit` subjects, as many of each mutator as there are, and as many that break a contract."""
    generator = random.Random(seed)
    queues = defaultdict(list)
    for subject in generator.sample(subjects, len(subjects)):
        contract = subject.mutation.origin == "contract"
        queues["contract" if contract else subject.mutation.mutator].append(subject)
    chosen: list[Subject] = []
    while len(chosen) < limit and any(queues.values()):
        for _, queue in sorted(queues.items()):
            if queue and len(chosen) < limit:
                chosen.append(queue.pop())
    return chosen


def judge(tool: Pagelint, tree: Path, subject: Subject) -> Verdict:
    """Return what pagelint says of one mutation."""
    started = time.perf_counter()
    try:
        report = tool.patch(subject.diff())
    except BenchError as error:
        return Verdict(subject, error=str(error))
    name = subject.mutation.function.name
    hits = tuple(finding for finding in report.new if _is_about(finding, name, tree))
    strays = tuple(finding for finding in report.new if finding not in hits)
    return Verdict(subject, hits, strays, time.perf_counter() - started)


def balanced(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts on functions that take and drop the lock themselves: those that the goal is about."""
    return [verdict for verdict in verdicts if verdict.subject.mutation.origin != "contract"]


def format_verdicts(verdicts: Sequence[Verdict]) -> str:
    """Return the table by mutator without contracts, and one of all by where the lock comes from."""
    by_mutator: dict[str, list[Verdict]] = {mutator.__name__.replace("_", "-"): [] for mutator in MUTATORS}
    by_origin: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in balanced(verdicts):
        by_mutator[verdict.subject.mutation.mutator].append(verdict)
    for verdict in verdicts:
        by_origin[f"{verdict.subject.mutation.mutator}, {verdict.subject.mutation.origin}"].append(verdict)
    rows = [_row(name, group) for name, group in by_mutator.items() if group]
    rows.append(_row("all", balanced(verdicts)))
    header = ("mutator", "caught", "total", "rate", "rules")
    origins = [_row(name, group) for name, group in sorted(by_origin.items())]
    seconds = sorted(verdict.seconds for verdict in verdicts if verdict.error is None)
    median = f"\nmedian seconds per patch: {seconds[len(seconds) // 2]:.2f}" if seconds else ""
    return f"{format_table(header, rows)}\n\n{format_table(header, origins)}\n{median}"


def format_misses(verdicts: Sequence[Verdict]) -> str:
    """Return the misses under their guessed cause, each with its patch."""
    missed = [verdict for verdict in verdicts if not verdict.caught]
    groups: dict[str, list[Verdict]] = {cause: [] for cause in ("failed", *CAUSES)}
    for verdict in missed:
        groups["failed" if verdict.error else guess_cause(verdict.subject.mutation)].append(verdict)
    parts = ["".join(f"{cause}: {len(group)}\n" for cause, group in groups.items())]
    for cause, group in groups.items():
        for verdict in sorted(group, key=lambda v: (v.subject.mutation.function.path, v.subject.mutation.line)):
            mutation = verdict.subject.mutation
            where = f"{mutation.function.path}:{mutation.line} {mutation.function.name}()"
            strays = "".join(f"  elsewhere: {f.file}:{f.line} {f.function} [{f.rule}]\n" for f in verdict.strays)
            error = f"  {verdict.error}\n" if verdict.error else ""
            title = f"== {cause}: {mutation.mutator} ({mutation.origin}) {where}\n"
            parts.append(f"{title}{error}{strays}{verdict.subject.diff()}")
    return "\n".join(parts)


def _row(name: str, verdicts: Sequence[Verdict]) -> tuple[object, ...]:
    caught = sum(verdict.caught for verdict in verdicts)
    rules = Counter(rule for verdict in verdicts for rule in {finding.rule for finding in verdict.hits})
    told = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
    failed = sum(verdict.error is not None for verdict in verdicts)
    failures = f" ({failed} failed)" if failed else ""
    return name, caught, len(verdicts), percentage(caught, len(verdicts)), told + failures


def _is_about(finding: Finding, name: str, tree: Path) -> bool:
    """Say whether a finding is in the function, goes through it, or is in a function that calls it."""
    if finding.function == name or any(step.function == name for step in finding.trace):
        return True
    path = tree / finding.file
    if not path.is_file():
        return False
    named = (function for function in functions_of(finding.file, read_text(path)) if function.name == finding.function)
    return any(f"{name}(" in function.code for function in named)


def _functions_reported(tool: Pagelint, folders: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return (file, function) of what pagelint reports of the unmodified tree; this also fills its cache."""
    assert tool.tree is not None
    report = tool.scan([tool.tree / folder for folder in folders if (tool.tree / folder).is_dir()])
    return frozenset((finding.file, finding.function) for finding in report.findings if finding.function)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--tree", type=Path, required=True, metavar="DIR", help="kernel tree; only read")
    parser.add_argument("--folders", nargs="+", default=DEFAULT_FOLDERS, metavar="FOLDER", help="folders of the tree")
    parser.add_argument("--limit", type=int, default=300, metavar="N", help="mutations to try (default: 300)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="seed of the choice (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="pagelint processes at once (default: 2)")
    parser.add_argument("--at-least", type=float, default=85, metavar="PERCENT", help="rate to reach (default: 85)")
    misses = Path(tempfile.gettempdir()) / "pagelint-mutation-misses.txt"
    parser.add_argument("--misses", type=Path, default=misses, metavar="FILE", help=f"where misses go ({misses})")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f"mutation: {failure}")
