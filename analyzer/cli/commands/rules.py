"""`pagelint rules`: the catalogue."""

from pathlib import Path

import click

from analyzer.cli.settings import catalogue_options
from analyzer.rulespec import load_model, load_rules


@click.command()
@catalogue_options
def command(model: tuple[Path, ...], rules: tuple[Path, ...]) -> None:
    """List the rules: id, severity, confidence and what each finds."""
    catalogue = load_rules(load_model(model), rules)
    width = max(len(rule.id) for rule in catalogue)
    for rule in catalogue:
        click.echo(f"{rule.id:{width}}  {rule.severity.value:7}  {rule.confidence.value:6}  {rule.summary}")
