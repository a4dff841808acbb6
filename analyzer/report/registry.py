"""The output formats: every module of `analyzer.report.formats` is one, under its own name.

A format module offers `render(result, context) -> str`; its first docstring
line is what the help text says. Modules are imported when they are asked for.
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module

import analyzer.report.formats
from analyzer.findings import Result
from analyzer.report.context import Context
from analyzer.source import AnalyzerError

Renderer = Callable[[Result, Context], str]


def format_names() -> tuple[str, ...]:
    """Return the names of all output formats, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(analyzer.report.formats.__path__)))


def renderer(name: str) -> Renderer:
    """Return the function behind a format; raise AnalyzerError when there is no such format."""
    if name not in format_names():
        raise AnalyzerError(f"{name}: no such output format (there are {', '.join(format_names())})")
    render: Renderer = import_module(f"analyzer.report.formats.{name}").render
    return render


def render(name: str, result: Result, context: Context) -> str:
    """Return `result` in the format `name`: "" or text that ends in a newline."""
    return renderer(name)(result, context)
