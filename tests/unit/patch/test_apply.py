"""Where hunks go, and what is said of those that go nowhere."""

import io

import pytest

from analyzer.patch import (
    Applied,
    Patch,
    apply_patch,
    fragments,
    parse_patch,
    read_messages,
    rejected_part,
    tree_without,
)
from analyzer.source import EmptyTree, OverlayTree

HEAD = "--- a/mm/demo.c\n+++ b/mm/demo.c\n"


def patch_of(text: str) -> Patch:
    (message,) = read_messages(io.BytesIO(text.encode()), "mail")
    return parse_patch(message)


def applied(text: str, file: str, path: str = "mm/demo.c") -> Applied:
    return apply_patch(patch_of(text), OverlayTree(EmptyTree(), {path: file.encode()}))


def post(result: Applied, path: str = "mm/demo.c") -> str:
    data = result.overlay[path]
    assert data is not None
    return data.decode()


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number};\n" for number in range(first, last + 1))


def test_the_nearest_of_several_places_is_taken() -> None:
    file = "a;\nb;\nc;\n" * 5
    result = applied(HEAD + "@@ -8,2 +8,3 @@\n b;\n+new;\n c;\n", file)
    assert post(result).splitlines()[7:10] == ["b;", "new;", "c;"]
    assert result.placements[0].offset == 0


def test_the_offset_of_one_hunk_is_expected_of_the_next() -> None:
    hunks = "@@ -2,2 +2,3 @@\n line 2;\n+new;\n line 3;\n@@ -7,2 +8,3 @@\n line 7;\n+new;\n line 8;\n"
    result = applied(HEAD + hunks, "x\ny\n" + numbered(1, 9))
    assert [placement.offset for placement in result.placements] == [2, 2]


@pytest.mark.parametrize(("changed", "fuzz"), [((), 0), ((1,), 1), ((1, 2), 2), ((1, 7), 1), ((6, 7), 2)])
def test_fuzz_leaves_out_outer_context(changed: tuple[int, ...], fuzz: int) -> None:
    file = "".join(f"other {n};\n" if n in changed else f"line {n};\n" for n in range(1, 8))
    diff = "@@ -1,7 +1,7 @@\n line 1;\n line 2;\n line 3;\n-line 4;\n+new;\n line 5;\n line 6;\n line 7;\n"
    result = applied(HEAD + diff, file)
    assert result.placements[0].fuzz == fuzz
    assert post(result) == file.replace("line 4;", "new;")


def test_more_than_two_lines_of_fuzz_are_refused() -> None:
    diff = "@@ -1,7 +1,7 @@\n line 1;\n line 2;\n line 3;\n-line 4;\n+new;\n line 5;\n line 6;\n line 7;\n"
    result = applied(HEAD + diff, "line 4;\n")
    assert [reject.reason for reject in result.rejects] == ["context not found"]
    assert result.overlay == {}


def test_a_removed_line_is_never_left_out() -> None:
    result = applied(HEAD + "@@ -1,3 +1,2 @@\n line 1;\n-gone;\n line 2;\n", numbered(1, 9))
    assert [reject.reason for reject in result.rejects] == ["already applied"]


def test_two_hunks_never_take_the_same_lines() -> None:
    hunk = "@@ -2,2 +2,1 @@\n line 2;\n-line 3;\n"
    result = applied(HEAD + hunk + hunk, numbered(1, 9))
    assert len(result.placements) == 1 and len(result.rejects) == 1


def test_a_reject_names_hunk_and_mail_line() -> None:
    result = applied("Words.\n\n" + HEAD + "@@ -2,2 +2,1 @@\n line 2;\n-line 33;\n", numbered(1, 9))
    assert str(result.rejects[0]) == "mm/demo.c: hunk 1 (line 5 of the mail): context not found"


def test_added_lines_get_the_tabs_that_the_file_has() -> None:
    diff = "@@ -1,3 +1,5 @@\n if (x) {\n         one();\n+        two();\n+                deep();\n }\n"
    assert post(applied(HEAD + diff, "if (x) {\n\tone();\n}\n")) == "if (x) {\n\tone();\n\ttwo();\n\t\tdeep();\n}\n"


def test_files_that_indent_with_blanks_keep_them() -> None:
    diff = "@@ -1,2 +1,3 @@\n if (x)\n-    one();\n+    two();\n+\tthree();\n"
    assert post(applied(HEAD + diff, "if (x)\n    one();\n")) == "if (x)\n    two();\n\tthree();\n"


def test_the_tree_decides_between_spellings_of_a_path() -> None:
    diff = "--- linux/old/mm/demo.c\n+++ linux/old/mm/demo.c\n@@ -1 +1 @@\n-line 1;\n+new;\n"
    assert post(applied(diff, "line 1;\n")) == "new;\n"


