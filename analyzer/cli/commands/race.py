"""`pagelint race`: interleavings that break the isolation protocol."""

from pathlib import Path

import click
import msgspec

from analyzer.cli.outcome import existing_folder, finish, rule_pages
from analyzer.cli.settings import common_options, read_settings, tree_option
from analyzer.driver.choosing import Choice
from analyzer.driver.race import RaceOptions, check_races
from analyzer.interleave import DEFAULT_MAX_STATES
from analyzer.report import Context, note_lines
from analyzer.rulespec import load_model, load_rules
from analyzer.source import FolderTree


@click.command()
@click.argument("paths", nargs=-1)
@click.option(
    "--max-states",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_STATES,
    show_default=True,
    help="Give up a search that has more states.",
)
@tree_option
@common_options
@click.pass_context
def command(context: click.Context, /, paths: tuple[str, ...], tree: Path | None, max_states: int, **_: object) -> None:
    """Search for interleavings of isolation, migration and freeing that break the isolation protocol.

    The threads are extracted from the C of the tree. A PATH (a file or folder of the tree) limits the search
    to owners of pages that stand there.
    """
    folder = existing_folder(tree) or Path()
    options, display = read_settings(context, folder)
    choice = Choice(options, load_rules(load_model(options.models), options.rules))
    result = check_races(FolderTree(folder), paths, RaceOptions(max_states=max_states))
    result = msgspec.structs.replace(result, findings=tuple(f for f in result.findings if choice.wants(f)))
    if not display.quiet and not display.verbose:
        for line in note_lines(result):
            click.echo(line, err=True)
    context.exit(finish(result, Context(rules=rule_pages(options, display)), display))
