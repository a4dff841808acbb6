import pytest

from analyzer.rulespec.pattern import Argument, parse_call_pattern, parse_field_pattern
from analyzer.source import RuleError


@pytest.mark.parametrize(
    ("word", "argument"),
    [
        ("_", Argument("any")),
        ("$p", Argument("subject")),
        ("*$p", Argument("out")),
        ("&$p->lru", Argument("field-of-subject", "lru")),
        ("_->page = $p", Argument("subject-in-field", "page")),
        ("has(FGP_LOCK)", Argument("has", "FGP_LOCK")),
        ("lacks(FGP_LOCK)", Argument("lacks", "FGP_LOCK")),
        ("1", Argument("constant", "1")),
        ("-EIO", Argument("constant", "-EIO")),
        ("...", Argument("rest")),
    ],
)
def test_argument_shapes(word: str, argument: Argument) -> None:
    assert parse_call_pattern(f"f({word})", "here").arguments == (argument,)


def test_result_as_subject() -> None:
    pattern = parse_call_pattern("$p = find_lock_page(_, _)", "here")

    assert pattern.callee == "find_lock_page"
    assert pattern.subject_is_result
    assert pattern.subject_positions == ()


def test_call_through_a_field() -> None:
    assert parse_call_pattern("->read_folio(_, $p)", "here").indirect


def test_no_arguments() -> None:
    assert parse_call_pattern("$p = dev_alloc_page()", "here").arguments == ()


@pytest.mark.parametrize("text", ["lock_page", "f(..., $p)", "f($q)", "f(a + b)", "$p = ", "", "f(has(A|B))"])
def test_bad_pattern_names_its_place(text: str) -> None:
    with pytest.raises(RuleError, match=r"^model\.toml: event\[0\]\.calls: "):
        parse_call_pattern(text, "model.toml: event[0].calls")


def test_field_pattern() -> None:
    assert parse_field_pattern("$p->mapping", "here") == "mapping"
    with pytest.raises(RuleError, match="is not a field pattern"):
        parse_field_pattern("page->mapping", "here")
