"""Output formats: what a result looks like to people, editors, bots and mail readers.

Decision: a format is a module in `formats`, found by listing that package, so
that adding one touches no table. It reads findings and a `Context` of plain
values and returns text; where the text goes, and its colour, the command line
decides. Rejected: renderers that write to a stream, which cannot be tested as
values and fail half way.

Formats that stop something (`checkpatch`, `b4`, `github`, `rdjsonl`) or answer
somebody (`mail`) carry only what a patch introduces; the others carry all.
"""

from analyzer.report.context import Context, OriginalMail, QuotedHunk, QuotedLine, RulePage
from analyzer.report.diagram import draw_columns
from analyzer.report.registry import Renderer, format_names, render, renderer
from analyzer.report.summary import note_lines, skipped_lines, summary_line, want_color

__all__ = [
    "Context",
    "OriginalMail",
    "QuotedHunk",
    "QuotedLine",
    "Renderer",
    "RulePage",
    "draw_columns",
    "format_names",
    "note_lines",
    "render",
    "renderer",
    "skipped_lines",
    "summary_line",
    "want_color",
]
