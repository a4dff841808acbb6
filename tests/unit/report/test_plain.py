import pytest

from analyzer.report.plain import caret_line, character_column, encodable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("folio is locked", "folio is locked"),
        ("größe — ok", "größe — ok"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eevil", "\\u202eevil"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_unprintable_characters_become_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_kept_characters_stay() -> None:
    assert visible("\ta\x07", keep="\t") == "\ta\\x07"


def test_encodable_touches_surrogates_only() -> None:
    assert encodable("a\x1b\udcff\u202e") == "a\x1b\\xff\u202e"


@pytest.mark.parametrize(
    ("line", "column", "caret"),
    [
        ("\t\treturn 0;", 3, "\t\t^"),
        ("  x", 3, "  ^"),
        ("/* ü */ x", 10, "        ^"),
        ("/* 漢 */ x", 11, "         ^"),
        ("\x07 x", 3, "     ^"),
        ("e\u0301 x", 5, "  ^"),
        ("\N{REPLACEMENT CHARACTER} x", 3, "  ^"),
        ("ab", 99, "  ^"),
        ("ab", 0, "^"),
    ],
)
def test_caret_stands_under_its_byte_column(line: str, column: int, caret: str) -> None:
    assert caret_line(line, column) == caret


def test_character_column_counts_characters_not_bytes() -> None:
    assert character_column("üx", 3) == 2
    assert character_column("üx", 1) == 1
    assert character_column("", 7) == 1
