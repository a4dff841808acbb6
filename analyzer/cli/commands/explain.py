"""`pagelint explain`: the page of a rule."""

import sys
from pathlib import Path

import click

from analyzer.cli.settings import catalogue_options
from analyzer.driver.choosing import rule_id
from analyzer.rulespec import load_model, load_rules
from analyzer.source.errors import RuleError


@click.command()
@click.argument("rule")
@catalogue_options
def command(rule: str, model: tuple[Path, ...], rules: tuple[Path, ...]) -> None:
    """Print what RULE finds, why it matters, how to fix it, and when it is wrong."""
    catalogue = {one.id: one for one in load_rules(load_model(model), rules)}
    found = catalogue.get(rule_id(rule))
    if found is None:
        raise RuleError(f"{rule}: no such rule (`pagelint rules` lists them)")
    text = found.page or f"# {found.id}\n\n{found.summary}\n"
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        click.echo(text.rstrip("\n"))
