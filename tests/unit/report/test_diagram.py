import pytest

from analyzer.findings import Step
from analyzer.report import draw_columns
from analyzer.report.diagram import wrap_words
from tests.unit.report.samples import RACE


def step(context: str, message: str, function: str = "f", file: str = "mm/a.c", line: int = 1) -> Step:
    return Step(file=file, line=line, function=function, message=message, context=context)


def test_two_contexts_stand_side_by_side() -> None:
    lines = draw_columns(
        (step("A", "lock_page(page)"), step("B", "free(page)", "g", line=2), step("A", "unlock_page(page)", line=3)),
        width=60,
    )

    assert lines == (
        "A                              B",
        "-                              -",
        "f()",
        "  lock_page(page)",
        "  mm/a.c:1",
        "                               g()",
        "                                 free(page)",
        "                                 mm/a.c:2",
        "  unlock_page(page)",
        "  mm/a.c:3",
    )


def test_three_contexts_fit_a_mail() -> None:
    lines = draw_columns(RACE.trace)

    assert max(map(len, lines)) <= 75
    assert lines[0].split("  ")[0] == "A (isolator)"
    assert "drivers/block/demo/" in "\n".join(lines)


def test_many_contexts_keep_a_readable_width() -> None:
    lines = draw_columns([step(f"context {n}", "x") for n in range(6)])

    assert "context 5" in lines[0]


def test_no_steps_draw_nothing() -> None:
    assert draw_columns(()) == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("drivers/block/zram/x.c", ["drivers/", "block/", "zram/x.c"]),
        ("abcdefghijkl", ["abcdefgh", "ijkl"]),
        ("a very_long_name", ["a", "very_", "long_", "name"]),
        ("", []),
    ],
)
def test_words_wrap_where_a_reader_expects(text: str, lines: list[str]) -> None:
    assert wrap_words(text, 8) == lines
