"""The expectations that stand with the fixture trees and mutants of the protocol's generations."""

import tomllib
from pathlib import Path
from typing import Any

GENERATIONS = Path(__file__).parents[3] / "fixtures" / "generations"
MUTANTS = GENERATIONS / "mutants"

_ENTRIES: dict[str, list[dict[str, Any]]] = tomllib.loads((MUTANTS / "mutants.toml").read_text(encoding="utf-8"))

TREES = _ENTRIES["tree"]
"""One entry for each tree, under `base`."""

MUTANT_PATCHES = _ENTRIES["mutant"]
"""One entry for each mutant, under `id`."""
