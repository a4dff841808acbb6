"""No rule is half-finished: what every rule, page and fixture folder must have."""

import re
import tomllib
from pathlib import Path

import pytest

from analyzer.rulespec import Rule
from tests.rules.annotated import FIXTURES, NOT_RULES, ROOT, RULES, all_cases, built_in_rules

REQUIRED_HEADINGS = ["What it finds", "Why it matters", "Example", "How to fix", "When it is wrong", "References"]
CURES = ("check-", "use-", "require-", "avoid-", "ensure-", "no-", "missing-check", "always-", "prefer-")
WORDS = {"page", "operation", "state", "expected", "event", "invariant", "lock"}
ABOUT_C = ("event", "exit", "lost", "ignored", "misread", "callback")


def _sections(page: str) -> dict[str, str]:
    """Return the second-level headings of a page and the text below each, in order."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return {name.strip(): text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _rules(*points: str) -> list[Rule]:
    return [rule for rule in built_in_rules() if not points or rule.at in points]


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.id)
def test_rule_has_a_page_with_all_headings_in_order(rule: Rule) -> None:
    sections = _sections(rule.page)

    assert rule.page.startswith(f"# {rule.id}\n")
    assert list(sections) == REQUIRED_HEADINGS
    assert all(sections.values()), [name for name, text in sections.items() if not text]


@pytest.mark.parametrize("rule", _rules(*ABOUT_C), ids=lambda rule: rule.id)
def test_example_shows_the_fault_and_its_cure(rule: Rule) -> None:
    assert _sections(rule.page)["Example"].count("```c") >= 2


@pytest.mark.parametrize("rule", _rules(*ABOUT_C), ids=lambda rule: rule.id)
def test_rule_has_a_bad_case_and_an_ok_case(rule: Rule) -> None:
    prefixes = {case.prefix for case in all_cases() if case.rule == rule.id}

    assert {"bad", "ok"} <= prefixes


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.id)
def test_id_names_the_bad_pattern_in_kebab_case(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", rule.id) or rule.at == "protocol"
    assert not rule.id.startswith(CURES)


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.id)
def test_words_start_in_lower_case_and_have_no_full_stop(rule: Rule) -> None:
    for words in (rule.message, rule.summary):
        assert re.match(r"[a-z{]|->", words), words
        assert not words.endswith((".", "!", "?")), words
        assert "\n" not in words
        assert len(words) <= 110


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule.id)
def test_message_asks_only_for_words_that_exist(rule: Rule) -> None:
    assert set(re.findall(r"\{([^}]*)\}", rule.message)) <= WORDS


def test_every_page_belongs_to_a_rule() -> None:
    pages = {page.stem for page in RULES.glob("*.md")} - {"README"}

    assert pages - {rule.id for rule in built_in_rules()} == set()


def test_every_fixture_folder_belongs_to_a_rule() -> None:
    folders = {folder.name for folder in FIXTURES.iterdir() if folder.is_dir()}

    assert folders - NOT_RULES - {rule.id for rule in built_in_rules()} == set()


def test_names_of_fixture_functions_are_unique_in_a_rule() -> None:
    names = [(case.rule, case.name) for case in all_cases() if case.prefix]

    assert len(names) == len(set(names))


def test_fixture_functions_are_short_and_in_kernel_style() -> None:
    for path in {case.path for case in all_cases()}:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            place = f"{path.parent.name}/{path.name}:{number}"
            assert not line.startswith("    "), f"{place}: spaces for a tab"
            assert line.rstrip() == line, f"{place}: blanks at the end"
    for case in all_cases():
        assert case.last - case.first < 30, f"{case.rule}/{case.name}: one idea, under 30 lines"


def test_packages_in_pyproject_are_the_folders() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {".".join(init.parent.relative_to(ROOT).parts) for init in (ROOT / "analyzer").rglob("__init__.py")}

    assert sorted(listed) == sorted(folders | {"analyzer.rules"})


def test_wheel_takes_every_kind_of_rule_file() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    shipped = {path for pattern in patterns["analyzer.rules"] for path in RULES.glob(pattern)}
    files = {Path(path) for path in RULES.rglob("*") if path.is_file() and path.suffix in (".toml", ".md")}

    assert files <= shipped
