"""Call graphs around the page lock on small trees: what is drawn, what is left out, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer.cli import cli
from analyzer.driver.graph import Graph, build_graph
from analyzer.driver.graph_formats import render_graph
from analyzer.driver.options import Options
from analyzer.source import SourceError

GENERATION = Path(__file__).parents[3] / "fixtures/generations/v4"
OPTIONS = Options(jobs=1)

HEADER = """\
#ifndef DEMO_H
#define DEMO_H
struct page;
void lock_page(struct page *page);
int trylock_page(struct page *page);
void unlock_page(struct page *page);
struct page *demo_get(struct page *page);
void demo_put(struct page *page, int unlock);
#endif
"""
HELPERS = """\
struct page *demo_get(struct page *page)
{
	lock_page(page);
	return page;
}

static void finish(struct page *page)
{
	unlock_page(page);
}

void demo_put(struct page *page, int unlock)
{
	if (unlock)
		finish(page);
}
"""
USER = """\
static void finish(struct page *page)
{
	count_it(page);
	unlock_page(page);
}

static int walk(struct page *page, int depth)
{
	demo_get(page);
	finish(page);
	log_it(depth);
	return depth ? walk(page, depth - 1) : 0;
}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {"include/linux/demo.h": HEADER, "mm/helpers.c": HELPERS, "mm/user.c": USER}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def text_of(graph: Graph) -> str:
    return render_graph(graph, "text")


def test_graph_of_a_static_function() -> None:
    assert text_of(build_graph("putback_one_page", GENERATION, OPTIONS)) == (
        "putback_one_page  mm/migrate.c:69\n"
        "calls:\n"
        "  lock_page  not defined in this tree  [requires unlocked; leaves locked]  at mm/migrate.c:71\n"
        "  unlock_page  not defined in this tree  [requires locked; leaves unlocked]  at mm/migrate.c:73\n"
        "called by:\n"
        "  migrate_pages  mm/migrate.c:143  [requires unlocked; leaves unlocked]  at mm/migrate.c:164\n"
        "  putback_movable_pages  mm/migrate.c:78  [requires unlocked; leaves unlocked]  at mm/migrate.c:84\n"
        "    compact_block  mm/compaction.c:73  at mm/compaction.c:85\n"
    )


def test_calls_that_do_nothing_to_the_lock_are_left_out(tree: Path) -> None:
    assert text_of(build_graph("walk", tree, OPTIONS)) == (
        "walk  mm/user.c:7\n"
        "calls:\n"
        "  demo_get  mm/helpers.c:1  [requires unlocked; leaves locked if result is above 0]  at mm/user.c:9\n"
        "    lock_page  not defined in this tree  [requires unlocked; leaves locked]  at mm/helpers.c:3\n"
        "  finish  mm/user.c:1  [requires locked; leaves unlocked]  at mm/user.c:10\n"
        "    unlock_page  not defined in this tree  [requires locked; leaves unlocked]  at mm/user.c:4\n"
        "  walk  mm/user.c:7  [requires unlocked; leaves unlocked]  at mm/user.c:12  (recursive)\n"
        "called by: nothing that has to do with the page lock is known\n"
    )


def test_calls_through_a_table_have_edges(tree: Path) -> None:
    (tree / "mm/helpers.c").write_text(HELPERS + "const struct demo_ops one_ops = { .done = finish };\n")
    (tree / "mm/user.c").write_text("void end(struct demo_ops *ops, struct page *page)\n{\n\tops->done(page);\n}\n")
    (tree / "include/linux/demo.h").write_text(HEADER + "struct demo_ops { void (*done)(struct page *page); };\n")
    edge = "[requires locked; leaves unlocked]  at mm/user.c:3 through ->done"

    assert text_of(build_graph("end", tree, OPTIONS)) == (
        "end  mm/user.c:1\n"
        "calls:\n"
        f"  finish  mm/helpers.c:7  {edge}\n"
        "    unlock_page  not defined in this tree  [requires locked; leaves unlocked]  at mm/helpers.c:9\n"
        "called by: nothing that has to do with the page lock is known\n"
    )
    assert f"  end  mm/user.c:1  {edge}\n" in text_of(build_graph("finish", tree, OPTIONS))
    assert 'label="through ->done\\nrequires locked' in render_graph(build_graph("finish", tree, OPTIONS), "dot")


