"""Names of files as diffs of all times spell them."""

import pytest

from analyzer.patch.paths import Names, is_epoch, read_name, resolve_names, split_git_names


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("a/mm/demo.c", "b/mm/demo.c", "mm/demo.c"),
        ("i/mm/demo.c", "w/mm/demo.c", "mm/demo.c"),
        ("mm/demo.c", "mm/demo.c", "mm/demo.c"),
        ("linux-2.6.10.orig/mm/demo.c", "linux-2.6.10/mm/demo.c", "mm/demo.c"),
        ("25/mm/demo.c~some-fix", "25-akpm/mm/demo.c", "mm/demo.c"),
        ("a/mm/demo.c~some-fix", "a/mm/demo.c", "mm/demo.c"),
        ("1.12/mm/demo.c", "edited/mm/demo.c", "mm/demo.c"),
        ("mmotm.orig/mm/demo.c", "mmotm/mm/demo.c", "mm/demo.c"),
        ("839b3c58f20f/mm/demo.c", "uncommitted/mm/demo.c", "mm/demo.c"),
        ("mm/demo.c.orig", "mm/demo.c", "mm/demo.c"),
        ("2.5.9/mm/demo.c~cleanup", "2.5.9-akpm/mm/demo.c", "mm/demo.c"),
    ],
)
def test_leading_folders_of_tools_are_dropped(old: str, new: str, name: str) -> None:
    names = resolve_names(old, new, renamed=False)
    assert (names.old, names.new) == (name, name)


def test_other_readings_are_left_to_the_tree() -> None:
    assert "demo.c" in resolve_names("mm/demo.c", "mm/demo.c", renamed=False).spellings
    assert "linux/mm/demo.c" in resolve_names("linux/mm/demo.c", "linux/mm/demo.c", renamed=False).spellings


def test_a_missing_side_has_no_name() -> None:
    assert resolve_names("/dev/null", "b/mm/new.c", renamed=False) == Names(None, "mm/new.c", ("b/mm/new.c", "new.c"))
    assert resolve_names("a/mm/old.c", "/dev/null", renamed=False).new is None


def test_a_rename_keeps_both_names() -> None:
    names = resolve_names("a/mm/one.c", "b/mm/two.c", renamed=True)
    assert (names.old, names.new) == ("mm/one.c", "mm/two.c")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/mm/demo.c", "a/mm/demo.c"),
        ("mm/demo.c\t2004-12-24 22:33:48.000000000 +0100", "mm/demo.c"),
        ("mm/demo.c      2006-11-14 14:01:37.000000000 +0000", "mm/demo.c"),
        ("mm/demo.c Tue Feb 26 06:38:13 2002", "mm/demo.c"),
        ("mm/demo.c\t(revision 117)", "mm/demo.c"),
        ("mm/demo.c (working copy)", "mm/demo.c"),
        ("a/mm/with blank.c", "a/mm/with blank.c"),
        ('"a/\\303\\244 \\"x\\".c"', 'a/ä "x".c'),
        ('"a/tab\\there.c"\t2004-12-24', "a/tab\there.c"),
    ],
)
def test_time_stamps_and_quotes_are_taken_off(text: str, name: str) -> None:
    assert read_name(text) == name


def test_the_epoch_marks_a_file_that_is_not_there() -> None:
    assert is_epoch("mm/new.c\t1970-01-01 01:00:00.000000000 +0100")
    assert is_epoch("mm/new.c\tThu Jan  1 00:00:00 1970")
    assert not is_epoch("mm/new.c\t2004-12-24 22:33:48.000000000 +0100")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a/x.c b/x.c", ("a/x.c", "b/x.c")),
        ("a/one two.c b/one two.c", ("a/one two.c", "b/one two.c")),
        ("one two.c one two.c", ("one two.c", "one two.c")),
        ("a/one.c b/two.c", ("a/one.c", "b/two.c")),
        ('"a/\\303\\244.c" "b/\\303\\244.c"', ("a/ä.c", "b/ä.c")),
        ("a/alone.c", None),
    ],
)
def test_both_names_of_a_git_header_are_found(text: str, names: tuple[str, str] | None) -> None:
    assert split_git_names(text) == names
