"""`pagelint race` on the command line: what goes to stdout and stderr, and with which status."""

import json

from click.testing import CliRunner

from analyzer.cli import cli
from tests.unit.interleave.oracle import GENERATIONS


def test_findings_are_columns_with_status_1() -> None:
    result = CliRunner().invoke(cli, ["race", "--tree", str(GENERATIONS / "v3")])

    assert result.exit_code == 1
    assert "[double-isolation]" in result.stdout
    assert "A (compact_block)" in result.stdout
    assert "C (zs_free)" in result.stdout
    assert "zs_aops: owner C is zs_free()" in result.stderr


def test_clean_tree_is_silent_but_says_what_was_explored() -> None:
    result = CliRunner().invoke(cli, ["race", "--tree", str(GENERATIONS / "v6.17")])

    assert (result.exit_code, result.stdout) == (0, "")
    assert "states explored (all there are), 0 invariants broken" in result.stderr


def test_json_is_the_object_of_every_command() -> None:
    result = CliRunner().invoke(cli, ["race", "--tree", str(GENERATIONS / "v3"), "--format", "json", "-q"])

    whole = json.loads(result.stdout)
    assert set(whole) == {"version", "tool", "findings", "skipped", "stats"}
    assert {finding["rule"] for finding in whole["findings"]} == {"double-isolation"}
    assert all(step["line"] > 0 and step["file"] for finding in whole["findings"] for step in finding["trace"])
    assert result.stderr == ""


def test_bound_makes_status_3() -> None:
    result = CliRunner().invoke(cli, ["race", "--tree", str(GENERATIONS / "v4"), "--max-states", "100"])

    assert result.exit_code == 3
    assert "the search hit its bound: more than 100 states" in result.stderr


def test_unknown_path_is_one_line_and_status_2() -> None:
    result = CliRunner().invoke(cli, ["race", "--tree", str(GENERATIONS / "v4"), "mm/nothing.c"])

    assert result.exit_code == 2
    assert result.stderr.startswith("pagelint: error: mm/nothing.c: no C files of this name")
