"""`pagelint hook`: what `git commit` is about to commit."""

import shlex
import sys
from pathlib import Path

import click

from analyzer.cli.outcome import existing_folder, finish, rule_pages
from analyzer.cli.settings import common_options, read_settings, tree_option
from analyzer.driver.committing import check_index, install_hook, repository_top
from analyzer.report import Context


@click.group(invoke_without_command=True)
@tree_option
@common_options
@click.pass_context
def command(context: click.Context, /, tree: Path | None, **_: object) -> None:
    """Report what the staged changes of a git repository make new.

    Exit status 1 stops the commit. `pagelint hook install` makes git run this before each commit.
    """
    if context.invoked_subcommand is not None:
        return
    top = repository_top(existing_folder(tree) or Path.cwd())
    options, display = read_settings(context, top)
    result = check_index(top, options)
    pages = rule_pages(options, display)
    context.exit(finish(result, Context(rules=pages, patch_mode=True), display))


@command.command()
@tree_option
@click.option("--force", is_flag=True, help="Write over a hook that is there.")
@click.pass_context
def install(context: click.Context, /, tree: Path | None, force: bool) -> None:
    """Make `git commit` run pagelint in this repository (core.hooksPath counts)."""
    outer = context.parent.params.get("tree") if context.parent is not None else None
    folder = existing_folder(tree or outer) or Path.cwd()
    path = install_hook(folder, _own_command(), force)
    click.echo(f"pagelint: wrote {path}", err=True)


def _own_command() -> str:
    """Return the command by which a hook finds this very pagelint, whatever PATH is then.

    Python is told (-P) not to look for modules in the current folder: that is the tree under test.
    """
    script = Path(sys.executable).with_name("pagelint")
    return shlex.quote(str(script)) if script.exists() else f"{shlex.quote(sys.executable)} -P -m analyzer.cli"
