"""Parse rates over a kernel tree: functions without ERROR or MISSING, and the causes of what is left.

    python tests/bench/parse_rate.py --tree DIR [--jobs N] [--sample N] [--under FOLDER] [--show N]

Prints a table; the vocabulary row counts the functions that mention the page lock or
page isolation. A cause is the normalised source line at which the first error of a
function begins, so that equal shapes fall together.
"""

import random
import re
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from analyzer.source import FolderTree, SourceText, SyntaxFailure
from analyzer.syntax import outline, parse_function

VOCABULARY = re.compile(
    rb"(?:un)?lock_page|page_locked|folio_(?:un|try)?lock|trylock_page|find_lock_|grab_cache_page|filemap_(?:lock|grab)_folio"
    rb"|SetPageMovable|isolate_(?:lru|movable)_page|PageMovable|PageIsolated|FGP_LOCK|VM_FAULT_LOCKED|write_begin|read_folio"
)
SEED = 20240917


@dataclass
class Tally:
    """Counts of some files; `failures` holds (in vocabulary, place, line text)."""

    functions: int = 0
    vocabulary: int = 0
    variants: int = 0
    size: int = 0
    outline_seconds: float = 0.0
    parse_seconds: float = 0.0
    failures: list[tuple[bool, str, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add the counts of other files."""
        self.functions += other.functions
        self.vocabulary += other.vocabulary
        self.variants += other.variants
        self.size += other.size
        self.outline_seconds += other.outline_seconds
        self.parse_seconds += other.parse_seconds
        self.failures += other.failures


def measure(root: Path, macros: bool, path: str) -> Tally:
    """Return the counts of one file."""
    source = SourceText(path, FolderTree(root).read(path))
    tally = Tally(size=len(source.data))
    start = time.perf_counter()
    items = outline(source)
    tally.outline_seconds = time.perf_counter() - start
    for function in items.macros if macros else items.functions:
        named = VOCABULARY.search(source.data, function.start, function.end) is not None
        tally.functions += 1
        tally.vocabulary += named
        start = time.perf_counter()
        try:
            parsed = parse_function(source, function)
        except SyntaxFailure as failure:
            tally.failures.append((named, f"{path}:{source.position(function.start)[0]} {function.name}", str(failure)))
            continue
        finally:
            tally.parse_seconds += time.perf_counter() - start
        tally.variants += len(parsed)
        for variant in parsed:
            if variant.errors:
                line = source.position(min(variant.errors[0][0], len(source.data) - 1))[0]
                tally.failures.append((named, f"{path}:{line} {function.name}", source.line(line).strip()))
                break
    return tally


def shape(line: str) -> str:
    """Return a line with its names and numbers made alike, to sort causes."""
    line = re.sub(r'"[^"]*"', '"s"', line)
    line = re.sub(
        r"\b(?!(?:struct|if|while|for|return|else|do|case|switch|static|const|unsigned|int)\b)[a-z]\w*", "a", line
    )
    return re.sub(r"\b\d\w*", "1", re.sub(r"\b[A-Z]\w*", "A", line))[:70]


@click.command()
@click.option("--tree", "root", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--under", default="", help="Only files below this folder.")
@click.option("--jobs", default=1, show_default=True)
@click.option("--sample", default=0, help="A seeded sample of so many files; 0 is all.")
@click.option("--show", default=25, show_default=True, help="How many failures to print.")
@click.option("--macros", is_flag=True, help="Measure function-like macros instead of functions.")
@click.option("--suffix", default=".c", show_default=True)
def main(root: Path, under: str, jobs: int, sample: int, show: int, macros: bool, suffix: str) -> None:
    """Print the parse rates of the C files of a kernel tree."""
    paths = list(FolderTree(root).files(under, (suffix,)))
    if sample and sample < len(paths):
        paths = sorted(random.Random(SEED).sample(paths, sample))
    total = Tally()
    start = time.perf_counter()
    work = partial(measure, root, macros)
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            for tally in pool.map(work, paths, chunksize=64):
                total.add(tally)
    else:
        for path in paths:
            total.add(work(path))
    named = [failure for failure in total.failures if failure[0]]
    seconds = time.perf_counter() - start
    click.echo(f"files {len(paths)}   MB {total.size / 1e6:.1f}   variants {total.variants}   seconds {seconds:.1f}")
    click.echo(
        f"outline {total.size / 1e6 / max(total.outline_seconds, 1e-9):.1f} MB/s   "
        f"parse {1e3 * total.parse_seconds / max(total.functions, 1):.3f} ms per function"
    )
    click.echo(f"{'':12}{'functions':>12}{'clean':>12}{'rate':>10}")
    for title, count, failed in (
        ("all", total.functions, len(total.failures)),
        ("vocabulary", total.vocabulary, len(named)),
    ):
        click.echo(f"{title:12}{count:12}{count - failed:12}{100 * (count - failed) / max(count, 1):9.3f}%")
    causes = Counter(shape(line) for _, _, line in total.failures)
    click.echo("\ncauses of what is left (first line with an error, names made alike)")
    for cause, count in causes.most_common(show):
        click.echo(f"{count:6}  {cause}")
    click.echo("\nfailures, those of the vocabulary first")
    rest = [failure for failure in total.failures if not failure[0]]
    for _, place, line in named[:show] + random.Random(SEED).sample(rest, min(show, len(rest))):
        click.echo(f"  {place}: {line[:90]}")


if __name__ == "__main__":
    main()