def test_a_cut_hunk_applies_up_to_its_last_context_line() -> None:
    diff = "> " + (HEAD + "@@ -1,6 +1,6 @@\n line 1;\n-line 2;\n+new 2;\n line 3;\n-line 4;\n").replace("\n", "\n> ")
    result = applied(diff.removesuffix("> ") + "\nNo.\n", numbered(1, 6))
    assert post(result) == numbered(1, 6).replace("line 2", "new 2")
    assert result.placements[0].partial


def test_a_cut_hunk_that_fits_twice_is_refused() -> None:
    diff = "> " + (HEAD + "@@ -9,6 +9,6 @@\n a;\n-b;\n+new;\n a;\n").replace("\n", "\n> ")
    result = applied(diff.removesuffix("> ") + "\nNo.\n", "a;\nb;\n" * 9 + "a;\n" + "x\n" * 9)
    assert result.placements[0].offset == 0
    result = applied(diff.removesuffix("> ") + "\nNo.\n", "x\n" + "a;\nb;\n" * 9 + "a;\n")
    assert [reject.reason for reject in result.rejects] == ["cut off, and its place is not certain"]


def test_a_deletion_touches_an_empty_range() -> None:
    (change,) = applied(HEAD + "@@ -2,3 +2,2 @@\n line 2;\n-line 3;\n line 4;\n", numbered(1, 9)).changes
    assert (change.pre_ranges, change.post_ranges) == (((3, 3),), ((3, 2),))


def test_lines_of_the_mail_are_found_from_both_sides() -> None:
    result = applied(HEAD + "@@ -2,3 +2,3 @@\n line 2;\n-line 3;\n+new;\n line 4;\n", numbered(1, 9))
    assert [result.mail_line("mm/demo.c", line) for line in (1, 2, 3, 4, 5)] == [None, 4, 6, 7, None]
    assert result.changes[0].pre_lines[3] == 5


def test_fragments_mark_what_is_known() -> None:
    diff = "@@ -10,3 +10,4 @@ static int f(void)\n line 10;\n+new;\n line 11;\n line 12;\n@@ -30,1 +31,1 @@\n-a;\n+b;\n"
    (fragment,) = fragments(patch_of(HEAD + diff))
    assert [piece.post for piece in fragment.pieces] == [(10, 13), (31, 31)]
    assert [piece.pre for piece in fragment.pieces] == [(10, 12), (30, 30)]
    assert fragment.pieces[0].section == "static int f(void)"
    assert fragment.post.split(b"\n")[9:13] == [b"line 10;", b"new;", b"line 11;", b"line 12;"]
    assert not fragment.complete and fragment.change.post_lines[11] == 5


def test_a_created_file_is_a_complete_fragment() -> None:
    (fragment,) = fragments(patch_of("--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1,2 @@\n+int a;\n+int b;\n"))
    assert fragment.complete and fragment.post == b"int a;\nint b;\n" and fragment.pre == b""


def test_absurd_line_numbers_do_not_fill_the_memory() -> None:
    (fragment,) = fragments(patch_of(HEAD + "@@ -999999999,1 +999999999,1 @@\n-a;\n+b;\n"))
    assert fragment.post == b"b;\n" and fragment.notes


def test_what_is_rejected_can_be_judged_from_its_hunks() -> None:
    patch = patch_of(HEAD + "@@ -1,2 +1,2 @@\n line 1;\n-line 2;\n+new;\n@@ -5,2 +5,2 @@\n other;\n-x;\n+y;\n")
    applied = apply_patch(patch, OverlayTree(EmptyTree(), {"mm/demo.c": b"line 1;\nline 2;\n"}))
    rest = rejected_part(patch, applied)
    assert [hunk.old_start for file in rest.files for hunk in file.hunks] == [5]
    assert rejected_part(patch, apply_patch(patch, EmptyTree())).files == patch.files


def test_a_file_with_more_in_it_is_not_deleted() -> None:
    text = "--- a/mm/demo.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-a;\n"
    assert applied(text, "a;\n").overlay == {"mm/demo.c": None}
    assert applied(text, "a;\nb;\n").overlay == {}


def test_every_kind_of_change_is_undone() -> None:
    text = (
        "diff --git a/a.c b/b.c\nsimilarity index 90%\nrename from a.c\nrename to b.c\n"
        "--- a/a.c\n+++ b/b.c\n@@ -1 +1 @@\n-a;\n+b;\n"
        "diff --git a/new.c b/new.c\nnew file mode 100644\n--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+n;\n"
        "diff --git a/old.c b/old.c\ndeleted file mode 100644\n--- a/old.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-o;\n"
    )
    patch = patch_of(text)
    before = OverlayTree(EmptyTree(), {"a.c": b"a;\n", "old.c": b"o;\n"})
    after = OverlayTree(before, apply_patch(patch, before).overlay)
    assert list(after.files()) == ["b.c", "new.c"]
    undone = tree_without(after, [patch])
    assert undone is not None
    assert {path: undone.read(path) for path in undone.files()} == {"a.c": b"a;\n", "old.c": b"o;\n"}
    assert tree_without(before, [patch]) is None
