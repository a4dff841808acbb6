"""The cache: the same answers, what changed and nothing else, and never a wrong answer from a bad file."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyzer.driver import stamps
from tests.cli.running import BALANCED, LEAKING, pagelint, process, report, write_tree


def names(tree: Path, cache: Path) -> list[str]:
    return [finding["function"] for finding in report("scan", tree, cache=cache)["findings"]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {"a.c": LEAKING.replace("demo_read", "in_a"), "b.c": BALANCED.replace("demo_read", "in_b")}
    return write_tree(tmp_path / "tree", files)


def age(tree: Path) -> None:
    """Make every file older than what counts as changed just now."""
    for number, path in enumerate(sorted(tree.rglob("*.c"))):
        os.utime(path, ns=(0, 10**18 + number))


def test_a_second_run_says_the_same(tree: Path, tmp_path: Path) -> None:
    age(tree)
    first = pagelint("scan", tree, cache=tmp_path / "cache")
    second = pagelint("scan", tree, cache=tmp_path / "cache")

    assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout)
    assert (tmp_path / "cache/snapshots.db").is_file()


def test_changed_added_and_removed_files_are_seen(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    age(tree)
    assert names(tree, cache) == ["in_a"]
    (tree / "b.c").write_text(LEAKING.replace("demo_read", "in_b"))
    assert names(tree, cache) == ["in_a", "in_b"]
    (tree / "c.c").write_text(LEAKING.replace("demo_read", "in_c"))
    (tree / "a.c").unlink()
    assert names(tree, cache) == ["in_b", "in_c"]


def test_a_change_within_one_tick_of_the_clock_is_seen(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    now = time.time_ns()
    os.utime(tree / "a.c", ns=(now, now))
    assert names(tree, cache) == ["in_a"]
    text = (tree / "a.c").read_text()
    (tree / "a.c").write_text(text.replace("in_a", "on_a"))
    os.utime(tree / "a.c", ns=(now, now))

    assert names(tree, cache) == ["on_a"]


def test_stamps_leave_out_links_and_name_what_cannot_be_listed(tree: Path) -> None:
    (tree / "link.c").symlink_to("a.c")
    (tree / "loop").symlink_to(".")
    taken = stamps.take_stamps(tree, 0)

    assert sorted(taken.files) == ["a.c", "b.c"]
    assert stamps.take_stamps(tree / "missing", 0).unreadable != ()


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 100, None], ids=["empty", "text", "flipped byte"])
def test_a_damaged_file_is_begun_anew(tree: Path, tmp_path: Path, damage: bytes | None) -> None:
    cache = tmp_path / "cache"
    names(tree, cache)
    file = cache / "snapshots.db"
    data = bytearray(file.read_bytes())
    at = data.find(b"a.c")
    data[at] ^= 1
    file.write_bytes(bytes(data) if damage is None else damage)

    assert names(tree, cache) == ["in_a"]
    assert names(tree, cache) == ["in_a"]


def rows(cache: Path) -> dict[bytes, bytes]:
    with sqlite3.connect(cache / "snapshots.db") as connection:
        found = dict(connection.execute("SELECT path, known FROM functions").fetchall())
    connection.close()
    return found


def test_what_is_known_of_functions_is_kept_by_file(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    names(tree, cache)
    before = rows(cache)
    (tree / "b.c").write_text(LEAKING.replace("demo_read", "in_b"))
    names(tree, cache)

    assert before.keys() == {b"a.c", b"b.c"} == rows(cache).keys()
    assert {path for path, known in rows(cache).items() if known != before[path]} == {b"b.c"}


@pytest.mark.parametrize("digest", ["digest", "x'00'"], ids=["with another's digest", "with no digest"])
def test_damage_to_what_is_known_of_functions_changes_no_answer(tree: Path, tmp_path: Path, digest: str) -> None:
    cache = tmp_path / "cache"
    names(tree, cache)
    with sqlite3.connect(cache / "snapshots.db") as connection:
        connection.execute(f"UPDATE functions SET known = x'78017801', digest = {digest}")
    connection.close()
    (tree / "a.c").write_text("\n\n" + (tree / "a.c").read_text())
    done = pagelint("scan", tree, "--verbose", cache=cache)

    assert done.exit_code == 1
    assert "in_a" in report("scan", tree, cache=cache)["findings"][0]["function"]
    assert "a damaged entry of the cache was not used" in done.stderr


def test_a_foreign_database_is_not_trusted(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    with sqlite3.connect(cache / "snapshots.db") as connection:
        connection.execute("CREATE TABLE snapshot (something TEXT)")
    connection.close()
    done = pagelint("scan", tree, "--verbose", cache=cache)

    assert done.exit_code == 1
    assert "the cache is begun anew" in done.stderr


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = pagelint("scan", tree, "--verbose", cache=tmp_path / "file/cache")

    assert done.exit_code == 1
    assert "the cache was not used" in done.stderr


def test_another_model_has_an_entry_of_its_own(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    data = Path(__file__).parent / "data"
    assert names(tree, cache) == ["in_a"]
    (tree / "locks.c").write_text((data / "locks.c").read_text())
    found = report("scan", tree, "--model", data / "locks.toml", "--rules", data / "rules", cache=cache)

    assert {f["rule"] for f in found["findings"]} == {"page-lock-leak", "mutex-leak", "spinlock-leak"}
    assert names(tree, cache) == ["in_a"]


def test_two_runs_at_once_and_a_kill_leave_a_cache_that_works(tree: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = [sys.executable, "-m", "analyzer.cli", "scan", "--jobs", "1", "--cache-dir", str(cache), str(tree)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    time.sleep(0.3)
    running[0].send_signal(signal.SIGKILL)
    outputs = [run.communicate() for run in running]

    assert all(b"page-lock-leak" in out for out, _ in outputs[1:])
    assert names(tree, cache) == ["in_a"]
    with sqlite3.connect(cache / "snapshots.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_the_cache_is_where_the_environment_says(tree: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "xdg")}
    environment.pop("PAGELINT_CACHE_DIR", None)
    process("scan", "--jobs", "1", tree, environment=environment)

    assert (tmp_path / "xdg/pagelint/snapshots.db").is_file()
