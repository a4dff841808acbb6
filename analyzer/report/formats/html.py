"""One HTML page that stands alone: no script, no external file, light or dark as the reader prefers.

Findings are grouped by file; the trace of each unfolds, a race as columns.
"""

from collections.abc import Iterator
from html import escape
from itertools import groupby

from analyzer.findings import Finding, Result
from analyzer.report.context import Context
from analyzer.report.diagram import draw_columns
from analyzer.report.plain import caret_line, is_race, visible
from analyzer.report.summary import note_lines, skipped_lines, summary_line

STYLE = """
:root { color-scheme: light dark; --back: #fff; --fore: #1b1b1b; --dim: #666; --box: #f4f4f4;
        --error: #b00020; --warning: #8a5a00; --note: #00629b; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181c; --fore: #e4e4e4; --dim: #9a9a9a; --box: #22252b;
          --error: #ff7b8a; --warning: #e6b450; --note: #6cb6ff; } }
body { background: var(--back); color: var(--fore); font: 16px/1.5 system-ui, sans-serif;
       max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
article { border-left: 4px solid var(--dim); padding: .2rem 1rem; margin: 1rem 0; }
article.error { border-color: var(--error); } article.warning { border-color: var(--warning); }
article.note { border-color: var(--note); }
.error > p > b { color: var(--error); } .warning > p > b { color: var(--warning); }
.note > p > b { color: var(--note); }
pre { background: var(--box); padding: .6rem; overflow-x: auto; tab-size: 8; margin: .4rem 0; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
.dim { color: var(--dim); }
""".strip()

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(result: Result, context: Context) -> str:
    """Return the page."""
    return "\n".join(_page(result, context)) + "\n"


def _page(result: Result, context: Context) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield f"<title>pagelint: {len(result.findings)} findings</title>"
    yield f"<style>\n{STYLE}\n</style></head>"
    yield f"<body>\n<h1>pagelint {_text(context.version)}</h1>"
    if context.mail is not None:
        yield f"<p>{_text(context.mail.subject)}</p>"
    yield f"<p>{_text(summary_line(result).replace(' (use --verbose to list)', ''))}</p>"
    for file, findings in groupby(result.findings, key=lambda finding: finding.file):
        yield f"<section>\n<h2><code>{_text(file)}</code></h2>"
        for finding in findings:
            yield from _article(finding, context)
        yield "</section>"
    yield from _list("Not analysed", skipped_lines(result))
    yield from _list("Remarks on the input", note_lines(result))
    yield "</body>\n</html>"


def _article(finding: Finding, context: Context) -> Iterator[str]:
    page = context.rules.get(finding.rule)
    hint = f' title="{_text(page.summary)}"' if page else ""
    status = f" ({finding.status})" if context.patch_mode else ""
    yield f'<article class="{finding.severity}">'
    yield (
        f"<p><b>{finding.severity}</b>: {_text(finding.message)} <code{hint}>[{_text(finding.rule)}]</code>{status}<br>"
    )
    yield (
        f'<span class="dim">line {finding.line}, column {finding.column}, in <code>{_text(finding.function)}</code>, '
        f"{finding.confidence} confidence</span></p>"
    )
    if finding.line_text:
        source = visible(finding.line_text, keep="\t").rstrip()
        yield f"<pre>{escape(source)}\n{caret_line(finding.line_text, finding.column)}</pre>"
    if is_race(finding):
        yield f"<details open><summary>interleaving</summary>\n<pre>{escape(chr(10).join(draw_columns(finding.trace)))}"
        yield "</pre></details>"
    elif finding.trace:
        yield "<details><summary>trace</summary>\n<ol>"
        for step in finding.trace:
            yield (
                f"<li><code>{_text(step.file)}:{step.line}</code> {_text(step.message)} "
                f'<span class="dim">in <code>{_text(step.function)}</code></span></li>'
            )
        yield "</ol></details>"
    yield "</article>"


def _list(heading: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield f"<section>\n<h2>{heading}</h2>\n<ul>"
        yield from (f"<li>{escape(line)}</li>" for line in lines)
        yield "</ul></section>"


def _text(text: str) -> str:
    return escape(visible(text))
