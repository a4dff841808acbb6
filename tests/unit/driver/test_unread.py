"""Files that the search over a tree could not read are named, once each, and looked at when they can be read."""

from pathlib import Path

import pytest

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of, skipped_of
from analyzer.source import FolderTree, look_at_files
from tests.cli.running import BALANCED, LEAKING, write_tree
from tests.rules.annotated import built_in_model, built_in_rules

FILES = frozenset({"ok.c", "late.c"})


def make(snapshot: Snapshot, root: Path, changed: set[str]) -> Snapshot:
    knobs = Knobs(built_in_model(), built_in_rules())
    return update(snapshot, FolderTree(root), knobs, Workers([], 1), FILES, changed)


def test_a_file_that_cannot_be_read_is_named_and_looked_at_when_it_can_be(tmp_path: Path) -> None:
    write_tree(tmp_path, {"ok.c": BALANCED})
    first = make(Snapshot(), tmp_path, set())
    write_tree(tmp_path, {"late.c": LEAKING})
    second = make(first, tmp_path, {"late.c"})

    assert [(s.file, s.function, s.reason) for s in skipped_of(first, "late.c")] == [
        ("late.c", None, "No such file or directory")
    ]
    assert skipped_of(first, "ok.c") == ()
    assert skipped_of(second, "late.c") == () and findings_of(second, "late.c")


def test_a_file_that_cannot_be_read_any_more_is_named_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"ok.c": BALANCED, "late.c": LEAKING})
    first = make(Snapshot(), tmp_path, set())
    (tmp_path / "late.c").unlink()

    assert len(skipped_of(make(first, tmp_path, {"late.c"}), "late.c")) == 1


@pytest.mark.parametrize(
    ("data", "holds", "unread"),
    [
        (b"folio_lock(f);", True, ""),
        (b"\0\0", False, "binary file"),
        (b"folio_lock(f);\0", True, "binary file"),
        (None, False, "No such file or directory"),
    ],
)
def test_a_look_tells_what_was_found_and_what_was_not_read(
    tmp_path: Path, data: bytes | None, holds: bool, unread: str
) -> None:
    if data is not None:
        (tmp_path / "a.c").write_bytes(data)
    (look,) = look_at_files(FolderTree(tmp_path), ["a.c"], ["folio_lock"], [])

    assert (look.holds, look.unread) == (holds, unread)
