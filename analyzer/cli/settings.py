"""Options that commands share, and where their values come from: flags, then PAGELINT_*, then a file.

The file is `.pagelint.toml` at the top of the tree, and `[tool.pagelint]` of a
`pyproject.toml` in or above the current folder. What a file of the tree under
test may set is limited to KEYS: nothing that runs, writes or connects.
"""

import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from analyzer.driver.options import Options
from analyzer.findings import Confidence
from analyzer.report.registry import format_names
from analyzer.source.errors import RuleError

Command = TypeVar("Command", bound=Callable[..., Any])

CONFIG_FILE = ".pagelint.toml"
KEYS = frozenset(
    {"select", "ignore", "min_confidence", "strict", "model", "rules", "baseline", "jobs", "format", "color"}
)
QUIET_FORMATS = ("checkpatch", "b4")
"""Formats whose readers take every line on stderr for a failure."""


def split_words(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a repeatable option whose values may hold commas."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    name = next(n for n in names if n.startswith("--")).split("/")[0].lstrip("-").replace("-", "_")
    return click.option(*names, envvar=f"PAGELINT_{name.upper()}", show_envvar=False, **settings)


FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)

CATALOGUE = (
    _option("--model", multiple=True, type=FILE, help="Add a model file."),
    _option("--rules", multiple=True, type=FOLDER, help="Add a folder of rules."),
)
COMMON = (
    _option("--format", type=click.Choice(format_names()), default="text", show_default=True, help="Output format."),
    _option("--output", "-o", type=FILE, help="Write findings to a file instead of stdout."),
    _option("--select", "--types", multiple=True, callback=split_words, metavar="RULE", help="Show these rules only."),
    _option("--ignore", multiple=True, callback=split_words, metavar="RULE", help="Leave these rules out."),
    _option(
        "--min-confidence",
        type=click.Choice([c.value for c in Confidence]),
        default="medium",
        show_default=True,
        help="Show what is at least this sure.",
    ),
    _option("--strict", is_flag=True, help="Same as --min-confidence low."),
    *CATALOGUE,
    _option("--jobs", "-j", type=click.IntRange(0, 1024), default=0, help="Processes; 0 is one a core."),
    _option("--scheduler", metavar="ADDRESS", help="Hand the work to a Dask cluster."),
    _option("--cache-dir", type=FOLDER, help="Where the cache is kept."),
    _option("--no-cache", is_flag=True, help="Neither read nor write the cache."),
    _option("--baseline", type=FILE, help="Leave out the findings that this file lists."),
    _option("--write-baseline", type=FILE, help="Write all findings to a baseline and succeed."),
    _option("--exit-zero", is_flag=True, help="Findings do not change the exit status."),
    _option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour in text."),
    _option("--quiet", "-q", is_flag=True, help="Nothing on stderr."),
    _option("--verbose", "-v", is_flag=True, help="List what was skipped, and remarks on the input."),
)


def common_options(command: Command) -> Command:
    """Add the options that scan, patch and hook share."""
    for option in reversed(COMMON):
        command = option(command)
    return command


def catalogue_options(command: Command) -> Command:
    """Add the options that say which model and rules there are."""
    for option in reversed(CATALOGUE):
        command = option(command)
    return command


def tree_option(command: Command) -> Command:
    """Add --tree."""
    return _option("--tree", "--root", "tree", type=FOLDER, help="Top of the kernel tree.")(command)


@dataclass(frozen=True)
class Display:
    """How the outcome is shown."""

    format: str
    output: Path | None
    baseline: Path | None
    write_baseline: Path | None
    exit_zero: bool
    color: str
    quiet: bool
    verbose: bool


def read_settings(context: click.Context, tree: Path | None) -> tuple[Options, Display]:
    """Return the settings of a command; raise RuleError for a configuration file that makes no sense."""
    values = dict(context.params)
    for key, (value, file) in _configured(tree).items():
        if key in values and context.get_parameter_source(key) is ParameterSource.DEFAULT:
            values[key] = _checked(context, key, value, file)
    quiet = values["quiet"] or values["format"] in QUIET_FORMATS
    options = Options(
        models=tuple(values["model"]),
        rules=tuple(values["rules"]),
        select=tuple(values["select"]),
        ignore=tuple(values["ignore"]),
        min_confidence=Confidence.LOW if values["strict"] else Confidence(values["min_confidence"]),
        jobs=values["jobs"],
        scheduler=values["scheduler"],
        cache_dir=None if values["no_cache"] else values["cache_dir"] or default_cache(os.environ),
        base=values.get("base"),
        progress=None if quiet or not sys.stderr.isatty() else _progress_bar(context),
    )
    display = Display(
        format=values["format"],
        output=values["output"],
        baseline=values["baseline"],
        write_baseline=values["write_baseline"],
        exit_zero=values["exit_zero"],
        color=values["color"],
        quiet=quiet,
        verbose=values["verbose"],
    )
    return options, display


def _progress_bar(context: click.Context) -> Callable[[str, int, int], None]:
    from analyzer.cli.progress import ProgressBar

    bar = ProgressBar()
    context.call_on_close(bar.close)
    return bar


def default_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder of the cache as the environment says: XDG_CACHE_HOME/pagelint, else ~/.cache/pagelint."""
    base = environment.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "pagelint"


def _configured(tree: Path | None) -> dict[str, tuple[object, Path]]:
    """Return what files set, by option, with the file that sets it; the tree's own file goes first."""
    found: dict[str, tuple[object, Path]] = {}
    here = Path.cwd()
    projects = (folder / "pyproject.toml" for folder in (here, *here.parents))
    project = next((file for file in projects if file.is_file()), None)
    if project is not None:
        table = _table(project).get("tool")
        _add(found, table.get("pagelint", {}) if isinstance(table, dict) else {}, project)
    own = (tree or here) / CONFIG_FILE
    if own.is_file():
        _add(found, _table(own), own)
    return found


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"{file}: {error}") from error


def _add(found: dict[str, tuple[object, Path]], table: object, file: Path) -> None:
    if not isinstance(table, dict):
        raise RuleError(f"{file}: pagelint: must be a table")
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in KEYS:
            raise RuleError(f"{file}: {key}: unknown key (known: {', '.join(sorted(KEYS))})".replace("_", "-"))
        found[name] = (value, file)


def _checked(context: click.Context, key: str, value: object, file: Path) -> Any:
    """Return a value of a file as its option's type would read it from the command line."""
    option = next(p for p in context.command.params if p.name == key)
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not option.multiple:
        raise RuleError(f"{file}: {key}: takes one value, not a list")
    try:
        read = [option.type.convert(v, option, context) for v in values]
    except click.BadParameter as error:
        raise RuleError(f"{file}: {key}: {error.message}") from error
    read = [file.parent / v if isinstance(v, Path) else v for v in read]
    return tuple(read) if option.multiple else read[0]
