"""What a call that may reach any function of a table does."""

from analyzer.dataflow import Case, Change, Effect, Summary, join_bound
from analyzer.rulespec import ANY

PAGE_OF_BUFFER = (1, "page")


def function(name: str, *effects: Effect) -> Summary:
    return Summary(name, f"{name}.c", (Case((), ANY, effects),), view="lock")


def given_up(name: str) -> Summary:
    return function(name, Effect(PAGE_OF_BUFFER, (Change(0, "", "", None, False),), escaped=True))


def unlocking(name: str) -> Summary:
    return function(name, Effect(PAGE_OF_BUFFER, (Change(0, "unlock", "locked", "unlocked", False),)))


def test_functions_that_only_pass_a_page_on_tell_nothing() -> None:
    assert join_bound("finish", [given_up("one"), given_up("two")]) is None


def test_page_that_one_function_unlocks_is_unknown_after_the_call() -> None:
    joined = join_bound("finish", [given_up("one"), unlocking("two")])
    assert joined is not None
    effects = [effect for case in joined.cases for effect in case.effects]
    assert {effect.path for effect in effects} == {PAGE_OF_BUFFER}
    assert all(change.to is None and not change.requires for effect in effects for change in effect.changes)


def test_what_all_functions_do_is_what_the_call_does() -> None:
    joined = join_bound("finish", [unlocking("one"), unlocking("two")])
    assert joined is not None
    assert {c.to for case in joined.cases for e in case.effects for c in e.changes} == {"unlocked"}
