"""Recall and precision on a corpus of real, since fixed bugs.

The corpus folder holds corpus.json (recipes that put a fixed bug back), apply.py
(makes the diff of a recipe) and clean.json (tricky but correct functions). A
recipe is found when its patch gives a `new` finding in its function; the clean
functions must stay silent in a scan of the unmodified files.
"""

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.bench.harness import (
    BenchError,
    Finding,
    Pagelint,
    add_common_options,
    format_table,
    pagelint_command,
    percentage,
    progress_every,
    run_all,
)

CORPUS_VARIABLE = "PAGELINT_CORPUS"

Record = TypeVar("Record")


class Recipe(msgspec.Struct, frozen=True):
    """One entry of corpus.json, as far as it matters here."""

    id: str
    tree: str
    file: str
    function: str
    bug_class: str
    scope: str = ""
    hard: bool = False


class Corpus(msgspec.Struct, frozen=True):
    """The file corpus.json."""

    entries: tuple[Recipe, ...]


class CleanFunction(msgspec.Struct, frozen=True):
    """One entry of clean.json: a function about which nothing may be said."""

    id: str
    tree: str
    file: str
    function: str
    first: int
    last: int
    pattern: str = ""


@dataclass(frozen=True)
class Outcome:
    """What pagelint said of one recipe; `error` when it or apply.py failed."""

    recipe: Recipe
    new: tuple[Finding, ...] = ()
    error: str | None = None

    @property
    def hits(self) -> tuple[Finding, ...]:
        """Return the new findings in the recipe's function."""
        wanted = (self.recipe.file, self.recipe.function)
        return tuple(finding for finding in self.new if (finding.file, finding.function) == wanted)

    @property
    def verdict(self) -> str:
        """Say in a word how it went."""
        if self.error:
            return "failed"
        return "found" if self.hits else ("elsewhere" if self.new else "missed")


def main() -> int:
    """Run the benchmark; the exit status is 1 when recall is under `--at-least` or a clean function is reported."""
    options = _parse_arguments()
    command = pagelint_command(options.pagelint)
    tools = {name: Pagelint(command, tree) for name, tree in options.trees.items()}
    corpus = _read(options.corpus / "corpus.json", Corpus)
    recipes = [recipe for recipe in corpus.entries if recipe.tree in tools and recipe.id in (options.id or [recipe.id])]

    def judge(recipe: Recipe) -> Outcome:
        try:
            diff = make_diff(options.corpus, recipe, options.trees[recipe.tree])
            return Outcome(recipe, tools[recipe.tree].patch(diff).new)
        except BenchError as error:
            return Outcome(recipe, error=str(error))

    outcomes = run_all(judge, recipes, options.jobs, progress_every(5, len(recipes)))
    print(format_outcomes(outcomes))
    loud = [] if options.id else list(findings_in_clean_functions(options.corpus, tools))
    print(f"\nfindings in clean functions: {len(loud)}")
    for clean, finding in loud:
        print(
            f"  {clean.id} ({clean.pattern}) {finding.file}:{finding.line} {finding.function}: "
            f"{finding.message} [{finding.rule}]"
        )
    found = sum(bool(outcome.hits) for outcome in outcomes)
    return int(bool(loud) or found < options.at_least * len(outcomes) / 100)


def make_diff(corpus: Path, recipe: Recipe, tree: Path) -> str:
    """Return the patch that puts a recipe's bug back. Raises BenchError when the recipe does not apply."""
    apply = [sys.executable, str(corpus / "apply.py"), str(corpus / "corpus.json")]
    done = subprocess.run([*apply, "--id", recipe.id, "--tree", str(tree), "--diff"], capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"apply.py: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode("utf-8", "surrogateescape")


def findings_in_clean_functions(corpus: Path, tools: Mapping[str, Pagelint]) -> Iterable[tuple[CleanFunction, Finding]]:
    """Yield what a scan says inside the functions of clean.json."""
    by_tree: dict[str, list[CleanFunction]] = defaultdict(list)
    for clean in _read(corpus / "clean.json", tuple[CleanFunction, ...]):
        by_tree[clean.tree].append(clean)
    for name, functions in by_tree.items():
        tool = tools.get(name)
        if tool is None or tool.tree is None:
            continue
        report = tool.scan(sorted({tool.tree / clean.file for clean in functions}))
        for clean in functions:
            for finding in report.findings:
                if finding.file == clean.file and clean.first <= finding.line <= clean.last:
                    yield clean, finding


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each recipe and the rates, with and without the hard ones."""
    rows = [
        (
            outcome.recipe.id,
            outcome.recipe.tree,
            outcome.recipe.bug_class,
            outcome.recipe.scope,
            "hard" if outcome.recipe.hard else "",
            outcome.verdict,
            outcome.error or ", ".join(sorted({_told(finding, outcome.recipe) for finding in outcome.new})),
        )
        for outcome in outcomes
    ]
    table = format_table(("recipe", "tree", "class", "scope", "", "verdict", "rules"), rows)
    easy = [outcome for outcome in outcomes if not outcome.recipe.hard]
    rates = [
        f"{name}: {sum(bool(outcome.hits) for outcome in group)} of {len(group)}, "
        f"{percentage(sum(bool(outcome.hits) for outcome in group), len(group))}"
        for name, group in (("all", outcomes), ("without the hard ones", easy))
    ]
    return "\n".join([table, "", *rates])


def _told(finding: Finding, recipe: Recipe) -> str:
    return finding.rule if finding.function == recipe.function else f"{finding.rule} in {finding.function}"


def _read(path: Path, shape: type[Record]) -> Record:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except (OSError, msgspec.DecodeError) as error:
        raise BenchError(f"{path}: {error}") from error


def _trees(text: str) -> dict[str, Path]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and folder for name, _, folder in pairs):
        raise argparse.ArgumentTypeError("expected NAME=DIR[,NAME=DIR...]")
    return {name: Path(folder) for name, _, folder in pairs}


def _parse_arguments() -> argparse.Namespace:
    place = os.environ.get(CORPUS_VARIABLE)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(place) if place else None,
        required=not place,
        metavar="DIR",
        help=f"corpus folder (default: ${CORPUS_VARIABLE})",
    )
    parser.add_argument("--trees", type=_trees, required=True, metavar="NAME=DIR,...", help="kernel trees by version")
    parser.add_argument("--id", action="append", metavar="ID", help="only this recipe; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="pagelint processes at once (default: 2)")
    parser.add_argument("--at-least", type=float, default=66.6, metavar="PERCENT", help="recall to reach (66.6)")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f"recipes: {failure}")
