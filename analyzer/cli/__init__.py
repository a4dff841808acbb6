"""The command line: parse, one call into the driver, render, exit.

Start-up is part of the tool's speed: a command's module is imported when that
command runs, and nothing here imports the analysis.
"""

from analyzer.cli.group import cli
from analyzer.cli.main import main

__all__ = ["cli", "main"]
