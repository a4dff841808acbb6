"""Damage to a good patch is repaired to the same patch, and no bytes raise anything but AnalyzerError."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff

from hypothesis import given
from hypothesis import strategies as st

from analyzer.patch import Applied, Patch, apply_patch, fragments, parse_patch, read_messages, reverse_patch, series_of
from analyzer.source import EmptyTree, OverlayTree, Tree
from tests.mail_shapes import (
    as_base64,
    as_crlf,
    as_nested_reply,
    as_quoted_printable,
    as_reply,
    as_reply_without_blanks,
    header,
    with_expanded_tabs,
    with_non_breaking_spaces,
    without_trailing_blanks,
    wrapped,
)

PATH = "fs/demofs/inode.c"


def tree_of(text: str) -> Tree:
    return OverlayTree(EmptyTree(), {PATH: text.encode()})


def read(mail: bytes) -> Patch:
    messages = list(read_messages(io.BytesIO(mail), "mail"))
    assert len(messages) == 1
    return parse_patch(messages[0])


CODE = """
folio page mapping index inode err ret flags folio_unlock(folio); return if (err) goto out; while (index) struct
address_space_operations wait_on_page_writeback(page); unsigned long PAGE_SHIFT > < != && -> - +
"""
WORDS = st.sampled_from(CODE.split())


@st.composite
def code_lines(draw: st.DrawFn) -> str:
    """Draw a line of C: tabs, then words with one blank between."""
    if draw(st.integers(0, 6)) == 0:
        return ""
    depth = draw(st.integers(0, 4))
    words = draw(st.lists(WORDS, min_size=1, max_size=12))
    return "\t" * depth + " ".join(words)


@dataclass(frozen=True)
class Change:
    """A file before and after, and the diff between them."""

    pre: str
    post: str

    def diff(self) -> str:
        lines = unified_diff(
            self.pre.splitlines(keepends=True), self.post.splitlines(keepends=True), f"a/{PATH}", f"b/{PATH}"
        )
        return f"diff --git a/{PATH} b/{PATH}\n" + "".join(lines)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw a file whose lines are numbered, so that each place in it is unmistakable, with some lines changed."""
    lines = [
        f"{line} {number};" if line else ""
        for number, line in enumerate(draw(st.lists(code_lines(), min_size=6, max_size=60)))
    ]
    new = list(lines)
    for at in sorted(draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=4)), reverse=True):
        kind = draw(st.sampled_from(["delete", "insert", "replace"]))
        text = [f"{line} new{at};" if line else "" for line in draw(st.lists(code_lines(), min_size=1, max_size=3))]
        new[at : at + (kind != "insert")] = text if kind != "delete" else []
    pre, post = "\n".join(lines) + "\n", "\n".join(new) + "\n"
    return Change(pre, post if post != pre else post + "int last;\n")


EXACT: list[Callable[[str], bytes]] = [
    as_crlf,
    as_base64,
    as_quoted_printable,
    as_reply,
    as_reply_without_blanks,
    as_nested_reply,
    without_trailing_blanks,
]


def post_of(applied: Applied) -> str:
    assert applied.rejects == ()
    data = applied.overlay[PATH]
    assert data is not None
    return data.decode()


@given(changes(), st.sampled_from(EXACT))
def test_damage_that_keeps_tabs_is_repaired_exactly(change: Change, damage: Callable[[str], bytes]) -> None:
    applied = apply_patch(read(damage(change.diff())), tree_of(change.pre))
    assert post_of(applied) == change.post
    assert all(placement.offset == placement.fuzz == 0 for placement in applied.placements)


def squeezed(text: str) -> list[str]:
    return ["".join(line.split()) for line in text.splitlines()]


@given(changes(), st.sampled_from([with_expanded_tabs, with_non_breaking_spaces]))
def test_expanded_tabs_change_nothing_but_indentation(change: Change, damage: Callable[[str], bytes]) -> None:
    applied = apply_patch(read(damage(change.diff())), tree_of(change.pre))
    assert squeezed(post_of(applied)) == squeezed(change.post)


