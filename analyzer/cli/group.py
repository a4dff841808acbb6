"""The command group: one module of `analyzer.cli.commands` a command, imported when it is asked for."""

import importlib
import pkgutil
from typing import Any

import click

import analyzer.cli.commands
from analyzer.source.errors import AnalyzerError

USAGE = 2
INTERRUPTED = 130


class CommandGroup(click.Group):
    """Finds its commands by listing the package, and turns errors into one line and a status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(module.name for module in pkgutil.iter_modules(analyzer.cli.commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None when there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"analyzer.cli.commands.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an AnalyzerError is one line and status 2, an interrupt one line and 130."""
        try:
            return super().invoke(ctx)
        except AnalyzerError as error:
            click.echo(f"pagelint: error: {one_line(error)}", err=True)
            ctx.exit(USAGE)
        except KeyboardInterrupt:
            click.echo("pagelint: interrupted", err=True)
            ctx.exit(INTERRUPTED)


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks and unprintable characters."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words.encode("ascii" if not words.isprintable() else "utf-8", "backslashreplace").decode()


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from analyzer import __version__

        click.echo(f"pagelint {__version__}")
        ctx.exit()


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
def cli() -> None:
    """Find faults in the use of the Linux page lock and of page isolation, in a tree or in patches.

    Exit status: 0 nothing found, 1 findings, 2 wrong usage, 3 nothing found but input was not analysed in full.
    """
