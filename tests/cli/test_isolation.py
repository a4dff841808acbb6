"""What the commands say of patches to the isolation protocol, as they come in mails."""

import json
import os
from pathlib import Path

import pytest

from tests.bench.harness import unified_diff
from tests.bench.isolation_mutants import MUTANTS
from tests.cli.running import pagelint

PATCH = """\
--- a/include/linux/page-flags.h
+++ b/include/linux/page-flags.h
@@ -14,5 +14,7 @@ enum pageflags {
 \tPG_owner_priv_1,
 \t__NR_PAGEFLAGS,
\x20
+\tPG_movable = PG_reclaim,
+\tPG_isolated = PG_owner_priv_1,
 };
\x20
@@ -40,3 +42,19 @@ TESTPAGEFLAG(Locked, locked, PF_ANY)
 TESTPAGEFLAG(LRU, lru, PF_ANY)
\x20
+static inline void __SetPageMovable(struct page *page, void *owner)
+{
+\tpage->mapping = owner;
+\t__set_bit(PG_movable, &page->flags);
+}
+
+static inline int PageMovable(struct page *page)
+{
+\treturn test_bit(PG_movable, &page->flags);
+}
+
+static inline void SetPageIsolated(struct page *page)
+{
+\tset_bit(PG_isolated, &page->flags);
+}
+
 #endif
--- a/mm/compaction.c
+++ b/mm/compaction.c
@@ -114,3 +114,8 @@ static unsigned long isolate_block(struct compact_control *cc)
 \t\tif (!PageLRU(page)) {
+\t\t\tif (PageMovable(page) && !PageIsolated(page)) {
+\t\t\t\tif (isolate_movable_page(page, mode))
+\t\t\t\t\tgoto isolated;
+\t\t\t}
+
 \t\t\tcontinue;
 \t\t}
--- a/mm/migrate.c
+++ b/mm/migrate.c
@@ -70,4 +70,40 @@ int migrate_prepare(void)
 \treturn 0;
 }
\x20
+bool isolate_movable_page(struct page *page, isolate_mode_t mode)
+{
+\tif (!get_page_unless_zero(page))
+\t\treturn false;
+\tif (!PageMovable(page) || !trylock_page(page))
+\t\tgoto out_put;
+\tif (!PageMovable(page) || PageIsolated(page))
+\t\tgoto out_unlock;
"""
REPLY = """\
From: Reader <reader@example.org>
Subject: Re: [PATCH v3 02/16] mm: let others than the LRU have movable pages
Message-ID: <reply@example.org>

On Monday, Author wrote:
> A page that is on no LRU list can be made movable.
>
> Signed-off-by: Author <author@example.org>
> ---
{quoted}
What if the owner frees the page here? I think that

 A (migration)         B (owner)
 isolate(T)
                       lock_page(T)
                       reset_page(T)

leaves it movable.
"""


def test_reply_to_a_posting_is_judged_as_far_as_it_goes() -> None:
    """Without a tree: whole functions are judged, pieces are named, and so is the hunk that the reply breaks off."""
    mail = REPLY.format(quoted="".join(f"> {line}\n" for line in PATCH.splitlines()))
    done = pagelint("patch", "-", "--format", "json", stdin=mail)
    report = json.loads(done.stdout)

    assert done.exit_code == 1
    assert [(f["rule"], f["function"], f["status"]) for f in report["findings"]] == [
        ("nonatomic-flag-on-shared-page", "__SetPageMovable", "new")
    ]
    reasons = {entry["file"]: entry["reason"] for entry in report["skipped"]}
    assert reasons.keys() == {"mm/compaction.c", "mm/migrate.c"}
    assert "the mail cuts the hunk off" in reasons["mm/migrate.c"]
    assert "cuts" not in reasons["mm/compaction.c"]


OLD_FAULTS = {
    "z3fold-2019": {"set-movable-unlocked"},
    "zsmalloc-duty-5": {"isolated-cleared-movable-kept", "driver-writes-isolated"},
    "isolate-skips-recheck": {"isolate-without-recheck"},
}


@pytest.mark.slow
def test_old_faults_put_back_into_a_real_kernel_are_new(tmp_path: Path) -> None:
    """The fixes of real bugs, each taken out by a patch that is made from the tree itself."""
    if not (folder := os.environ.get("PAGELINT_KERNEL_6_12")):
        pytest.skip("PAGELINT_KERNEL_6_12 names no kernel tree")
    for mutant in (m for m in MUTANTS if m.name in OLD_FAULTS):
        text = (Path(folder) / mutant.file).read_text("utf-8", "surrogateescape")
        broken = mutant.apply(text)
        assert broken is not None
        diff = unified_diff(mutant.file, text, broken)
        (tmp_path / mutant.name).write_text(f"Subject: [PATCH] {mutant.name}\n\nWords.\n---\n{diff}")
    done = pagelint("patch", *sorted(tmp_path.iterdir()), "--tree", folder, "--format", "json")
    found: dict[str, set[str]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        found.setdefault(finding["patch"]["subject"].removeprefix("[PATCH] "), set()).add(finding["rule"])
        assert finding["status"] == "new"

    assert found == OLD_FAULTS
