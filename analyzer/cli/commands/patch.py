"""`pagelint patch`: what patch mails do to the findings."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

import analyzer
from analyzer.cli.mails import original_mail
from analyzer.cli.outcome import Acceptance, existing_folder, exit_status, finish, rule_pages, tell, write_text
from analyzer.cli.settings import Display, common_options, read_settings, tree_option
from analyzer.driver.commits import read_commits
from analyzer.driver.patching import Judged, check_patches
from analyzer.findings import Result, Stats
from analyzer.report import Context, render
from analyzer.source.errors import SourceError

STREAMED = ("jsonl", "mail")
"""Formats with a report of its own for each patch."""


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--git", "-g", "commits", metavar="REV", help="Judge commits instead: REV, REV-N or A..B.")
@click.option("--base", metavar="REV", help="Revision that the patches apply to.")
@tree_option
@common_options
@click.pass_context
def command(
    context: click.Context, /, files: tuple[Path, ...], commits: str | None, tree: Path | None, **_: object
) -> None:
    """Report what patches make new, fix, or leave as it is.

    FILE is a diff, a mail, an mbox or the output of git; `-` or no FILE is stdin. Only new findings count for the exit
    status. With --git the commits are taken from the tree, or the current folder.
    """
    if commits is not None:
        if files:
            raise click.UsageError("--git and FILE do not go together")
        tree = tree or Path.cwd()
    options, display = read_settings(context, existing_folder(tree))
    streams = _open_all(files)
    if commits is not None and tree is not None:
        read = read_commits(tree, commits)
        options = replace(options, base=options.base or read.base)
        streams = iter([(commits, BytesIO(read.mbox))])
    judged = check_patches(streams, tree, options)
    pages = rule_pages(options, display)
    if display.format in STREAMED and display.write_baseline is None:
        context.exit(_show_each(judged, Context(rules=pages, patch_mode=True), display))
    result = join_results([one.result for one in judged])
    context.exit(finish(result, Context(rules=pages, patch_mode=True), display))


def _show_each(judged: Iterator[Judged], context: Context, display: Display) -> int:
    """Write a report a patch as soon as it is there; keep only sums, and return the exit status."""
    parts: list[Result] = []
    acceptance = Acceptance(display)

    def reports() -> Iterator[str]:
        for one in judged:
            result = acceptance.apply(one.result)
            parts.append(lightened(result))
            mail = original_mail(one.patch) if one.patch is not None else None
            text = render(display.format, result, replace(context, version=analyzer.__version__, mail=mail))
            if text:
                yield text

    if display.output is not None:
        write_text("", display)
    for text in joined_mails(reports()) if display.format == "mail" else reports():
        write_text(text, display, append=True)
    total = msgspec.structs.replace(join_results(parts), notes=acceptance.unused())
    tell(total, display)
    return exit_status(total, display, patch_mode=True)


def joined_mails(replies: Iterator[str]) -> Iterator[str]:
    """Yield replies to be written one after the other: one stands for itself, several make an mbox."""
    from analyzer.report.formats.mail import as_mbox

    first, second = next(replies, ""), next(replies, None)
    if second is None:
        yield first
        return
    for reply in chain((first, second), replies):
        yield as_mbox([reply])


def lightened(result: Result) -> Result:
    """Return a result with findings and entries as short as they can be, for counting thousands of them."""
    findings = tuple(msgspec.structs.replace(f, trace=(), line_text="", message="") for f in result.findings)
    return msgspec.structs.replace(result, findings=findings, notes=())


def join_results(results: list[Result]) -> Result:
    """Return one result for all: findings and entries one patch after the other, counts added up."""
    stats = [result.stats for result in results]
    return Result(
        findings=tuple(finding for result in results for finding in result.findings),
        skipped=tuple(entry for result in results for entry in result.skipped),
        notes=tuple(note for result in results for note in result.notes),
        stats=Stats(
            files=sum(s.files for s in stats),
            functions=sum(s.functions for s in stats),
            functions_skipped=sum(s.functions_skipped for s in stats),
            seconds=round(sum(s.seconds for s in stats), 3),
        ),
    )


def _open_all(files: tuple[Path, ...]) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the inputs one after the other; raise SourceError for one that cannot be opened."""
    for file in files or (Path("-"),):
        if str(file) == "-":
            yield "-", sys.stdin.buffer
            continue
        try:
            with file.open("rb") as stream:
                yield str(file), stream
        except OSError as error:
            raise SourceError(f"{file}: {error.strerror or error}") from error
