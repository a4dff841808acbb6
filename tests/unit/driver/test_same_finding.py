"""One fault in one patch is one finding, whatever the patch is applied to and however its mail was damaged.

The base is found in turn by every rung of the ladder, each time in a repository
whose HEAD has moved on where that rung does not need it; the patch comes in
every shape of `tests.mail_shapes`. Rule, status, function, line of the
post-image and confidence have to agree.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import pytest

from analyzer.driver.committing import check_index
from analyzer.driver.options import Options
from analyzer.driver.patching import check_patches
from analyzer.findings import Finding
from tests.cli.running import write_tree
from tests.mail_shapes import SHAPES, as_mail
from tests.repositories import Repository

PATH = "mm/demo.c"
BASE = """\
// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pagemap.h>

/* Nothing is read here that is not up to date already, and nothing is ever written back from here. */
int demo_read(struct address_space *mapping, unsigned long index, struct demo_request *request)
{
	struct folio *folio = filemap_lock_folio(mapping, index);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (!folio_test_uptodate(folio) || demo_is_stale(request, folio_pos(folio), folio_size(folio))) {
		demo_warn(mapping->host, "folio at %lu is not up to date, and will not be\\n", index);
		folio_unlock(folio);
		return -EIO;
	}
	demo_copy(request, folio);
	folio_unlock(folio);
	return 0;
}

