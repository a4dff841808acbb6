"""Where settings come from, and baselines."""

from pathlib import Path

import pytest

from tests.cli.running import BALANCED, LEAKING, one_line, pagelint, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", {"Kconfig": "", "include/linux/x.h": "", "mm/demo.c": LEAKING})


def test_flags_go_before_the_environment_and_that_before_the_file(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pagelint("scan", "--tree", tree).exit_code == 1
    (tree / ".pagelint.toml").write_text('select = ["page-double-lock"]\n')
    assert pagelint("scan", "--tree", tree).exit_code == 0
    monkeypatch.setenv("PAGELINT_SELECT", "page-lock-leak")
    assert pagelint("scan", "--tree", tree).exit_code == 1
    assert pagelint("scan", "--tree", tree, "--select", "page-double-lock").exit_code == 0


def test_pyproject_counts(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.pagelint]\nignore = ["page-lock-leak"]\n')
    monkeypatch.chdir(tmp_path)

    assert pagelint("scan", "--tree", tree).exit_code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sheduler = 'x'\n", "sheduler: unknown key"),
        ("scheduler = 'tcp://elsewhere'\n", "scheduler: unknown key"),
        ("min-confidence = 'many'\n", "min_confidence: "),
        ("format = ['text']\n", "format: takes one value"),
        ("select = \n", "line 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_with_its_key(tree: Path, text: str, words: str) -> None:
    (tree / ".pagelint.toml").write_text(text)
    done = pagelint("scan", "--tree", tree)

    assert done.exit_code == 2
    assert one_line(done.stderr) and ".pagelint.toml" in done.stderr and words in done.stderr


def test_a_baseline_takes_away_what_it_lists_and_survives_edits(tree: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline"
    assert pagelint("scan", "--tree", tree, "--write-baseline", baseline).exit_code == 0
    assert baseline.read_text().split()[1:4] == ["page-lock-leak", "mm/demo.c", "demo_read"]
    (tree / "mm/demo.c").write_text("static int count;\n\n" + LEAKING)
    assert pagelint("scan", "--tree", tree, "--baseline", baseline).exit_code == 0
    (tree / "mm/more.c").write_text(LEAKING.replace("demo_read", "demo_more"))
    assert pagelint("scan", "--tree", tree, "--baseline", baseline).exit_code == 1


def test_unused_entries_of_a_baseline_are_named_when_asked(tree: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline"
    pagelint("scan", "--tree", tree, "--write-baseline", baseline)
    (tree / "mm/demo.c").write_text(BALANCED)

    assert "unused entry" in pagelint("scan", "--tree", tree, "--baseline", baseline, "--verbose").stderr
    assert "unused entry" not in pagelint("scan", "--tree", tree, "--baseline", baseline).stderr
