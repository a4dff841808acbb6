"""`pagelint patch` without a tree: what is said of functions that the hunks show in part, and what is not."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.driver.fixpoint import Knobs
from analyzer.driver.pieces import Cut, analyse_pieces
from tests.cli.running import pagelint, report
from tests.rules.annotated import all_cases, built_in_model, built_in_rules

MAILS = sorted((Path(__file__).parents[2] / "fixtures/pieces").glob("*.patch"))
DROPPED_UNLOCK = (Path(__file__).parents[2] / "fixtures/pieces/certain-drops-an-unlock.patch").read_text("utf-8")
KNOBS = Knobs(built_in_model(), built_in_rules(), with_tree=False)
PATH = "fs/demofs/file.c"


def hunk(section: str, lines: str, start: int = 120) -> str:
    """Return a patch of one hunk."""
    body = lines.splitlines(True)
    old = sum(not line.startswith("+") for line in body)
    new = sum(not line.startswith("-") for line in body)
    header = f"@@ -{start},{old} +{start},{new} @@ {section}\n"
    return f"diff --git a/{PATH} b/{PATH}\n--- a/{PATH}\n+++ b/{PATH}\n{header}{lines}"


@pytest.mark.parametrize("mail", MAILS, ids=lambda path: path.stem)
def test_piece_gets_what_it_proves_alone_and_no_more(mail: Path) -> None:
    found = report("patch", mail)["findings"]
    told = "".join(f"{f['line']} {f['rule']} {f['status']}\n" for f in found)

    assert told == mail.with_suffix(".expected").read_text("utf-8")
    assert bool(told) is mail.stem.startswith("certain-")


@pytest.mark.parametrize("mail", [m for m in MAILS if m.stem.startswith("uncertain-")], ids=lambda path: path.stem)
def test_uncertain_piece_stays_so_when_another_line_is_new(mail: Path) -> None:
    section, _, lines = mail.read_text("utf-8").partition(" @@ ")[2].partition("\n")
    turned = lines.replace("\n+", "\n ").replace("\n ", "\n+", 1)

    assert report("patch", stdin=hunk(section, turned))["findings"] == []


def test_piece_is_named_as_not_analysed_in_full() -> None:
    done = report("patch", stdin=DROPPED_UNLOCK)
    clean = pagelint("patch", stdin=hunk("int demofs_write(int a)", " \ta();\n \tlock_page(page);\n+\tb();\n"))

    assert [(s["function"], s["line"]) for s in done["skipped"]] == [("demofs_write", 120)]
    assert "only the piece in the hunk was analysed" in done["skipped"][0]["reason"]
    assert clean.exit_code == 3


def test_piece_that_cannot_be_analysed_is_named_too() -> None:
    lines = " #ifdef CONFIG_DEMOFS\n \tunlock_page(page);\n+\tunlock_page(page);\n #endif\n"
    found = report("patch", stdin=hunk("static int demofs_write(struct page *page)", " \tint a;\n" + lines))

    assert found["findings"] == []
    assert [s["function"] for s in found["skipped"]] == ["demofs_write"]
    assert found["skipped"][0]["reason"].startswith("not whole in the hunk")


def test_finding_in_a_piece_has_the_lines_of_file_and_mail() -> None:
    (found,) = report("patch", stdin=DROPPED_UNLOCK)["findings"]

    assert (found["function"], found["line"], found["column"], found["confidence"]) == (
        "demofs_write",
        124,
        3,
        "medium",
    )
    assert DROPPED_UNLOCK.splitlines()[found["patch"]["line"] - 1] == "-\t\tunlock_page(page);"
    assert [step["line"] for step in found["trace"]] == [122]


def test_column_is_that_of_the_mail_behind_a_brace_that_is_replaced() -> None:
    lines = " \tint a;\n \t\ta();\n+\t} else if (unlock_page(page), unlock_page(page), 1) {\n \t\tb();\n"
    (found,) = report("patch", stdin=hunk("", lines))["findings"]

    assert (found["function"], found["column"]) == ("", 32)


def test_pieces_of_one_file_stay_apart() -> None:
    first = " \ta();\n \tunlock_page(page);\n+\tb();\n"
    second = hunk("int demofs_write(struct page *page)", " \tb();\n+\tunlock_page(page);\n \tc();\n", 124)
    patch = hunk("int demofs_write(struct page *page)", first) + second[second.index("@@") :]

    assert report("patch", stdin=patch)["findings"] == []


OK_LINES = [
    (case.path.name, case.name, case.path.read_bytes().splitlines(keepends=True)[case.first - 1 : case.last])
    for case in all_cases()
    if case.prefix == "ok" and case.rule.startswith(("page-", "trylock-", "callback-", "read-"))
]


@given(st.sampled_from(OK_LINES), st.data())
def test_no_piece_of_a_good_function_is_reported(case: tuple[str, str, list[bytes]], data: st.DataObject) -> None:
    _, name, lines = case
    first = data.draw(st.integers(1, len(lines)))
    last = data.draw(st.integers(first, len(lines)))
    side = [b"\n"] * first + lines[first - 1 : last]
    cut = Cut(first + 1, last + 1, name, headed=first == 1)

    found = analyse_pieces("demo.c", side, [cut], frozenset(range(first + 1, last + 2)), KNOBS)

    assert found.certain == ()


def test_last_line_that_is_not_the_last_and_a_lone_carriage_return_are_lines() -> None:
    lines = " \ta();\n\\ No newline at end of file\n \tb();\rc();\n+\tunlock_page(page);\n+\tunlock_page(page);\n"
    done = pagelint("patch", stdin=hunk("int demofs_write(int a)", lines).encode())

    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.exit_code in (0, 1, 3)


JUNK = ["{", "}", "(", ");", "else", "/*", "*/", '"', "#if A", "do", "return;", "goto out;", "out:", "\\", "\r", ""]


@settings(max_examples=60)
@given(
    st.sampled_from(MAILS),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30), st.sampled_from(JUNK)), max_size=6),
)
def test_damaged_piece_is_analysed_or_named(mail: Path, damage: list[tuple[int, int, str]]) -> None:
    lines = mail.read_text("utf-8").splitlines()
    for row, column, junk in damage:
        row %= len(lines)
        lines[row] = lines[row][:column] + junk + lines[row][column:]
    done = pagelint("patch", stdin="\n".join(lines))

    assert done.exit_code in (0, 1, 3), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
