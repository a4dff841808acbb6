"""Pieces of functions made whole: what is put around them, and that it parses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function
from analyzer.syntax.completing import Completed, complete_end, complete_piece

FUNCTION = b"""\
int demo_write(struct page *page, struct demo *demo)
{
	int err = 0;	/* nothing { yet */

	if (!demo ||
		demo->dead)
		return -EIO;
again:
	for (int i = 0; i < demo->count; i++) {
		if (demo->kind[i] == '}') {
			err = demo_one(demo,
					i);
		} else if (err) {
			break;
		} else {
			continue;
		}
		do {
			demo_two(demo);
		} while (demo->busy);
	}
	switch (demo->state) {
	case DEMO_OLD:
		lock_page(page);
		goto again;
	default:
		break;
	}
	if (err)
		demo_fail(demo);
	else
		demo_succeed(demo);
	return err;
}
"""
LINES = FUNCTION.splitlines(keepends=True)


def whole(completed: Completed | None) -> bytes:
    assert completed is not None
    return completed.head + b"\n" + completed.text + completed.tail + b"\n"


def parsed_errors(text: bytes) -> int:
    source = SourceText("demo.c", text)
    (function,) = outline(source).functions
    return sum(len(one.errors) for one in parse_function(source, function))


def window(first: int, last: int) -> bytes:
    return b"".join(LINES[first:last])


@pytest.mark.parametrize("first", range(2, len(LINES)))
def test_every_piece_of_a_function_parses(first: int) -> None:
    for last in range(first + 1, len(LINES) + 1):
        completed = complete_piece(window(first, last), "demo_write")
        if completed is not None:
            assert parsed_errors(whole(completed)) == 0, whole(completed).decode()
            assert completed.text.count(b"\n") == last - first


@pytest.mark.parametrize("last", range(3, len(LINES)))
def test_every_beginning_of_a_function_parses(last: int) -> None:
    completed = complete_end(window(0, last))

    assert completed is not None
    assert parsed_errors(whole(completed)) == 0, whole(completed).decode()


def test_statement_that_is_cut_off_is_left_out() -> None:
    completed = complete_piece(b"\t\t  demo, 3);\n\tone();\n\ttwo(demo,\n", "demo")

    assert completed is not None
    assert completed.text.split() == [b"one();"]


def test_first_statement_is_left_out_unless_it_begins_with_a_word_of_control_flow() -> None:
    for text, kept in (
        (b"\ta(b);\n\tc();\n", False),
        (b"\treturn 1;\n\tc();\n", True),
        (b"\tif (a)\n\t\tb();\n", True),
    ):
        completed = complete_piece(text, "demo")
        assert completed is not None
        assert (completed.text == text) is kept


def test_unseen_code_stands_where_a_block_ends_that_began_before() -> None:
    completed = complete_piece(b"\t\treturn 1;\n\t} else if (a) {\n\t\tb();\n\t}\n\tc();\n", "demo")

    assert completed is not None
    assert completed.text.splitlines()[1].split(b"for(;;);entry_0:;")[1].split() == [b"if", b"(a)", b"{"]
    assert completed.shifts == {1: len("for(;;);entry_0:;") - 1}


def test_closing_brace_of_the_function_is_its_return() -> None:
    completed = complete_piece(b"\treturn 1;\nout:\n\tb();\n}\n", "demo")

    assert completed is not None
    assert completed.text.endswith(b"\tb();\nreturn;\n")
    assert b"goto out;" in completed.head


def test_else_of_an_if_that_is_not_seen_does_not_follow() -> None:
    completed = complete_piece(b"\t\treturn 1;\n\telse\n\t\tb();\n\tc();\n", "demo")

    assert completed is not None
    assert b"else" not in completed.text
    assert completed.text.index(b"for(;;);") < completed.text.index(b"b();")


@pytest.mark.parametrize(
    "text",
    [b"#ifdef A\n\ta();\n", b"\ta(); \\\n\tb();\n", b"\ta(b\n", b"\t(a;}\n", b"\ta();\n\t},\n\tb();\n", b""],
    ids=["directive", "macro", "no statement", "brackets", "initialiser", "nothing"],
)
def test_piece_that_cannot_be_a_function_gives_none(text: bytes) -> None:
    assert complete_piece(text, "demo") is None


def test_comment_that_began_before_is_no_code() -> None:
    completed = complete_piece(b"\t * lock_page() is not called;\n\t */\n\treturn 1;\n", "demo")

    assert completed is not None
    assert completed.text.split() == [b"return", b"1;"]


@given(
    st.lists(
        st.sampled_from([*LINES, b"\t}\n", b"\t{\n", b"/*\n", b"*/\n", b'"\n', b"\telse\n", b"\t);\n"]), max_size=8
    )
)
def test_any_lines_keep_their_number(lines: list[bytes]) -> None:
    text = b"".join(lines)
    for completed in (complete_piece(text, "demo"), complete_end(text)):
        if completed is not None:
            assert completed.text.count(b"\n") == text.count(b"\n")
            assert len(completed.text.splitlines()) <= len(lines)


@given(st.binary(max_size=200))
def test_any_bytes_are_completed_or_not(data: bytes) -> None:
    complete_piece(data, "demo")
    complete_end(data)
