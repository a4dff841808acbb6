"""Control-flow graphs as text: small C beside the graph that it must give."""

from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.cfg import build_cfg
from analyzer.cfg.show import show_cfg
from analyzer.driver.fileanalysis import idioms_of
from analyzer.rulespec import load_model
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function

SOURCES = Path(__file__).parents[2] / "golden" / "cfg"
IDIOMS = idioms_of(load_model())


def graphs(path: Path) -> str:
    """Return the graphs of all functions of a file, one for each choice of `#if` arms."""
    source = SourceText(path.name, path.read_bytes())
    functions = sorted(outline(source).functions, key=lambda f: f.start)
    shown = [show_cfg(build_cfg(p, path.name, IDIOMS)) for f in functions for p in parse_function(source, f)]
    return "\n".join(shown)


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.c")), ids=lambda path: path.stem)
def test_graph_is_as_reviewed(path: Path, golden: Callable[[str, str], None]) -> None:
    golden(f"cfg/{path.stem}.txt", graphs(path))
