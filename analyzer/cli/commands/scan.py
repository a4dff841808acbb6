"""`pagelint scan`: findings in files and folders."""

from pathlib import Path

import click

from analyzer.cli.outcome import existing_folder, finish, rule_pages
from analyzer.cli.settings import common_options, read_settings, tree_option
from analyzer.driver.scan import scan
from analyzer.report import Context


class ScanCommand(click.Command):
    """Takes the command line of `make CHECK=`: --kbuild, the compiler's own flags, and one file at the end."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Drop what stands between --kbuild and the file."""
        if "--kbuild" in args:
            at = args.index("--kbuild")
            args = [*args[: at + 1], *args[-1:]] if len(args) > at + 1 else args
        return super().parse_args(ctx, args)


@click.command(cls=ScanCommand)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--file", "-f", "files", multiple=True, type=click.Path(path_type=Path), help="A PATH, as for checkpatch."
)
@click.option("--kbuild", is_flag=True, help="For make CHECK=: skip compiler flags, and never fail the build.")
@tree_option
@common_options
@click.pass_context
def command(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    files: tuple[Path, ...],
    tree: Path | None,
    kbuild: bool,
    **_: object,
) -> None:
    """Report findings in files or folders; facts come from the whole tree.

    Without --tree the tree is the kernel that a PATH is part of, or else the PATH's own folder.
    """
    options, display = read_settings(context, existing_folder(tree))
    result = scan((*paths, *files), tree, options)
    pages = rule_pages(options, display)
    status = finish(result, Context(rules=pages), display)
    context.exit(0 if kbuild else status)
