"""Statements whose lowering a graph does not show well: what was not understood, ranges, clean-ups."""

import pytest

from analyzer.cfg import build_cfg
from analyzer.cfg.idioms import Idioms
from analyzer.driver.fileanalysis import idioms_of
from analyzer.ir import Branch, Call, Function, Name, Num, Return, Stop, Switch, Unknown, successors
from analyzer.rulespec import load_model
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function


def lower(text: str, idioms: Idioms | None = None) -> Function:
    """Return the first function of a text in IR."""
    source = SourceText("demo.c", text.encode())
    parsed = parse_function(source, outline(source).functions[0])
    return build_cfg(parsed[0], "demo.c", idioms or idioms_of(load_model()))


def calls(function: Function) -> list[str]:
    """Return the names that a function calls, in block order."""
    return [
        i.callee.name
        for block in function.blocks
        for i in block.instructions
        if isinstance(i, Call) and isinstance(i.callee, Name)
    ]


def unknowns(function: Function) -> int:
    return sum(isinstance(i, Unknown) for block in function.blocks for i in block.instructions)


def test_every_successor_is_a_block() -> None:
    function = lower("int f(int n) { again: if (n) goto again; switch (n) { case 1: break; } return n; }")

    targets = [t for block in function.blocks for t in successors(block.terminator)]
    assert all(0 <= target < len(function.blocks) for target in targets)


def test_goto_without_a_label_is_unknown() -> None:
    function = lower("void f(int n) { one(n); goto nowhere; }")

    assert calls(function) == ["one"]
    assert unknowns(function) or any(isinstance(b.terminator, Stop) for b in function.blocks)
    assert not any(isinstance(b.terminator, Return) for b in function.blocks)


def test_computed_goto_is_unknown() -> None:
    assert unknowns(lower("void f(void *p) { goto *p; }")) == 1


@pytest.mark.xfail(reason="asm goto is taken for a statement without effect, and its labels for unreachable")
def test_assembly_goto_is_unknown() -> None:
    function = lower('int f(int n) { asm goto("jmp %l[other]" : : : : other); return 0; other: return n; }')

    assert unknowns(function) == 1


@pytest.mark.xfail(reason="an error that the parser mended inside an expression is not seen")
def test_broken_statement_is_unknown() -> None:
    function = lower("int f(int n) { one(n); n = = 3 +; two(n); return 0; }")

    assert unknowns(function) == 1
    assert calls(function) == ["one", "two"]


@pytest.mark.xfail(reason="the range is lowered to an or of its ends")
def test_case_range_keeps_both_ends() -> None:
    function = lower("int f(int n) { switch (n) { case 2 ... 5: return 1; } return 0; }")

    switch = next(b.terminator for b in function.blocks if isinstance(b.terminator, Switch))
    assert switch.cases[0][:2] == (Num(2), Num(5))


@pytest.mark.xfail(reason="the initialiser of a pointer to a function is lost")
def test_pointer_to_function_is_initialised() -> None:
    function = lower("int f(int (*call)(int), int n) { int (*mine)(int) = call; return mine(n); }")

    assert any("mine" in str(i) and "Assign" in type(i).__name__ for b in function.blocks for i in b.instructions)


def test_assertion_stops_where_it_fails() -> None:
    function = lower("void f(int n) { BUG_ON(n); one(n); }")

    branch = function.blocks[0].terminator
    assert isinstance(branch, Branch)
    assert isinstance(function.blocks[branch.true].terminator, Stop)


def test_idioms_are_data() -> None:
    text = "void f(int n) { never(n); one(n); }"

    assert calls(lower(text, Idioms())) == ["never", "one"]
    assert calls(lower(text, Idioms(noreturn=frozenset({"never"})))) == ["never"]


def test_nesting_over_the_bound_is_opaque() -> None:
    depth = 120
    function = lower("int f(int n) { return " + "(" * depth + "n" + ")" * depth + "; }")

    assert isinstance(function.blocks[0].terminator, Return)


def test_long_chain_of_else_if() -> None:
    arms = " else ".join(f"if (n == {i}) one({i});" for i in range(400))
    function = lower(f"void f(int n) {{ {arms} }}")

    assert calls(function).count("one") == 400
