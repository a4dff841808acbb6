"""The trees and mutants are C that a compiler takes and patches that apply."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analyzer.interleave import Page, standard_invariants
from tests.unit.interleave.oracle import GENERATIONS, MUTANT_PATCHES, MUTANTS, TREES

BASES = [entry["base"] for entry in TREES]
BEFORE = "v3.8"
"""The kernel before the protocol: nothing of it is a thread of a race."""
GCC = ("gcc", "-fsyntax-only", "-std=gnu11", "-nostdinc", "-ffreestanding", "-Wall", "-Wextra", "-Werror")
QUIET = ("-Wno-unused-parameter", "-Wno-unused-function")

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
needs_patch = pytest.mark.skipif(shutil.which("patch") is None, reason="no patch program")


def compile_tree(tree: Path, *options: str, count: int = 4) -> None:
    sources = sorted(tree.glob("mm/*.c"))
    assert len(sources) == count
    for source in sources:
        done = subprocess.run(
            [*GCC, *QUIET, *options, f"-I{tree}/include", source], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), source


def test_every_tree_has_its_expectations() -> None:
    assert sorted([*BASES, BEFORE]) == sorted(path.parent.name for path in GENERATIONS.glob("*/mm"))


def test_every_patch_has_its_expectations() -> None:
    assert sorted(entry["patch"] for entry in MUTANT_PATCHES) == sorted(path.name for path in MUTANTS.glob("*.patch"))


def test_expectations_name_known_invariants() -> None:
    known = {invariant.id for invariant in standard_invariants(Page(lock="L", flags=()))}

    for entry in (*TREES, *MUTANT_PATCHES):
        assert known >= {*entry["breaks"], *entry["follows"]}


@needs_gcc
@pytest.mark.parametrize("base", BASES)
def test_tree_is_valid_c(base: str) -> None:
    compile_tree(GENERATIONS / base)
    compile_tree(GENERATIONS / base, "-DCONFIG_BALLOON_MIGRATION")


@needs_gcc
def test_kernel_before_the_protocol_is_valid_c() -> None:
    compile_tree(GENERATIONS / BEFORE, count=2)


@needs_gcc
@needs_patch
@pytest.mark.parametrize("mutant", MUTANT_PATCHES, ids=[entry["id"] for entry in MUTANT_PATCHES])
def test_mutant_applies_and_is_valid_c(mutant: dict[str, Any], tmp_path: Path) -> None:
    tree = tmp_path / mutant["base"]
    shutil.copytree(GENERATIONS / mutant["base"], tree)

    patch = (MUTANTS / mutant["patch"]).read_text(encoding="utf-8")
    done = subprocess.run(
        ["patch", "-p1", "--fuzz=0"], input=patch, cwd=tree, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert not list(tree.rglob("*.orig"))
    compile_tree(tree)
