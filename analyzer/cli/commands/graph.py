"""`pagelint graph`: callers and callees of one function around the page lock."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from analyzer.cli.outcome import existing_folder
from analyzer.cli.settings import FILE, FOLDER, default_cache, tree_option
from analyzer.driver.graph import DEPTH, build_graph
from analyzer.driver.graph_formats import FORMATS, render_graph
from analyzer.driver.options import Options
from analyzer.driver.places import kernel_above
from analyzer.source import SourceError


@click.command()
@click.argument("function")
@tree_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Output format.")
@click.option("--output", "-o", type=FILE, help="Write the graph to a file instead of stdout.")
@click.option("--depth", type=click.IntRange(1, 20), default=DEPTH, show_default=True, help="How many calls to follow.")
@click.option("--model", multiple=True, type=FILE, help="Add a model file.")
@click.option("--jobs", "-j", type=click.IntRange(0, 1024), default=0, help="Processes; 0 is one a core.")
@click.option("--cache-dir", type=FOLDER, help="Where the cache is kept.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
def command(function: str, tree: Path | None, form: str, output: Path | None, depth: int, **settings: Any) -> None:
    """Show what FUNCTION calls and what calls it, with the lock state that each call requires and leaves.

    FUNCTION is a name, or FILE:NAME when several files define it.
    """
    folder = existing_folder(tree) or kernel_above(Path.cwd()) or Path()
    options = Options(
        models=tuple(settings["model"]),
        jobs=settings["jobs"],
        cache_dir=None if settings["no_cache"] else settings["cache_dir"] or default_cache(os.environ),
    )
    text = render_graph(build_graph(function, folder, options, depth), form)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise SourceError(f"{output}: {error.strerror or error}") from error