@given(changes(), st.integers(70, 80), st.booleans())
def test_wrapped_lines_are_joined_again(change: Change, width: int, keep_blank: bool) -> None:
    applied = apply_patch(read((header() + wrapped(change.diff(), width, keep_blank)).encode()), tree_of(change.pre))
    assert post_of(applied) == change.post


@given(changes())
def test_hunks_applied_and_reversed_give_the_pre_image(change: Change) -> None:
    patch = read((header() + change.diff()).encode())
    post = post_of(apply_patch(patch, tree_of(change.pre)))
    assert post_of(apply_patch(reverse_patch(patch), tree_of(post))) == change.pre


@given(changes())
def test_lines_of_the_mail_show_the_lines_of_both_images(change: Change) -> None:
    mail = header() + change.diff()
    applied = apply_patch(read(mail.encode()), tree_of(change.pre))
    lines = ["", *mail.splitlines()]
    pre, post = ["", *change.pre.splitlines()], ["", *change.post.splitlines()]
    for changed in applied.changes:
        assert all(lines[number][1:] == post[line] for line, number in changed.post_lines.items())
        assert all(lines[number][1:] == pre[line] for line, number in changed.pre_lines.items())


@given(changes())
def test_fragments_stand_where_the_file_has_them(change: Change) -> None:
    (fragment,) = fragments(read((header() + change.diff()).encode()))
    pre, post = change.pre.splitlines(), change.post.splitlines()
    shown_pre, shown_post = fragment.pre.decode().splitlines(), fragment.post.decode().splitlines()
    for piece in fragment.pieces:
        assert shown_pre[piece.pre[0] - 1 : piece.pre[1]] == pre[piece.pre[0] - 1 : piece.pre[1]]
        assert shown_post[piece.post[0] - 1 : piece.post[1]] == post[piece.post[0] - 1 : piece.post[1]]


PIECES = rb"""From a@b Tue Nov 14 22:13:20 2023
commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
diff --git a/x b/x
diff --cc x
--- a/x
+++ b/x
@@ -1,3 +1,4 @@ f
@@ -0,0 +1 @@
@@@ -1 -1 +1 @@@
> @@ -1,2 +1 @@
@@ -999999999,999999999 +1,2 @@
\\ No newline at end of file
Content-Type: multipart/mixed; boundary=b
Content-Type: text/plain; format=flowed; charset=utf-7
Content-Transfer-Encoding: base64
Content-Transfer-Encoding: quoted-printable
Subject: =?x?q?=FF?=
--b
--b--
GIT binary patch
rename from x
rename to y
new file mode 100644
Index: x
> +y
>> z
-&gt;""".split(b"\n")
NOISE = st.lists(
    st.one_of(st.sampled_from([*PIECES, b"-- ", b"", b" x", b"+y", b"-z", b"\tx"]), st.binary(max_size=30)), max_size=25
).map(b"\n".join)


@given(st.one_of(st.binary(max_size=400), NOISE, st.binary(max_size=60).map(lambda data: b"\x1f\x8b" + data)))
def test_no_bytes_raise(data: bytes) -> None:
    patches = [parse_patch(message) for message in read_messages(io.BytesIO(data), "noise")]
    for series in series_of(patches):
        tree: Tree = tree_of("x\ny\nz\n")
        for patch in series.patches:
            tree = OverlayTree(tree, apply_patch(patch, tree).overlay)
            fragments(patch)


@given(changes(), st.data())
def test_a_mail_that_is_cut_anywhere_gives_whole_hunks_and_one_that_is_cut(change: Change, data: st.DataObject) -> None:
    diff = change.diff().splitlines()
    end = data.draw(st.integers(3, len(diff)))
    patch = read((header() + "".join(f"> {line}\n" for line in diff[:end]) + "\nAnd so on.\n").encode())
    hunks = [hunk for file in patch.files for hunk in file.hunks]
    assert not any(hunk.truncated for hunk in hunks[:-1])
    applied = apply_patch(patch, tree_of(change.pre))
    whole = [hunk for hunk in hunks if not hunk.truncated]
    assert len([placement for placement in applied.placements if not placement.partial]) == len(whole)
