"""From a result to output and exit status: findings to stdout or a file, everything else to stderr."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import click
import msgspec

import analyzer
from analyzer.cli.settings import Display
from analyzer.driver.baseline import baseline_text, read_baseline, unused_entries, without_accepted
from analyzer.driver.options import Options
from analyzer.findings import Note, Result, Status
from analyzer.report import Context, RulePage, note_lines, render, skipped_lines, summary_line, want_color
from analyzer.rulespec import load_model, load_rules
from analyzer.source.errors import SourceError

CLEAN, FINDINGS, INCOMPLETE = 0, 1, 3
WITH_CATALOGUE = ("html", "sarif")
NAMED = 3
"""So many skipped files and functions are named on stderr without --verbose."""


def rule_pages(options: Options, display: Display) -> dict[str, RulePage]:
    """Return the catalogue for a format that prints it; reading it takes longer than judging a small patch."""
    if display.format not in WITH_CATALOGUE:
        return {}
    rules = load_rules(load_model(options.models), options.rules)
    return {r.id: RulePage(r.id, r.summary, r.severity.value, r.confidence.value, r.page) for r in rules}


def write_text(text: str, display: Display, append: bool = False) -> None:
    """Write findings to stdout or the file that was named; raise SourceError when that cannot be written."""
    if display.output is None:
        click.echo(text, nl=False, color=True)
        return
    try:
        with display.output.open("a" if append else "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise SourceError(f"{display.output}: {error.strerror or error}") from error


def wants_color(display: Display) -> bool:
    """Tell whether this output is coloured."""
    return want_color(display.color, display.output is None and sys.stdout.isatty(), os.environ)


class Acceptance:
    """What a baseline takes away; one for a whole run, so that an entry is used once."""

    def __init__(self, display: Display) -> None:
        """Raise RuleError or SourceError for a baseline that cannot be read."""
        self.file = display.baseline
        self.left = read_baseline(display.baseline) if display.baseline is not None else None

    def apply(self, result: Result) -> Result:
        """Return the result without the findings that are accepted."""
        return without_accepted(result, self.left) if self.left is not None else result

    def unused(self) -> tuple[Note, ...]:
        """Return a remark for each entry that fitted nothing."""
        return unused_entries(self.file, self.left) if self.file is not None and self.left is not None else ()


def finish(result: Result, context: Context, display: Display) -> int:
    """Show a result, or write it as a baseline; return the exit status."""
    if display.write_baseline is not None:
        try:
            display.write_baseline.write_text(baseline_text(result.findings), "utf-8", "backslashreplace")
        except OSError as error:
            raise SourceError(f"{display.write_baseline}: {error.strerror or error}") from error
        tell(result, display)
        return INCOMPLETE if result.skipped else CLEAN
    acceptance = Acceptance(display)
    result = acceptance.apply(result)
    result = msgspec.structs.replace(result, notes=(*result.notes, *acceptance.unused()))
    show(result, context, display)
    return exit_status(result, display, context.patch_mode)


def show(result: Result, context: Context, display: Display) -> None:
    """Render a result, and say on stderr what is to be said."""
    told = replace(context, version=analyzer.__version__, color=wants_color(display))
    write_text(render(display.format, result, told), display)
    tell(result, display)


def tell(result: Result, display: Display) -> None:
    """Say on stderr what a run was, unless it is to be quiet.

    Few skipped things are named, more are for --verbose. Where nothing was analysed the reason says it all.
    """
    if display.quiet:
        return
    skipped = skipped_lines(result)
    lines = [*note_lines(result)] if display.verbose else []
    if display.verbose or len(skipped) <= NAMED:
        lines += skipped
    if result.stats.files or not lines:
        lines.append(f"pagelint: {summary_line(result)}")
    for line in lines:
        click.echo(line, err=True)


def exit_status(result: Result, display: Display, patch_mode: bool = False) -> int:
    """Return the status of a run: findings win over input that was not analysed in full."""
    counted = [f for f in result.findings if not patch_mode or f.status is Status.NEW]
    if counted and not display.exit_zero:
        return FINDINGS
    return INCOMPLETE if result.skipped and not counted else CLEAN


def existing_folder(path: Path | None) -> Path | None:
    """Return a folder that was named; raise SourceError when it is none."""
    if path is not None and not path.is_dir():
        raise SourceError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}")
    return path
