"""The base ladder, on repositories that the test makes."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.patch import Patch, Rung, apply_patch, choose_base, parse_patch, read_messages
from analyzer.source import SourceError

BEFORE = b"int one;\nint two;\nint three;\nint four;\n"
AFTER = b"int one;\nint two;\nint tree;\nint four;\n"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def commit(folder: Path, data: bytes) -> str:
    (folder / "demo.c").write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "demo")
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "linux"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def patch_of(folder: Path, *options: str) -> Patch:
    mail = folder.parent / "mail.patch"
    mail.write_text(git(folder, "format-patch", "--stdout", "-1", *options))
    with mail.open("rb") as stream:
        (message,) = read_messages(stream, "mail")
    return parse_patch(message)


def post_of(patch: Patch, folder: Path | None, revision: str | None = None) -> tuple[Rung, bytes | None]:
    base = choose_base([patch], folder, revision)
    return base.rung, apply_patch(patch, base.tree).overlay.get("demo.c")


def test_every_rung_gives_the_same_post_image(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, BEFORE)
    commit(repository, AFTER)
    patch, with_trailer = patch_of(repository), patch_of(repository, f"--base={first}")
    assert post_of(patch, repository, first) == (Rung.REVISION, AFTER)
    assert post_of(with_trailer, repository) == (Rung.TRAILER, AFTER)
    assert post_of(patch, repository) == (Rung.BLOBS, AFTER)
    commit(repository, BEFORE)
    nameless = patch_without_blobs(patch)
    assert post_of(nameless, repository) == (Rung.HEAD, AFTER)
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "demo.c").write_bytes(BEFORE)
    assert post_of(patch, plain) == (Rung.FOLDER, AFTER)


def patch_without_blobs(patch: Patch) -> Patch:
    return replace(patch, files=tuple(replace(file, old_blob="") for file in patch.files))


def test_a_patch_that_head_has_is_taken_out_first(repository: Path) -> None:
    commit(repository, BEFORE)
    commit(repository, AFTER)
    patch = patch_without_blobs(patch_of(repository))
    base = choose_base([patch], repository)
    assert base.rung is Rung.HEAD and "taken out first" in base.words
    assert base.tree.read("demo.c") == BEFORE
    assert apply_patch(patch, base.tree).overlay["demo.c"] == AFTER


def test_no_tree_leaves_every_file_out() -> None:
    base = choose_base([], None)
    assert base.rung is Rung.NONE and not base.tree.exists("demo.c")


def test_a_trailer_that_is_unknown_here_is_said(repository: Path, tmp_path: Path) -> None:
    first = commit(repository, BEFORE)
    commit(repository, AFTER)
    patch = patch_of(repository, f"--base={first}")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit(other, BEFORE + b"int five;\n")
    base = choose_base([patch], other)
    assert base.rung is Rung.HEAD
    assert f"base-commit {first[:12]} is not in this repository" in base.words
    assert apply_patch(patch, base.tree).overlay["demo.c"] == AFTER + b"int five;\n"


def test_blobs_stand_on_head_when_head_has_moved_on(repository: Path) -> None:
    commit(repository, BEFORE)
    commit(repository, AFTER)
    patch = patch_of(repository)
    commit(repository, b"nothing of the kind\n")
    base = choose_base([patch], repository)
    assert base.rung is Rung.BLOBS and base.tree.read("demo.c") == BEFORE
    assert "on HEAD" in base.words


def test_a_revision_that_does_not_exist_is_an_error(repository: Path) -> None:
    commit(repository, BEFORE)
    with pytest.raises(SourceError):
        choose_base([], repository, "v99")
    with pytest.raises(SourceError, match="--tree"):
        choose_base([], None, "v99")


def test_a_repository_without_a_commit_is_a_folder(repository: Path) -> None:
    (repository / "demo.c").write_bytes(BEFORE)
    assert choose_base([], repository).rung is Rung.FOLDER


def test_a_folder_within_a_repository_is_a_folder(repository: Path) -> None:
    commit(repository, BEFORE)
    (repository / "sub").mkdir()
    assert choose_base([], repository / "sub").rung is Rung.FOLDER
