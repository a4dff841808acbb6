"""`pagelint lsp`: the same findings in an editor."""

from pathlib import Path

import click

from analyzer.cli.outcome import existing_folder
from analyzer.cli.settings import common_options, read_settings, tree_option


@click.command()
@tree_option
@common_options
@click.pass_context
def command(context: click.Context, /, tree: Path | None, **_: object) -> None:
    """Serve the Language Server Protocol on stdin and stdout, for C files of a kernel tree."""
    from analyzer.cli.language_server import serve

    options, _display = read_settings(context, existing_folder(tree))
    serve(tree, options)
