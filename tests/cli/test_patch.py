"""`pagelint patch`: what is new, fixed and existing, for series, without a tree, and in every format."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import BALANCED, LEAKING, MAIL, TREE, diff, mail, pagelint, report, statuses, write_tree
from tests.repositories import Repository

PATH = "mm/demo.c"


def judged(tmp_path: Path, before: str, after: str, *arguments: str) -> list[tuple[str, str]]:
    tree = write_tree(tmp_path, {PATH: before})
    return statuses(report("patch", "--tree", tree, *arguments, stdin=diff(PATH, before, after)))


def test_a_patch_that_only_deletes_an_unlock_names_the_deleted_line() -> None:
    found = report("patch", "--tree", TREE, MAIL)

    assert [(f["function"], f["line"], f["status"]) for f in found["findings"]] == [("demofs_flush", 41, "new")]
    assert MAIL.read_text().splitlines()[found["findings"][0]["patch"]["line"] - 1] == "-\t\tfolio_unlock(folio);"
    assert found["findings"][0]["patch"]["message_id"] == "20260302090000.1-1-dev@example.org"


def test_a_patch_that_adds_the_unlock_fixes(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {PATH: LEAKING})
    patch = diff(PATH, LEAKING, BALANCED)

    assert statuses(report("patch", "--tree", tree, stdin=patch)) == [("demo_read", "fixed")]
    assert pagelint("patch", "--tree", tree, stdin=patch).exit_code == 0


def test_an_old_leak_in_a_touched_function_is_existing(tmp_path: Path) -> None:
    after = LEAKING.replace("\treturn 0;", "\tcount++;\n\treturn 0;")

    assert judged(tmp_path, LEAKING, after) == [("demo_read", "existing")]


def test_an_old_leak_in_another_function_is_not_shown(tmp_path: Path) -> None:
    other = BALANCED.replace("demo_read", "demo_write")
    after = LEAKING + other.replace("\treturn 0;", "\tcount++;\n\treturn 0;")

    assert judged(tmp_path, LEAKING + other, after) == []


def test_a_second_leak_beside_an_old_one_is_new(tmp_path: Path) -> None:
    before = LEAKING.replace("\treturn 0;", "\tif (a)\n\t\treturn 1;\n\treturn 0;")
    after = before.replace(
        "\tfolio_unlock(folio);\n\tif (a)\n\t\treturn 1;\n", "\tif (a)\n\t\treturn 1;\n\tfolio_unlock(folio);\n"
    )

    assert sorted(judged(tmp_path, before, after)) == [("demo_read", "existing"), ("demo_read", "new")]


def test_a_fault_that_moves_to_another_return_is_fixed_and_new(tmp_path: Path) -> None:
    before = LEAKING.replace("\treturn 0;", "\tif (a)\n\t\treturn 1;\n\treturn 0;")
    after = BALANCED.replace(
        "\tfolio_unlock(folio);\n\treturn 0;", "\tif (a)\n\t\treturn 1;\n\tfolio_unlock(folio);\n\treturn 0;"
    )

    assert sorted(judged(tmp_path, before, after)) == [("demo_read", "fixed"), ("demo_read", "new")]


@pytest.mark.parametrize(
    "after",
    [
        LEAKING.replace("folio ", "page ")
        .replace("(folio", "(page")
        .replace("*folio", "*page")
        .replace("folio)", "page)"),
        LEAKING.replace("demo_read", "demo_fetch"),
        "static int count;\n\n" + LEAKING,
        LEAKING.replace("-EIO", "-EAGAIN"),
    ],
    ids=["renamed local", "renamed function", "moved down", "other error code"],
)
def test_an_edit_that_changes_no_behaviour_makes_nothing_new(tmp_path: Path, after: str) -> None:
    assert "new" not in {status for _, status in judged(tmp_path, LEAKING, after)}
    assert judged(tmp_path, BALANCED, after.replace("return -EIO", "return -EIO")) != []


def test_a_file_that_is_renamed_keeps_its_findings(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {PATH: LEAKING})
    patch = f"diff --git a/{PATH} b/mm/other.c\nsimilarity index 100%\nrename from {PATH}\nrename to mm/other.c\n"

    assert "new" not in {status for _, status in statuses(report("patch", "--tree", tree, stdin=patch))}


def test_a_change_of_a_callee_is_found_in_its_caller(tmp_path: Path) -> None:
    helper = "void demo_end(struct folio *folio)\n{\n\tcount++;\n}\n"
    caller = (
        "int demo_use(struct folio *folio)\n{\n\tfolio_lock(folio);\n\tdemo_end(folio);\n"
        "\tfolio_unlock(folio);\n\treturn 0;\n}\n"
    )
    tree = write_tree(tmp_path, {"mm/helper.c": helper, "mm/caller.c": caller})
    patch = diff("mm/helper.c", helper, helper.replace("\tcount++;\n", "\tfolio_unlock(folio);\n"))
    found = report("patch", "--tree", tree, stdin=patch)

    assert [(f["file"], f["rule"], f["status"]) for f in found["findings"]] == [
        ("mm/caller.c", "page-unlock-not-held", "new")
    ]


def test_patches_of_a_series_stand_on_each_other(tmp_path: Path) -> None:
    renamed = BALANCED.replace("demo_read", "demo_fetch")
    leaking = LEAKING.replace("demo_read", "demo_fetch")
    tree = write_tree(tmp_path, {PATH: BALANCED})
    series = [
        mail("[PATCH 1/3] demo: rename", diff(PATH, BALANCED, renamed), 1),
        mail("[PATCH 2/3] demo: break", diff(PATH, renamed, leaking), 2),
        mail("[PATCH 3/3] demo: mend", diff(PATH, leaking, renamed), 3),
    ]
    done = pagelint("patch", "--tree", tree, "--format", "jsonl", stdin="".join(series))
    lines = [json.loads(line) for line in done.stdout.splitlines()]

    assert [line["counts"] for line in lines] == [
        {"new": 0, "existing": 0, "fixed": 0},
        {"new": 1, "existing": 0, "fixed": 0},
        {"new": 0, "existing": 0, "fixed": 1},
    ]
    assert lines[1]["findings"][0]["message"].endswith("(until patch 3 of this series)")
    assert lines[1]["findings"][0]["patch"]["number"] == 2


def test_one_bad_mail_does_not_stop_the_rest(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {PATH: BALANCED})
    mails = [
        mail("[PATCH] demo: elsewhere", diff("mm/missing.c", BALANCED, LEAKING), 1),
        mail("[PATCH] demo: break", diff(PATH, BALANCED, LEAKING), 2),
    ]
    done = pagelint("patch", "--tree", tree, "--format", "jsonl", stdin="".join(mails))
    lines = [json.loads(line) for line in done.stdout.splitlines()]

    assert sorted(len(line["skipped"]) for line in lines) == [0, 1]
    assert sorted(line["counts"]["new"] for line in lines) == [0, 1]
    assert done.exit_code == 1


def test_a_series_whose_base_cannot_be_read_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    repository = Repository(tmp_path / "repo")
    repository.stage("int old;\n")
    repository.commit()
    damaged, folder = (repository.git("rev-parse", name).stdout.strip() for name in ("HEAD", "HEAD:mm"))
    repository.stage(BALANCED)
    repository.commit()
    (repository.folder / ".git/objects" / folder[:2] / folder[2:]).unlink()
    mails = [
        mail("[PATCH] demo: on what is gone", diff(PATH, BALANCED, LEAKING) + f"\nbase-commit: {damaged}\n", 1),
        mail("[PATCH] demo: break", diff(PATH, BALANCED, LEAKING), 2),
    ]
    done = pagelint("patch", "--tree", repository.folder, "--format", "jsonl", stdin="".join(mails))
    lines = [json.loads(line) for line in done.stdout.splitlines()]

    assert [line["counts"]["new"] for line in lines] == [0, 1]
    assert lines[0]["skipped"][0]["reason"].startswith("its base cannot be read: git ls-tree: ")
    assert lines[1]["skipped"] == []


def test_without_a_tree_whole_functions_are_judged() -> None:
    found = report("patch", stdin=diff(PATH, "", LEAKING).replace(f"--- a/{PATH}", "--- /dev/null"))

    assert statuses(found) == [("demo_read", "new")]


def test_without_a_tree_a_function_that_is_cut_off_is_named() -> None:
    done = pagelint("patch", MAIL)

    assert done.exit_code == 3
    assert "demofs_flush: only the piece in the hunk was analysed" in done.stderr


def test_mail_is_a_reply_and_several_are_an_mbox(tmp_path: Path) -> None:
    done = pagelint("patch", "--tree", TREE, "--format", "mail", MAIL)

    assert done.stdout.startswith("Subject: Re: [PATCH] demofs: simplify")
    assert "In-Reply-To: <20260302090000.1-1-dev@example.org>" in done.stdout
    assert "> -\t\tfolio_unlock(folio);\n\nerror: folio is still locked" in done.stdout
    second = MAIL.read_bytes().replace(b"1-1-dev", b"2-1-dev").replace(b"demofs: simplify", b"demofs: again simplify")
    (tmp_path / "two.mbox").write_bytes(
        b"".join(b"From dev@x Mon Mar  2 10:00:00 2026\n" + m + b"\n" for m in (MAIL.read_bytes(), second))
    )
    assert (
        pagelint("patch", "--tree", TREE, "--format", "mail", tmp_path / "two.mbox").stdout.count("From mboxrd@z") == 2
    )


def test_checkpatch_is_silent_when_clean(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {PATH: BALANCED})
    after = BALANCED.replace("-EIO", "-EAGAIN")
    done = pagelint("patch", "--tree", tree, "--format", "checkpatch", stdin=diff(PATH, BALANCED, after))

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_b4_is_an_array() -> None:
    assert json.loads(pagelint("patch", "--tree", TREE, "--format", "b4", MAIL).stdout)[0]["status"] == "fail"


def test_a_terminal_shows_how_many_patches_are_done(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {PATH: BALANCED})
    (tmp_path / "mail").write_text(mail("[PATCH] demo: break", diff(PATH, BALANCED, LEAKING)))
    reader, writer = os.openpty()
    command = [sys.executable, "-m", "analyzer.cli", "patch", "--tree", str(tree), "--no-cache", "--format", "jsonl"]
    with subprocess.Popen([*command, str(tmp_path / "mail")], stdout=subprocess.PIPE, stderr=writer) as running:
        out, _ = running.communicate()
    os.close(writer)
    shown = os.read(reader, 65536).decode()
    os.close(reader)

    assert json.loads(out)["counts"]["new"] == 1
    assert "patches" in shown and "1/?" in shown
