"""What those type who know checkpatch: `-g` for commits, and types in capitals."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.running import BALANCED, LEAKING, one_line, pagelint, report, statuses, write_tree

PATH = "mm/demo.c"


def git(folder: Path, *arguments: str, author: str = "A Developer") -> None:
    identity = ["-c", f"user.name={author}", "-c", f"user.email={author[0].lower()}@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return four commits: a base, one that leaks, one that is neutral, one that repairs."""
    git(write_tree(tmp_path, {PATH: BALANCED}), "init", "-q", "-b", "main")
    texts = (BALANCED, LEAKING, LEAKING + "\nint count;\n", BALANCED + "\nint count;\n")
    for number, text in enumerate(texts):
        write_tree(tmp_path, {PATH: text})
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-qm", f"demo: step {number}", author="ABCD"[number] + " Developer")
    return tmp_path


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [
        ("HEAD", [("demo_read", "fixed")]),
        ("HEAD~1", []),
        ("HEAD~2", [("demo_read", "new")]),
        ("HEAD-3", [("demo_read", "new"), ("demo_read", "fixed")]),
        ("main-1", [("demo_read", "fixed")]),
        ("HEAD~3..HEAD~1", [("demo_read", "new")]),
    ],
)
def test_commits_are_judged_as_checkpatch_names_them(
    repository: Path, revisions: str, expected: list[tuple[str, str]]
) -> None:
    assert statuses(report("patch", "--tree", repository, "-g", revisions)) == expected


def test_commits_of_several_authors_are_one_series(repository: Path) -> None:
    found = report("patch", "--tree", repository, "-g", "HEAD-3")["findings"]

    assert [f["patch"]["number"] for f in found] == [1, 3]
    assert found[0]["message"].endswith("(until patch 3 of this series)")
    assert found[0]["patch"]["subject"] == "[PATCH 1/3] demo: step 1"


def test_commits_are_read_where_nobody_told_git_who_they_are(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    nobody = {"HOME": str(repository), "XDG_CONFIG_HOME": str(repository), "GIT_CONFIG_NOSYSTEM": "1"}
    strict = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
    for name, value in (nobody | strict).items():
        monkeypatch.setenv(name, value)

    assert statuses(report("patch", "--tree", repository, "-g", "HEAD")) == [("demo_read", "fixed")]


@pytest.mark.parametrize("revisions", ["nothing", "HEAD..HEAD", "HEAD-9", "--output=x", "HEAD~3"])
def test_commits_that_are_not_there_are_an_error_of_one_line(repository: Path, revisions: str) -> None:
    done = pagelint("patch", "--tree", repository, f"--git={revisions}")

    assert done.exit_code == 2
    assert one_line(done.stderr)
    assert not (repository / "x").exists()


def test_commits_and_files_do_not_go_together(repository: Path) -> None:
    assert pagelint("patch", "--tree", repository, "-g", "HEAD", "x.patch").exit_code == 2


def test_types_are_rules_in_capitals(repository: Path) -> None:
    assert statuses(report("patch", "--tree", repository, "-g", "HEAD~2", "--types", "PAGE_LOCK_LEAK")) != []
    assert statuses(report("patch", "--tree", repository, "-g", "HEAD~2", "--types", "PAGE_DOUBLE_LOCK")) == []
