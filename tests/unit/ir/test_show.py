import pytest

from analyzer.ir import (
    Addr,
    Binary,
    Deref,
    Expr,
    Field,
    Index,
    Jump,
    Name,
    Num,
    Return,
    Stop,
    Switch,
    Unary,
    show,
    successors,
)
from analyzer.ir import BlockId as B

PAGE = Name("page")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (PAGE, "page"),
        (Num(-1), "-1"),
        (Field(Deref(PAGE), "mapping"), "page->mapping"),
        (Field(Field(Deref(PAGE), "a"), "b"), "page->a.b"),
        (Field(Name("local"), "a"), "local.a"),
        (Deref(PAGE), "*page"),
        (Addr(Field(Deref(PAGE), "lru")), "&page->lru"),
        (Index(Name("pages"), Num(0)), "pages[0]"),
        (Binary("+", Name("a"), Binary("*", Name("b"), Num(2))), "a + (b * 2)"),
        (Unary("!", Binary("&", Name("a"), Name("B"))), "!(a & B)"),
    ],
)
def test_expressions_read_like_c(expression: Expr, text: str) -> None:
    assert show(expression) == text


def test_successors_of_a_switch_are_its_cases_and_the_default() -> None:
    switch = Switch(PAGE, ((Num(1), None, B(2)), (Num(2), Num(5), B(3))), B(4), 0)

    assert set(successors(switch)) == {2, 3, 4}


def test_nothing_follows_a_return_or_a_stop() -> None:
    assert successors(Return(None, 0)) == ()
    assert successors(Stop(0)) == ()
    assert successors(Jump(B(7))) == (7,)