int demo_migrate(struct page *page)
{
	if (!trylock_page(page))
		return -EAGAIN;
	demo_move(page);
	unlock_page(page);
	return 0;
}
"""


@dataclass(frozen=True)
class Fault:
    """An edit of BASE that makes one finding."""

    rule: str
    function: str
    old: str
    new: str

    @property
    def text(self) -> str:
        assert BASE.count(self.old) == 1
        return BASE.replace(self.old, self.new)


FAULTS = (
    Fault("page-lock-leak", "demo_read", "\t\tfolio_unlock(folio);\n\t\treturn -EIO;", "\t\treturn -EIO;"),
    Fault("page-unlock-not-held", "demo_read", "\t\treturn -EIO;\n\t}", "\t\tindex = 0;\n\t}"),
    Fault("page-double-lock", "demo_read", "\tdemo_copy(", "\tfolio_lock(folio);\n\tdemo_copy("),
    Fault("trylock-inverted", "demo_migrate", "if (!trylock_page(page))", "if (trylock_page(page))"),
    Fault(
        "trylock-result-ignored",
        "demo_migrate",
        "\tif (!trylock_page(page))\n\t\treturn -EAGAIN;",
        "\ttrylock_page(page);",
    ),
)
Key = tuple[str, str, str, int, str]


def diff_of(fault: Fault, context: int = 100) -> str:
    lines = unified_diff(
        BASE.splitlines(keepends=True),
        fault.text.splitlines(keepends=True),
        f"a/{PATH}",
        f"b/{PATH}",
        n=context,
    )
    return f"diff --git a/{PATH} b/{PATH}\n" + "".join(lines)


def with_blobs(diff: str, repository: Repository) -> str:
    blob = repository.git("rev-parse", f"base:{PATH}").stdout.strip()
    first, rest = diff.split("\n", 1)
    return f"{first}\nindex {blob[:12]}..{'1' * 12} 100644\n{rest}"


@dataclass(frozen=True)
class Trees:
    """What the rungs stand on.

    `moved` has the base under the tag `base`, and a HEAD that the patch does not apply to; the HEAD of `at_base` is the
    base, and its work tree is something else; `folder` knows no git.
    """

    moved: Repository
    at_base: Repository
    folder: Path


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    root = tmp_path_factory.mktemp("trees")
    made = []
    for name in ("moved", "at_base"):
        (root / name).mkdir()
        repository = Repository(root / name)
        repository.stage(BASE)
        repository.commit()
        repository.git("tag", "base")
        made.append(repository)
    moved, at_base = made
    moved.stage("int nothing;\n")
    moved.commit()
    (at_base.folder / PATH).write_text("int nothing;\n")
    return Trees(moved, at_base, write_tree(root / "folder", {PATH: BASE}))


Rung = Callable[[str, Trees], tuple[str, Path | None, str | None]]
"""Takes a diff; returns what to send (with the words that the rung needs), the tree, and --base."""


def _revision(diff: str, trees: Trees) -> tuple[str, Path | None, str | None]:
    return diff, trees.moved.folder, "base"


def _trailer(diff: str, trees: Trees) -> tuple[str, Path | None, str | None]:
    commit = trees.moved.git("rev-parse", "base").stdout.strip()
    return f"{diff}\nbase-commit: {commit}\n", trees.moved.folder, None


def _blobs(diff: str, trees: Trees) -> tuple[str, Path | None, str | None]:
    return with_blobs(diff, trees.moved), trees.moved.folder, None


def _head(diff: str, trees: Trees) -> tuple[str, Path | None, str | None]:
    return diff, trees.at_base.folder, None


def _folder(diff: str, trees: Trees) -> tuple[str, Path | None, str | None]:
    return diff, trees.folder, None


def _no_tree(diff: str, _: Trees) -> tuple[str, Path | None, str | None]:
    return diff, None, None


RUNGS: dict[str, Rung] = {
    "revision": _revision,
    "trailer": _trailer,
    "blobs": _blobs,
    "head": _head,
    "folder": _folder,
    "no tree": _no_tree,
}


def keys(findings: tuple[Finding, ...]) -> list[Key]:
    return [(f.rule, f.status.value, f.function, f.line, f.confidence.value) for f in findings]


def judge(mails: Mapping[str, bytes], tree: Path | None, base: str | None = None) -> dict[str, list[Key]]:
    """Return what is found, by the name of the mail; nothing may have been skipped."""
    streams = ((name, io.BytesIO(mail)) for name, mail in mails.items())
    judged = list(check_patches(streams, tree, Options(jobs=1, base=base)))
    assert [one.result.skipped for one in judged] == [()] * len(mails)
    return {one.patch.source: keys(one.result.findings) for one in judged if one.patch is not None}


@pytest.fixture(scope="module")
def expected(trees: Trees) -> dict[str, list[Key]]:
    """Return what a good mail gives on a folder, by the rule that the fault breaks."""
    return judge({fault.rule: as_mail(diff_of(fault)) for fault in FAULTS}, trees.folder)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_fault_is_found(fault: Fault, expected: dict[str, list[Key]]) -> None:
    assert (fault.rule, "new", fault.function) in [key[:3] for key in expected[fault.rule]]


@pytest.fixture(scope="module", params=RUNGS)
def by_shape(request: pytest.FixtureRequest, trees: Trees) -> dict[str, list[Key]]:
    """Return what every shape gives on one rung, judged in one run, by "shape rule".

    In a repository two faults are enough: a shape decides which base is found, not what is found there.
    """
    mails: dict[str, bytes] = {}
    for fault in FAULTS if request.param in ("folder", "no tree") else FAULTS[:2]:
        text, tree, base = RUNGS[request.param](diff_of(fault), trees)
        mails |= {f"{shape.__name__} {fault.rule}": shape(text) for shape in SHAPES}
    return judge(mails, tree, base)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_rung_and_shape_gives_the_same(
    shape: Callable[[str], bytes], by_shape: dict[str, list[Key]], expected: dict[str, list[Key]]
) -> None:
    found = {key.split()[1]: keys for key, keys in by_shape.items() if key.split()[0] == shape.__name__}
    assert found == {rule: expected[rule] for rule in found} != {}


@pytest.mark.parametrize("context", [3, 1])
@pytest.mark.parametrize("rung", [name for name in RUNGS if name != "no tree"])
def test_little_context_gives_the_same_with_a_tree(
    rung: str, context: int, trees: Trees, expected: dict[str, list[Key]]
) -> None:
    sent = {fault.rule: RUNGS[rung](diff_of(fault, context), trees) for fault in FAULTS}
    tree, base = next((tree, base) for _, tree, base in sent.values())

    assert judge({rule: as_mail(text) for rule, (text, _, _) in sent.items()}, tree, base) == expected


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
def test_the_hook_gives_the_same(fault: Fault, trees: Trees, expected: dict[str, list[Key]]) -> None:
    trees.at_base.stage(fault.text)
    result = check_index(trees.at_base.folder, Options(jobs=1))
    trees.at_base.git("reset", "--quiet")

    assert keys(result.findings) == expected[fault.rule]
