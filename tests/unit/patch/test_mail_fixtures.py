"""Every mail below fixtures/mail says what is expected of it in <stem>.expected.

The section [patch] is compared here: what was read, each repair, what became
of the hunks on `base/`, and the hash of each post-image. The mails are the
same change in many shapes, so most of the hashes are the same one.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.patch import Applied, Patch, Series, apply_patch, parse_patch, read_messages, series_of
from analyzer.source import FolderTree, OverlayTree, Tree
from tests.mails import BASE, MAIL, MAILS, expected_section, stem_of, write_section


def report(path: Path) -> str:
    """Return what the stages make of one file of mail, as text for people."""
    with path.open("rb") as stream:
        messages = list(read_messages(stream, path.name))
    lines = ["[patch]", f"messages: {len(messages)}"]
    for series in series_of(map(parse_patch, messages)):
        lines += _series_lines(series)
    return "\n".join(lines).replace(str(BASE), "base") + "\n"


def _series_lines(series: Series) -> Iterator[str]:
    yield f"series v{series.version}, {len(series.patches)} patches: {series.title}"
    yield from (f"  note: {note}" for note in series.notes)
    tree: Tree = FolderTree(BASE)
    for patch in series.patches:
        applied = apply_patch(patch, tree)
        yield from _patch_lines(patch, applied)
        tree = OverlayTree(tree, applied.overlay)


def _patch_lines(patch: Patch, applied: Applied) -> Iterator[str]:
    yield f"  patch {patch.number}/{patch.total} v{patch.version} of {patch.author or 'nobody'}: {patch.title}"
    yield f"    repairs: {patch.repairs}"
    if patch.base_commit:
        yield f"    base: {patch.base_commit}, {len(patch.prerequisites)} prerequisites"
    for file in patch.files:
        cut = ", cut off" if any(hunk.truncated for hunk in file.hunks) else ""
        names = file.path if file.old_path in (None, file.new_path) else f"{file.old_path} -> {file.new_path}"
        yield f"    {file.kind} {names} at line {file.mail_line}: {len(file.hunks)} hunks{cut}"
    yield from (f"    note: {note}" for note in (*patch.notes, *applied.notes))
    yield from (f"    problem: {problem}" for problem in patch.problems)
    yield from (f"    reject: {reject}" for reject in applied.rejects)
    for path, data in sorted(applied.overlay.items()):
        yield f"    post {path} {'removed' if data is None else hashlib.sha256(data).hexdigest()[:16]}"


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.name)
def test_mail_is_read_and_applied_as_expected(path: Path, request: pytest.FixtureRequest) -> None:
    text = report(path)
    if request.config.getoption("--update-golden"):
        write_section(path, text)
        return
    assert text == expected_section(path, "patch")


def test_stems_are_unique() -> None:
    stems = [stem_of(path) for path in MAILS]
    assert sorted(stems) == sorted(set(stems))


def test_every_expectation_has_its_mail() -> None:
    stems = {stem_of(path) for path in MAILS}
    assert {path.stem for path in MAIL.glob("*.expected")} == stems
