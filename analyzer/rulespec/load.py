"""Reads the model and the rules that ship with pagelint, and those that the user adds."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from analyzer.rulespec.model import Model, read_model
from analyzer.rulespec.rules import Rule, read_rule
from analyzer.source import RuleError

BUILT_IN = "analyzer.rules"


def load_model(extra: tuple[Path, ...] = ()) -> Model:
    """Return the built-in model with the user's files added in order; raise RuleError naming file and key."""
    model = Model()
    folder = files(BUILT_IN) / "model"
    texts = [(f"rules/model/{p.name}", p.read_text("utf-8")) for p in _sorted(folder) if p.name.endswith(".toml")]
    texts += [(str(path), _read(path)) for path in extra]
    documents = [(name, _parse(text, name)) for name, text in texts]
    for name, document in documents:  # facets first: an event may name a facet of another file
        model = read_model({k: v for k, v in document.items() if k == "facet"}, name, model)
    for name, document in documents:
        model = read_model(document, name, model)
    untyped = any("facet" in document and "types" not in document for _, document in documents)
    return msgspec.structs.replace(model, untyped=untyped)


def load_rules(model: Model, extra: tuple[Path, ...] = ()) -> tuple[Rule, ...]:
    """Return all rules sorted by id; a user's rule replaces a built-in one of the same id."""
    facets = frozenset(f.name for f in model.facets)
    folders: list[Traversable | Path] = [files(BUILT_IN), *extra]
    rules: dict[str, Rule] = {}
    for folder in folders:
        found = 0
        for entry in _sorted(folder):
            if not entry.name.endswith(".toml"):
                continue
            document = _parse(entry.read_text("utf-8"), entry.name)
            if "id" not in document:  # the folder also holds lists that other parts read
                continue
            page = folder / f"{document['id']}.md"
            rule = read_rule(document, page.read_text("utf-8") if page.is_file() else "", entry.name, facets)
            if entry.name != f"{rule.id}.toml":
                raise RuleError(f"{entry.name}: id: {rule.id!r} does not match the file's name")
            rules[rule.id] = rule
            found += 1
        if not found:
            raise RuleError(f"{folder}: no rule files (*.toml with an id) in this folder")
    return tuple(rules[name] for name in sorted(rules))


def _sorted(folder: Traversable | Path) -> list[Traversable]:
    try:
        return sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise RuleError(f"{folder}: {error.strerror or error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error


def _parse(text: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: not valid TOML: {error}") from error
