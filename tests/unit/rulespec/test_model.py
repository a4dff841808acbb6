"""What a model or rule file may say; every complaint names file and key."""

import re
import tomllib
from pathlib import Path

import pytest

from analyzer.rulespec import NEGATIVE, POSITIVE, ZERO, Model, load_model, load_rules
from analyzer.rulespec.model import parse_result_condition, read_model
from analyzer.rulespec.rules import read_rule
from analyzer.source import RuleError

FACET = '[[facet]]\nname = "mutex"\nvalues = ["unlocked", "locked"]\nheld = "locked"\n'
EVENT = FACET + '[[event]]\nname = "lock"\nfacet = "mutex"\n'
RULE = 'id = "a-b"\nsummary = "s"\nseverity = "error"\nconfidence = "low"\nat = "event"\nmessage = "m"\n'


def _read(text: str) -> Model:
    return read_model(tomllib.loads(text), "m.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[facett]]\nname = "x"', "m.toml: facett: unknown key"),
        ('[facet]\nname = "x"', "m.toml: facet: must be written [[facet]]"),
        ('[[facet]]\nname = "x"', "m.toml: facet[0].values: is missing"),
        ('[[facet]]\nname = "x"\nvalues = ["a"]\nheld = "b"', "m.toml: facet[0].held: 'b' is not one of"),
        ('[[event]]\nname = "e"\nfacet = "nothing"', "m.toml: event[0].facet: no facet is called 'nothing'"),
        (EVENT + 'to = "open"', "m.toml: event[0].to: 'open' is not one of"),
        (EVENT + 'when = "maybe"', "m.toml: event[0].when: 'maybe' is not a condition on a result"),
        (EVENT + 'calls = ["lock(_)"]', "m.toml: event[0].calls: lock: no argument is $p"),
        (EVENT + "calls = 3", "m.toml: event[0].calls: must be a list of strings"),
        (EVENT + 'if = ["knows f"]', "m.toml: event[0].if: 'knows f' is not a condition such as"),
        ('[[result]]\ncalls = ["f"]\nkind = "zero"', "m.toml: result[0].kind: 'zero' is not one of"),
        ('[constants]\nA = "b"', "m.toml: constants.A: must be an integer"),
    ],
)
def test_bad_model_is_named_with_file_and_key(text: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        _read(text)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("at", "sometimes"), "r.toml: at: 'sometimes' is not one of"),
        (("severity", "fatal"), "r.toml: 'fatal' is not a valid Severity"),
        (("facet", "nothing"), "r.toml: facet: no facet is called 'nothing'"),
        (("when", "nothing == locked"), "r.toml: when: "),
        (("colour", "red"), "r.toml: colour: unknown key"),
        (("message", 3), "r.toml: message: must be a string"),
        (("despite-receivers", "yes"), "r.toml: despite-receivers: must be true or false"),
    ],
)
def test_bad_rule_is_named_with_file_and_key(change: tuple[str, object], words: str) -> None:
    document = tomllib.loads(RULE) | {change[0]: change[1]}
    with pytest.raises(RuleError) as caught:
        read_rule(document, "", "r.toml", frozenset({"lock"}))
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("result != 0", POSITIVE | NEGATIVE),
        ("result == 0", ZERO),
        ("result non-null", POSITIVE),
        ("result err", NEGATIVE),
    ],
)
def test_result_conditions(text: str, mask: int) -> None:
    condition = parse_result_condition(text)

    assert condition is not None and condition.mask == mask


def test_bit_of_a_result() -> None:
    condition = parse_result_condition("result not & VM_FAULT_RETRY")

    assert condition is not None
    assert (condition.bit, condition.bit_set) == ("VM_FAULT_RETRY", False)


def test_events_of_a_tree_are_chosen_by_its_facts() -> None:
    model = _read(EVENT + 'calls = ["f($p)"]\nif = ["defines g"]\nwithout-tree = false')

    assert len(model.select(lambda condition: condition == "defines g").events) == 1
    assert model.select(lambda _: False).events == ()
    assert model.select(None).events == ()


def test_files_of_the_user_add_to_the_built_in_model(tmp_path: Path) -> None:
    (tmp_path / "mutex.toml").write_text(FACET)

    names = {facet.name for facet in load_model((tmp_path / "mutex.toml",)).facets}
    assert {"lock", "mutex"} <= names


@pytest.mark.parametrize(
    ("data", "words"), [(b"\xff", "not UTF-8 text"), (b"[[", "not valid TOML"), (None, "No such file or directory")]
)
def test_unreadable_model_is_one_line(tmp_path: Path, data: bytes | None, words: str) -> None:
    path = tmp_path / "m.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(RuleError, match=words) as caught:
        load_model((path,))
    assert "\n" not in str(caught.value)


def test_rule_of_the_user_replaces_one_of_the_same_id(tmp_path: Path) -> None:
    text = RULE.replace("a-b", "page-lock-leak")
    (tmp_path / "page-lock-leak.toml").write_text(text)

    rules = {rule.id: rule for rule in load_rules(load_model(), (tmp_path,))}
    assert rules["page-lock-leak"].summary == "s"


def test_rule_in_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(RULE)
    with pytest.raises(RuleError, match="does not match the file's name"):
        load_rules(load_model(), (tmp_path,))


def test_false_friends_are_no_events() -> None:
    model = load_model()
    called = {pattern.callee for event in model.events for pattern in event.calls}

    assert "lock_page_memcg" in model.false_friends
    assert called & model.false_friends == set()


def test_success_is_what_the_prototype_returns() -> None:
    model = _read(EVENT + 'calls = ["f($p)", "g($p)"]\nwhen = "succeeds"')
    facts = {"returns f bool", "returns g int"}
    chosen = {e.calls[0].callee: e.when.mask for e in model.select(facts.__contains__).events}

    assert chosen == {"f": POSITIVE | NEGATIVE, "g": ZERO}
    assert model.select(None).events == ()


@pytest.mark.parametrize("line", ["without-tree = true", 'calls = ["$p = f()"]'])
def test_success_is_asked_of_results_that_are_no_pages(line: str) -> None:
    calls = "" if line.startswith("calls") else 'calls = ["f($p)"]\n'
    with pytest.raises(RuleError, match="succeeds"):
        _read(f'{EVENT}{calls}{line}\nwhen = "succeeds"')


def test_rule_may_ask_at_several_points(tmp_path: Path) -> None:
    (tmp_path / "a-b.toml").write_text(re.sub(r"^at = .*$", 'at = ["exit", "lost"]', RULE, flags=re.MULTILINE))
    (rule,) = (rule for rule in load_rules(load_model(), (tmp_path,)) if rule.id == "a-b")

    assert (rule.points, rule.at) == (("exit", "lost"), "exit")


@pytest.mark.parametrize("at", ["[]", "3", '["exit", "nowhere"]'])
def test_points_of_a_rule_are_checked(tmp_path: Path, at: str) -> None:
    (tmp_path / "a-b.toml").write_text(re.sub(r"^at = .*$", f"at = {at}", RULE, flags=re.MULTILINE))
    with pytest.raises(RuleError, match="at: "):
        load_rules(load_model(), (tmp_path,))