def test_depth_limits_both_directions(tree: Path) -> None:
    graph = build_graph("demo_get", tree, OPTIONS, depth=1)

    assert [edge.callee.name for edge in graph.callees] == ["lock_page"]
    assert [edge.caller.name for edge in graph.callers] == ["walk"]


def test_lock_that_the_tree_only_declares_has_callers(tree: Path) -> None:
    graph = build_graph("unlock_page", tree, OPTIONS, depth=1)

    assert graph.callees == ()
    assert [(e.caller.file, e.caller.name) for e in graph.callers] == [
        ("mm/helpers.c", "finish"),
        ("mm/user.c", "finish"),
    ]


def test_function_of_two_files_must_be_named_with_its_file(tree: Path) -> None:
    with pytest.raises(SourceError, match=r"finish: defined in 2 files \(mm/helpers\.c, mm/user\.c\); say FILE:finish"):
        build_graph("finish", tree, OPTIONS)

    graph = build_graph("mm/helpers.c:finish", tree, OPTIONS)
    assert [edge.caller.name for edge in graph.callers] == ["demo_put"]


def test_unknown_function_is_one_line_and_status_2(tree: Path) -> None:
    result = CliRunner().invoke(cli, ["graph", "nothing", "--tree", str(tree), "--no-cache", "-j1"])

    assert result.exit_code == 2
    assert result.output == "pagelint: error: nothing: no function of this name is defined in the tree\n"


def test_json_has_every_edge(tree: Path) -> None:
    whole = json.loads(render_graph(build_graph("demo_get", tree, OPTIONS), "json"))

    assert whole["root"] == {"name": "demo_get", "file": "mm/helpers.c", "line": 1}
    assert whole["callees"] == [
        {
            "caller": whole["root"],
            "callee": {"name": "lock_page", "file": None, "line": None},
            "line": 3,
            "requires": ["unlocked"],
            "leaves": ["locked"],
            "through": None,
        }
    ]
    assert not whole["cut"]


def test_dot_names_nodes_and_states(tree: Path) -> None:
    assert render_graph(build_graph("demo_get", tree, OPTIONS, depth=1), "dot") == (
        "digraph page_lock {\n"
        "  rankdir=LR;\n"
        '  node [shape=box, fontname="monospace"];\n'
        '  n0 [label="demo_get\\nmm/helpers.c:1", style=bold];\n'
        '  n1 [label="lock_page\\nnot defined in this tree", style=dashed];\n'
        '  n2 [label="walk\\nmm/user.c:7"];\n'
        '  n0 -> n1 [label="requires unlocked\\nleaves locked"];\n'
        '  n2 -> n0 [label="requires unlocked\\nleaves locked if result is above 0"];\n'
        "}\n"
    )


@pytest.mark.skipif(shutil.which("dot") is None, reason="no Graphviz")
def test_svg_is_drawn_to_a_file(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "graph.svg"

    result = CliRunner().invoke(
        cli, ["graph", "demo_get", "--tree", str(tree), "--no-cache", "-j1", "--format", "svg", "-o", str(output)]
    )

    assert result.exit_code == 0, result.output
    assert "</svg>" in output.read_text()
    assert "demo_get" in output.read_text()


def test_svg_without_graphviz_is_a_clear_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(SourceError, match="needs Graphviz's `dot`, which is not installed"):
        render_graph(build_graph("demo_get", tree, OPTIONS), "svg")
