"""The worked example of rules/README.md works: a mutex, described in data alone."""

import re
from pathlib import Path

from analyzer.driver.executor import Workers
from analyzer.driver.fixpoint import Knobs, update
from analyzer.driver.snapshot import Snapshot, findings_of
from analyzer.rulespec import load_model, load_rules
from analyzer.rulespec.model import _EVENT_KEYS, _TOP_KEYS
from analyzer.rulespec.rules import _KEYS, FLAGS, POINTS
from analyzer.source import EmptyTree, OverlayTree

README = Path(__file__).parents[3] / "rules" / "README.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_mutex_example_finds_its_leak(tmp_path: Path) -> None:
    model_text = next(b for b in _blocks("toml") if b.startswith("[[facet]]"))
    rule_text = next(b for b in _blocks("toml") if 'id = "mutex-leak"' in b)
    (tmp_path / "mutex.toml").write_text(model_text)
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "mutex-leak.toml").write_text(rule_text)
    (folder / "mutex-leak.md").write_text("# mutex-leak\n")
    code = _blocks("c")[-1]

    model = load_model((tmp_path / "mutex.toml",))
    rules = load_rules(model, (folder,))
    tree = OverlayTree(EmptyTree(), {"demo.c": code.encode()})
    knobs = Knobs(model, rules, with_tree=False)
    snapshot = update(Snapshot(), tree, knobs, Workers([], 1), tree.files(), [])
    found = findings_of(snapshot, "demo.c")

    leak = code.splitlines().index(next(line for line in code.splitlines() if "-EIO" in line)) + 1
    assert [(f.rule, f.line) for f in found] == [("mutex-leak", leak)]


def test_every_key_is_described() -> None:
    text = README.read_text("utf-8")
    words = set(re.findall(r"[\w-]+", text))

    assert (_EVENT_KEYS | _KEYS) - words == set()
    assert _TOP_KEYS - words == set()
    assert set(POINTS) - words == set()


def test_every_flag_that_rules_use_is_described() -> None:
    text = README.read_text("utf-8")
    words = set(re.findall(r"`([\w-]+)`", text))
    used = {flag for rule in load_rules(load_model()) for flag in FLAGS if flag in re.findall(r"[\w-]+", rule.when)}

    assert used - words - {"operation"} == set()
