"""What the benchmarks share, tried on ordinary commands."""

import sys
from pathlib import Path

import pytest

from tests.bench.harness import BenchError, Pagelint, format_table, measure, percentage, run_all, unified_diff

REPORT = '{"version": 1, "findings": [{"rule": "r", "file": "a.c", "line": 1, "message": "m", "status": "new"}]}'


def python(script: str) -> tuple[str, ...]:
    return sys.executable, "-c", script


def test_report_is_read_whatever_findings_do_to_the_exit_status() -> None:
    report = Pagelint(python(f"import sys; print({REPORT!r}); sys.exit(1)")).patch("")

    assert [finding.rule for finding in report.new] == ["r"]


@pytest.mark.parametrize("script", ["import sys; sys.exit('no such option')", "print('no JSON')"])
def test_output_that_is_no_report_is_an_error(script: str) -> None:
    status_two = script.replace("sys.exit('no such option')", "sys.stderr.write('no such option'); sys.exit(2)")

    with pytest.raises(BenchError, match=r"exit status 2: no such option|not a report"):
        Pagelint(python(status_two)).patch("")


def test_patch_is_fed_on_stdin_with_the_tree_named() -> None:
    script = "import sys; assert sys.stdin.buffer.read() == b'\\xff'; assert sys.argv[1:4] == ['patch', '--tree', 'T']"

    with pytest.raises(BenchError, match="not a report"):
        Pagelint(python(script), Path("T")).patch("\udcff")


def test_command_that_does_not_exist_is_an_error() -> None:
    for run in (lambda: Pagelint(("no-such-command",)).patch(""), lambda: measure(("no-such-command",))):
        with pytest.raises(BenchError, match="no-such-command: No such file"):
            run()


def test_measure_counts_children() -> None:
    child = "bytearray(64 << 20); import time; time.sleep(0.2)"
    cost = measure(python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = {child}'])"))

    assert (cost.status, cost.output) == (0, b"")
    assert cost.wall >= 0.2
    assert cost.peak > 64 << 20


def test_diff_applies_to_paths_of_the_tree() -> None:
    diff = unified_diff("mm/a.c", "one\ntwo\n", "one\n")

    assert diff == "diff --git a/mm/a.c b/mm/a.c\n--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1,2 +1 @@\n one\n-two\n"


def test_outcomes_keep_the_order_of_the_tasks() -> None:
    heard: list[int] = []

    assert run_all(lambda task: task * 2, [1, 2, 3], 2, heard.append) == [2, 4, 6]
    assert heard == [1, 2, 3]


def test_table_aligns_words_left_and_numbers_right() -> None:
    assert format_table(("a", "n"), [("long", 5), ("b", 10)]).splitlines() == [
        "a      n",
        "----  --",
        "long   5",
        "b     10",
    ]
    assert percentage(1, 3) == "33.3 %"
