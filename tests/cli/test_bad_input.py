"""Bad input: the right status, one clear line or an entry in `skipped`, never a traceback, never a silent "clean"."""

from pathlib import Path

import pytest

from tests.cli.running import BALANCED, LEAKING, MAIL, TREE, one_line, pagelint, report, write_tree


def test_a_missing_path_is_wrong_usage() -> None:
    done = pagelint("scan", "no/such/path")

    assert done.exit_code == 2
    assert one_line(done.stderr) and "no/such/path: no such file or folder" in done.stderr


@pytest.mark.parametrize("command", ["scan", "patch"])
def test_a_missing_tree_is_wrong_usage(command: str) -> None:
    done = pagelint(command, "--tree", "no/such/tree")

    assert done.exit_code == 2
    assert one_line(done.stderr) and "no such folder" in done.stderr


def test_a_missing_patch_file_is_wrong_usage() -> None:
    done = pagelint("patch", "no-such.patch")

    assert done.exit_code == 2
    assert one_line(done.stderr) and "no-such.patch" in done.stderr


def test_a_folder_without_c_was_not_analysed(tmp_path: Path) -> None:
    done = pagelint("scan", write_tree(tmp_path, {"README": "text"}))

    assert done.exit_code == 3
    assert one_line(done.stderr) and "no C files" in done.stderr


def test_a_file_that_is_not_c_was_not_analysed(tmp_path: Path) -> None:
    done = pagelint("scan", write_tree(tmp_path, {"README": "text"}) / "README")

    assert done.exit_code == 3
    assert "not a C file" in done.stderr


def test_a_binary_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_bytes(b"\x7fELF\0\0\0 folio_lock(folio); \0\xff")
    done = pagelint("scan", tmp_path)

    assert done.exit_code == 3
    assert "a.c: skipped: binary file" in done.stderr


def test_a_binary_file_without_a_name_that_matters_is_named_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"ok.c": BALANCED})
    (tmp_path / "blob.c").write_bytes(b"\x7fELF\0\0\0")

    assert [(s["file"].rpartition("/")[2], s["reason"]) for s in report("scan", tmp_path)["skipped"]] == [
        ("blob.c", "binary file")
    ]


def test_a_half_written_function_is_skipped_and_the_rest_is_analysed(tmp_path: Path) -> None:
    half = BALANCED.replace("demo_read", "demo_half").split("\treturn 0;")[0]
    write_tree(tmp_path, {"half.c": BALANCED + half, "leak.c": LEAKING})
    found = report("scan", tmp_path)

    assert [entry["function"] for entry in found["skipped"]] == ["demo_half"]
    assert [f["file"].rpartition("/")[2] for f in found["findings"]] == ["leak.c"]
    assert pagelint("scan", tmp_path).exit_code == 1
    (tmp_path / "leak.c").unlink()
    assert pagelint("scan", tmp_path).exit_code == 3


def test_undecodable_bytes_do_not_stop_the_analysis(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_bytes(b"/* \xff\xfe */\n" + LEAKING.encode().replace(b"-EIO;", b"-EIO; /* \xe9 */"))
    done = pagelint("scan", tmp_path)

    assert done.exit_code == 1
    assert "[page-lock-leak]" in done.stdout


@pytest.mark.parametrize(
    "body",
    [
        "if (x) {" * 10_000 + "}" * 10_000,
        "x = " + "(" * 10_000 + "1" + ")" * 10_000 + ";",
        "\tx++;\n" * 100_000,
    ],
    ids=["blocks 10,000 deep", "parentheses 10,000 deep", "100,000 lines"],
)
def test_extreme_functions_neither_crash_nor_pass_for_clean(tmp_path: Path, body: str) -> None:
    text = f"void f(struct folio *folio)\n{{\n\tfolio_lock(folio);\n{body}\n\tfolio_unlock(folio);\n}}\n"
    found = report("scan", write_tree(tmp_path, {"a.c": text}))

    assert {entry["function"] for entry in found["skipped"]} == {"f"} or found["stats"]["functions"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[event]]\nname = 'x'\nfacet = 'nothing'\nto = 'y'\ncalls = ['f($p)']\n", "facet"),
        ("nonsense = 1\n", "nonsense"),
        ("[[event\n", "TOML"),
    ],
)
def test_an_invalid_model_is_named_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    done = pagelint("scan", TREE, "--model", tmp_path / "bad.toml")

    assert done.exit_code == 2
    assert one_line(done.stderr) and "bad.toml" in done.stderr and words in done.stderr


def test_a_missing_model_is_wrong_usage() -> None:
    done = pagelint("scan", TREE, "--model", "no-such.toml")

    assert done.exit_code == 2
    assert one_line(done.stderr) and "no-such.toml" in done.stderr


def test_a_patch_that_does_not_apply_is_named_with_its_mail_line(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"fs/demofs/file.c": "int nothing;\n"})
    done = pagelint("patch", "--tree", tree, MAIL)

    assert done.exit_code == 3
    assert "fs/demofs/file.c: skipped: hunk 1 (line 20 of the mail): " in done.stderr


@pytest.mark.parametrize("stdin", [b"", b"hello\n", b"\0\xff\x00\n" * 50])
def test_input_without_a_patch_is_not_clean(stdin: bytes) -> None:
    done = pagelint("patch", stdin=stdin)

    assert done.exit_code == 3
    assert "Traceback" not in done.output


def test_an_invalid_baseline_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "baseline").write_text("# comment\nnonsense\n")
    done = pagelint("scan", TREE, "--baseline", tmp_path / "baseline")

    assert done.exit_code == 2
    assert one_line(done.stderr) and "baseline:2:" in done.stderr


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    done = pagelint("scan", TREE, "--output", "/nonexistent/out")

    assert done.exit_code == 2
    assert one_line(done.stderr)
