"""`pagelint scan`: which files, which tree, what is printed, which status."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.running import BALANCED, LEAKING, TREE, one_line, pagelint, process, report, write_tree

DATA = Path(__file__).parent / "data"


def test_scan_shows_the_finding_with_its_trace() -> None:
    done = pagelint("scan", TREE)

    assert done.exit_code == 1
    assert "fs/demofs/file.c:25:3: error: folio is still locked on this return [page-lock-leak]" in done.stdout
    assert "fs/demofs/file.c:19: note: folio: demo_grab(): found and locked" in done.stdout
    assert "1 finding; " in done.stderr


def test_facts_come_from_the_whole_tree_and_findings_from_the_path() -> None:
    assert report("scan", TREE / "fs")["findings"] != []
    only_mm = report("scan", TREE / "mm")

    assert only_mm["findings"] == []
    assert only_mm["stats"]["files"] == 1


@pytest.mark.parametrize("path", ["fs/demofs/file.c", "fs", ""])
def test_a_path_may_be_relative_to_the_tree(path: str) -> None:
    found = report("scan", "--tree", TREE, *([path] if path else []))

    assert [f["file"] for f in found["findings"]] == ["fs/demofs/file.c"]


def test_a_path_outside_the_tree_is_its_own_tree(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.c": LEAKING, "b.c": BALANCED})
    found = report("scan", "--tree", TREE, tmp_path / "a.c", tmp_path / "b.c")

    assert [f["file"] for f in found["findings"]] == [f"{tmp_path}/a.c"]
    assert found["findings"][0]["trace"][0]["file"] == f"{tmp_path}/a.c"
    assert found["stats"]["files"] == 2


def test_json_is_what_is_documented() -> None:
    found = report("scan", TREE)

    assert list(found) == ["version", "tool", "findings", "skipped", "stats"]
    assert set(found["findings"][0]) == {
        *("rule", "severity", "confidence", "file", "line", "column", "function", "subject", "message"),
        *("status", "trace", "patch"),
    }
    assert found["findings"][0]["status"] == "existing" and found["findings"][0]["patch"] is None
    assert set(found["stats"]) == {"files", "functions", "functions_skipped", "seconds"}


def test_two_runs_and_several_processes_give_the_same_bytes(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"f{n}.c": LEAKING.replace("demo_read", f"read_{n}") for n in range(30)})
    first, second = pagelint("scan", tmp_path).stdout, process("scan", "--no-cache", "--jobs", "2", tmp_path).stdout

    assert first.count("page-lock-leak") == 30
    assert first.encode() == second


def test_rules_are_chosen_by_id_and_by_type() -> None:
    assert pagelint("scan", TREE, "--ignore", "PAGE_LOCK_LEAK").exit_code == 0
    assert pagelint("scan", TREE, "--select", "page-lock-leak,page-double-lock").exit_code == 1
    assert pagelint("scan", TREE, "--select", "page-double-lock").exit_code == 0
    unknown = pagelint("scan", TREE, "--select", "no-such-rule")
    assert unknown.exit_code == 2 and one_line(unknown.stderr)


def test_exit_zero_and_quiet() -> None:
    assert pagelint("scan", TREE, "--exit-zero").exit_code == 0
    quiet = pagelint("scan", TREE, "--quiet")
    assert quiet.exit_code == 1 and quiet.stderr == ""
    assert pagelint("scan", TREE, "--format", "checkpatch").stderr == ""


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    done = pagelint("scan", TREE, "--format", "json", "--output", tmp_path / "out.json")

    assert done.stdout == ""
    assert json.loads((tmp_path / "out.json").read_text())["findings"]


def test_kbuild_takes_the_compilers_flags_and_never_fails() -> None:
    flags = ["-nostdinc", "-Iinclude", "-include", "x.h", "-D__KERNEL__", "-fno-strict-aliasing", "-o", "x.o"]
    done = pagelint("scan", "--kbuild", *flags, TREE / "fs/demofs/file.c")

    assert done.exit_code == 0
    assert "[page-lock-leak]" in done.stdout


def test_a_model_and_rules_of_the_user_describe_other_locks() -> None:
    found = report("scan", "--model", DATA / "locks.toml", "--rules", DATA / "rules", DATA / "locks.c")

    assert [(f["rule"], f["function"]) for f in found["findings"]] == [
        ("mutex-leak", "leaks_mutex"),
        ("spinlock-leak", "leaks_spinlock"),
    ]


def test_color_only_when_asked() -> None:
    assert "\x1b[" not in pagelint("scan", TREE).stdout
    assert "\x1b[" in pagelint("scan", TREE, "--color", "always").stdout


def test_a_closed_pipe_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    import subprocess
    import sys

    command = [sys.executable, "-m", "analyzer.cli", "scan", "--no-cache", "--jobs", "1", str(TREE)]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)

    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr


def test_rules_and_explain() -> None:
    from click.testing import CliRunner

    from analyzer.cli import cli

    listed = CliRunner().invoke(cli, ["rules"])
    assert any(line.split()[:3] == ["page-lock-leak", "error", "high"] for line in listed.stdout.splitlines())
    assert "# page-lock-leak" in CliRunner().invoke(cli, ["explain", "PAGE_LOCK_LEAK"]).stdout
    unknown = CliRunner().invoke(cli, ["explain", "nothing"])
    assert unknown.exit_code == 2 and one_line(unknown.stderr)


def test_table_of_operations_may_stand_in_a_file_that_does_not_speak_of_pages(tmp_path: Path) -> None:
    table = "const struct address_space_operations demo_aops = {\n\t.write_begin = demo_write_begin,\n};\n"
    keeps_the_lock = """\
int demo_write_begin(struct file *file, struct address_space *mapping, loff_t pos, unsigned int len,
		struct folio **foliop, void **fsdata)
{
	struct folio *folio = __filemap_get_folio(mapping, pos / PAGE_SIZE, FGP_WRITEBEGIN, GFP_KERNEL);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	*foliop = folio;
	if (!demo_allocate(file))
		return -ENOMEM;
	return 0;
}
"""
    write_tree(tmp_path, {"fs/demo/ops.c": table, "fs/demo/write.c": keeps_the_lock})
    found = report("scan", "--tree", tmp_path, tmp_path)

    assert [(f["rule"], f["line"]) for f in found["findings"]] == [("callback-lock-contract", 10)]
