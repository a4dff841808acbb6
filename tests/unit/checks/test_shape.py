"""What a branch asks of a call, and which variables carry a value on."""

import pytest

from analyzer.cfg import build_cfg
from analyzer.checks.shape import calls_of, copies_of, derived, reachable, test_of
from analyzer.driver.fileanalysis import idioms_of
from analyzer.ir import Branch, Function, Num, Return
from analyzer.rulespec import ANY, NEGATIVE, POSITIVE, ZERO, load_model
from analyzer.rulespec.protocol import load_protocol
from analyzer.source import SourceText
from analyzer.syntax import outline, parse_function

test_of.__test__ = False  # type: ignore[attr-defined]


def _lower(body: str) -> Function:
    source = SourceText("demo.c", f"static int demo(struct page *page)\n{{\n{body}\n}}\n".encode())
    (parsed,) = parse_function(source, outline(source).functions[0])
    return build_cfg(parsed, "demo.c", idioms_of(load_model()))


@pytest.mark.parametrize(
    ("condition", "mask"),
    [
        ("ask(page)", POSITIVE | NEGATIVE),
        ("!ask(page)", ZERO),
        ("!!ask(page)", POSITIVE | NEGATIVE),
        ("ask(page) == 0", ZERO),
        ("ask(page) != 0", POSITIVE | NEGATIVE),
        ("!(ask(page) == 0)", POSITIVE | NEGATIVE),
        ("ask(page) < 0", NEGATIVE),
        ("!(ask(page) < 0)", ANY & ~NEGATIVE),
        ("unlikely(ask(page))", POSITIVE | NEGATIVE),
    ],
)
def test_condition_holds_for_these_classes_of_the_result(condition: str, mask: int) -> None:
    function = _lower(f"\tif ({condition})\n\t\treturn 1;\n\treturn 0;")
    (number,) = (n for n, b in enumerate(function.blocks) if isinstance(b.terminator, Branch))
    branch, found = function.blocks[number].terminator, test_of(function, number)

    assert isinstance(branch, Branch)
    assert found is not None
    then = function.blocks[branch.true].terminator
    holds = isinstance(then, Return) and then.value == Num(1)
    assert (found.true_mask if holds else ANY & ~found.true_mask) == mask


def test_branch_on_a_variable_is_followed_to_its_call() -> None:
    function = _lower("\tint err = ask(page);\n\tother();\n\tif (err)\n\t\treturn err;\n\treturn 0;")
    branches = [n for n, b in enumerate(function.blocks) if isinstance(b.terminator, Branch)]
    found = test_of(function, branches[0])

    assert found is not None
    assert found.true_mask == POSITIVE | NEGATIVE


def test_branch_on_a_variable_with_two_origins_is_not_followed() -> None:
    function = _lower(
        "\tint err;\n\tif (page)\n\t\terr = ask(page);\n\telse\n\t\terr = other();\n"
        "\tif (err)\n\t\treturn 1;\n\treturn 0;"
    )
    branches = [n for n, b in enumerate(function.blocks) if isinstance(b.terminator, Branch)]

    assert [test_of(function, n) for n in branches] == [None, None]


def test_value_is_derived_through_calls_but_not_through_opaque_ones() -> None:
    function = _lower("\tint owner = private(page);\n\tint locked = PageLocked(page);\n\treturn owner + locked;")

    assert {"owner", "page"} <= derived(function, ("page",), ("PageLocked",))
    assert "locked" not in derived(function, ("page",), ("PageLocked",))


def test_copy_is_the_object_but_a_field_is_not() -> None:
    function = _lower("\tstruct page *same = page;\n\tstruct page *next = page->next;\n\treturn use(same, next);")
    copies = copies_of(function, "page", ())

    assert "same" in copies
    assert "next" not in copies


def test_control_does_not_go_on_from_where_it_is_stopped() -> None:
    function = _lower("\tif (page)\n\t\tfirst();\n\tsecond();\n\treturn 0;")
    block_by_callee = {getattr(call.callee, "name", ""): number for number, call in calls_of(function)}
    stopped = reachable(function, 0, lambda number: number == 0)

    assert stopped >= {0}
    assert block_by_callee["first"] in reachable(function, 0, lambda _: False)
    assert 0 not in reachable(function, block_by_callee["second"], lambda _: False)


def test_words_of_the_questions_are_read() -> None:
    words = load_protocol()

    assert "isolate_page" in words.operations.isolate
    assert words.callback.retry == "EAGAIN"
