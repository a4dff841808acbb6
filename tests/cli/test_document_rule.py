"""Patches that touch the document of callback locking: `callback-undocumented` and `callback-lock-contract`."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import diff, pagelint, report
from tests.cli.running import mail as as_mail

FIXTURES = Path(__file__).parents[2] / "fixtures/callback-undocumented"
MAILS = FIXTURES / "mail"
HEADER = "include/linux/fs.h"
DOCUMENT = "Documentation/filesystems/locking.rst"
NEW_ROW = "flush_folio:\t\tyes, unlocks\n"
LATER = " (until patch 2 of this series)"

EXPECTED = {
    "adds-operation": [("address_space_operations.flush_folio", "new", 7)],
    "adds-operation-and-row": [],
    "adds-operation-and-prototype-only": [("address_space_operations.flush_folio", "new", 7)],
    "adds-row-in-next-patch": [
        ("address_space_operations.flush_folio", "new", 7),
        ("address_space_operations.flush_folio", "fixed", 7),
    ],
    "adds-row-of-old-operation": [("address_space_operations.dirty_folio", "fixed", 9)],
    "adds-operations-of-2016": [("address_space_operations.putback_page", "new", 9)],
    "renames-operation": [],
    "moves-operation": [],
    "removes-operation": [],
    "adds-to-undocumented-struct": [],
    "adds-data-field": [],
    "adds-commented-operation": [],
}


def tree_of(mail: Path) -> Path:
    return FIXTURES / ("then" if "2016" in mail.stem else "now")


def mail_named(stem: str) -> Path:
    return next(path for path in MAILS.iterdir() if path.stem == stem)


def found_by(rule: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in found["findings"] if finding["rule"] == rule]


def as_repository(tree: Path, root: Path) -> Path:
    """Return a git repository with the tree as its only commit."""
    shutil.copytree(tree, root)
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "base"]):
        identity = ["-c", "user.name=A Developer", "-c", "user.email=dev@example.org"]
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)
    return root


def edited(path: str, *replacements: tuple[str, str]) -> str:
    """Return a diff of a file of today's tree."""
    before = (FIXTURES / "now" / path).read_text("utf-8")
    after = before
    for old, new in replacements:
        assert old in after
        after = after.replace(old, new)
    return diff(path, before, after)


ADDED = edited(HEADER, ("\tbool (*dirty_folio)", "\tint (*flush_folio)(struct folio *folio);\n\tbool (*dirty_folio)"))
DOCUMENTED = edited(
    DOCUMENT,
    ("\tbool (*dirty_folio)", "\tint (*flush_folio)(struct address_space *, struct folio *);\n\tbool (*dirty_folio)"),
    ("dirty_folio:\t\tmaybe\n", NEW_ROW + "dirty_folio:\t\tmaybe\n"),
)


def test_every_mail_is_expected() -> None:
    assert {path.stem for path in MAILS.iterdir()} == EXPECTED.keys()


@pytest.mark.parametrize("base", ["folder", "git"])
@pytest.mark.parametrize("stem", EXPECTED)
def test_added_operation_needs_its_row(stem: str, base: str, tmp_path: Path) -> None:
    mail = mail_named(stem)
    tree = tree_of(mail) if base == "folder" else as_repository(tree_of(mail), tmp_path / "repository")

    found = found_by("callback-undocumented", report("patch", "--tree", tree, mail))

    assert [(f["subject"], f["status"], f["line"]) for f in found] == EXPECTED[stem]


def test_finding_names_the_added_line_of_the_mail_and_the_table() -> None:
    mail = mail_named("adds-operation")
    (found,) = found_by("callback-undocumented", report("patch", "--tree", tree_of(mail), mail))

    assert "(*flush_folio)" in mail.read_text("utf-8").splitlines()[found["patch"]["line"] - 1]
    assert found["message"] == f"->flush_folio of struct address_space_operations has no row in {DOCUMENT}"
    assert [(step["file"], step["line"]) for step in found["trace"]] == [(DOCUMENT, 5)]
    assert pagelint("patch", "--tree", tree_of(mail), mail).exit_code == 1


def test_row_in_a_later_patch_is_said() -> None:
    mail = mail_named("adds-row-in-next-patch")
    first, _ = found_by("callback-undocumented", report("patch", "--tree", tree_of(mail), mail))

    assert first["message"].endswith(LATER)


@pytest.mark.parametrize("format_", ["text", "sarif", "checkpatch", "b4", "mail", "github", "rdjsonl", "html", "jsonl"])
def test_every_format_shows_it(format_: str) -> None:
    mail = mail_named("adds-operation")
    done = pagelint("patch", "--tree", tree_of(mail), mail, "--format", format_)

    assert done.exit_code == 1
    assert "flush_folio" in done.stdout


