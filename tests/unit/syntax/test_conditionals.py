"""Variants of a text are consistent choices of `#if` arms."""

import pytest

from analyzer.source import SyntaxFailure
from analyzer.syntax.conditionals import MAX_VARIANTS, resolve


def variants(text: str) -> list[tuple[list[str], str]]:
    resolved = resolve(text.encode(), "a.c: f")
    for chosen, _ in resolved:
        assert len(chosen) == len(text)
        assert [i for i, c in enumerate(chosen) if c == 10] == [i for i, c in enumerate(text) if c == "\n"]
    return [(chosen.decode().split(), name) for chosen, name in resolved]


def test_no_conditional_is_one_variant_without_a_name() -> None:
    assert variants("a\n#define X 1\nb\n") == [(["a", "b"], "")]


def test_ifdef_and_else_are_two_variants() -> None:
    assert variants("#ifdef X\na\n#else\nb\n#endif\nc\n") == [(["a", "c"], "X"), (["b", "c"], "!X")]


def test_one_symbol_is_consistent_in_all_spellings() -> None:
    text = "#ifdef X\na\n#endif\n#ifndef X\nb\n#endif\n#if defined(X)\nc\n#endif\n#if IS_ENABLED(X)\nd\n#endif\n"

    assert variants(text) == [(["a", "c", "d"], "X"), (["b"], "!X")]


def test_constant_conditions_make_no_variant() -> None:
    assert variants("#if 0\na\n#else\nb\n#endif\n#if 1\nc\n#endif\n") == [(["b", "c"], "constant")]


def test_every_elif_arm_is_seen() -> None:
    seen = variants("#if A\na\n#elif B\nb\n#elif C\nc\n#else\nd\n#endif\n")

    assert {word for words, _ in seen for word in words} == {"a", "b", "c", "d"}
    assert len(seen) == MAX_VARIANTS


def test_nested_arm_that_needs_a_mix_is_seen() -> None:
    seen = variants("#ifdef A\n#ifndef B\na\n#endif\n#endif\n")

    assert ["a"] in [words for words, _ in seen]


def test_operators_are_evaluated() -> None:
    text = "#if defined(A) && !defined(B)\na\n#elif (defined(A) || C) && B\nb\n#else\nc\n#endif\n"

    assert variants(text)[0] == (["b"], "A, B, C") or variants(text)[0][0] == ["b"]


def test_number_of_variants_is_bounded() -> None:
    text = "".join(f"#if A{i}\na{i}\n#elif B{i}\nb{i}\n#elif C{i}\nc{i}\n#endif\n" for i in range(10))

    assert len(variants(text)) <= MAX_VARIANTS


def test_else_without_if_stands_for_an_earlier_arm() -> None:
    assert [words for words, _ in variants("a\n#else\nb\n#endif\nc\n")] == [["a", "c"], ["b", "c"]]


def test_endif_without_if_is_dropped() -> None:
    assert variants("a\n#endif\nb\n") == [(["a", "b"], "")]


def test_continued_directive_is_blanked_whole() -> None:
    assert variants("a\n#define x(y) \\\n\ty + \\\n\t1\nb\n") == [(["a", "b"], "")]


def test_deeply_nested_conditionals_are_refused() -> None:
    with pytest.raises(SyntaxFailure, match=r"a\.c: f: conditionals are nested too deeply"):
        variants("#if A\n" * 5_000)


def test_deeply_nested_condition_is_one_symbol() -> None:
    assert len(variants("#if " + "!(" * 5_000 + "A" + ")" * 5_000 + "\na\n#endif\n")) == 2
