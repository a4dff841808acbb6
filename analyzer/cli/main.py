"""The entry point: whatever goes wrong, the user sees one line."""

import os
import sys

import click

from analyzer.cli.group import cli, one_line

INTERNAL = 3


def main() -> None:
    """Run the command line and leave with its status."""
    try:
        cli(prog_name="pagelint")
    except BrokenPipeError:
        _leave_quietly()
    except Exception as error:  # the last line of defence: a traceback helps no user
        if os.environ.get("PAGELINT_TRACEBACK"):
            raise
        words = f"internal error: {type(error).__name__}: {one_line(error)}"
        click.echo(f"pagelint: {words} (a bug; PAGELINT_TRACEBACK=1 shows where)", err=True)
        sys.exit(INTERNAL)


def _leave_quietly() -> None:
    """Whoever read our output has gone: say nothing, not even when Python flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