def test_tree_without_the_document_claims_nothing_and_says_so(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(FIXTURES / "now", tree, ignore=shutil.ignore_patterns("Documentation"))

    found = report("patch", "--tree", tree, stdin=ADDED)

    assert found["findings"] == []
    assert [entry["file"] for entry in found["skipped"]] == [HEADER]
    assert "->flush_folio to struct address_space_operations" in found["skipped"][0]["reason"]


def test_without_a_tree_nothing_is_claimed_and_that_is_said() -> None:
    """The struct is known when the hunk shows where it begins, or git names it behind the hunk's header."""
    section = ADDED.replace("@@\n", "@@ struct address_space_operations {\n", 1)

    for patch in (section, mail_named("adds-operation").read_bytes()):
        found = report("patch", stdin=patch)
        assert found["findings"] == []
        assert "->flush_folio" in found["skipped"][0]["reason"]
        assert report("patch", stdin=f"{section}{DOCUMENTED}")["skipped"] == []


def test_row_that_did_not_apply_is_not_missing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(FIXTURES / "now", tree)
    document = tree / DOCUMENT
    lines = document.read_text("utf-8").splitlines(True)
    document.write_text("".join(line for line in lines if "unlocks" not in line), "utf-8")

    series = as_mail("[PATCH 1/2] document it", DOCUMENTED, 1) + as_mail("[PATCH 2/2] add it", ADDED, 2)

    for patch in (ADDED + DOCUMENTED, series):
        found = report("patch", "--tree", tree, stdin=patch)
        assert found_by("callback-undocumented", found) == []
        assert [entry["file"] for entry in found["skipped"]] == [DOCUMENT]


def test_copy_of_a_struct_outside_the_headers_is_not_the_struct(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(FIXTURES / "now", tree)
    copy = "tools/testing/fs.h"
    before = "struct address_space_operations {\n\tint (*read_folio)(struct folio *folio);\n};\n"
    (tree / "tools/testing").mkdir(parents=True)
    (tree / copy).write_text(before, "utf-8")
    after = before.replace("};", "\tint (*flush_folio)(struct folio *folio);\n};")

    assert report("patch", "--tree", tree, stdin=diff(copy, before, after))["findings"] == []


@pytest.mark.parametrize("base", ["folder", "git"])
def test_row_that_a_patch_adds_is_a_contract(base: str, tmp_path: Path) -> None:
    """The callback stands in a file that the patch does not touch, and was never judged before."""
    tree = FIXTURES / "now" if base == "folder" else as_repository(FIXTURES / "now", tmp_path / "repository")

    found = found_by("callback-lock-contract", report("patch", "--tree", tree, stdin=DOCUMENTED))

    assert [(f["file"], f["line"], f["status"]) for f in found] == [("fs/demofs/aops.c", 4, "new")]
    assert found_by("callback-lock-contract", report("patch", "--tree", tree, stdin=ADDED)) == []


@pytest.mark.parametrize("base", ["folder", "git"])
def test_row_that_a_patch_changes_is_the_contract_from_then_on(base: str, tmp_path: Path) -> None:
    """Function and table stand in different files; neither is touched."""
    source = tmp_path / "source"
    shutil.copytree(FIXTURES / "now", source)
    (source / "fs/demofs/aops.c").write_text(
        "const struct address_space_operations demofs_aops = {\n\t.launder_folio = demofs_launder_folio,\n};\n", "utf-8"
    )
    (source / "fs/demofs/file.c").write_text(
        "int demofs_launder_folio(struct folio *folio)\n{\n\tif (folio_test_dirty(folio))\n"
        "\t\treturn -EAGAIN;\n\tfolio_unlock(folio);\n\treturn 0;\n}\n",
        "utf-8",
    )
    tree = source if base == "folder" else as_repository(source, tmp_path / "repository")
    patch = edited(DOCUMENT, ("launder_folio:\t\tyes\n", "launder_folio:\t\tyes, unlocks\n"))

    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        found = report("patch", "--tree", tree, stdin=patch, cache=cache)
        assert [(f["rule"], f["line"], f["status"]) for f in found["findings"]] == [
            ("callback-lock-contract", 4, "new"),
            ("callback-lock-contract", 6, "fixed"),
        ]


def test_commit_that_adds_an_operation_is_stopped(tmp_path: Path) -> None:
    repository = as_repository(FIXTURES / "now", tmp_path / "repository")
    for patch, status in ((ADDED, 1), (DOCUMENTED, 1)):
        subprocess.run(["git", "-C", str(repository), "apply", "--index"], input=patch.encode(), check=True)
        done = pagelint("hook", "--tree", repository)
        assert done.exit_code == status, done.output
    assert "callback-undocumented" not in done.output
    assert "callback-lock-contract" in done.output
