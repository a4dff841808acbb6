"""What only the comparison of two versions can tell: the same lines, and a page that is in another state there."""

import io
from pathlib import Path

import pytest

from analyzer.driver.options import Options
from analyzer.driver.patching import check_patches
from analyzer.findings import Finding, Status

WRITE_BACK = """\
void demo_write_back(struct demo *demo)
{
	struct folio *folio;
	int i;

	for (i = 0; i < demo->count; i++) {
		folio = demo->folios[i];
		folio_lock(folio);
		folio_wait_writeback(folio);
		demo_write(demo, folio);
		folio_unlock(folio);
	}
}
"""
RELEASE = """\
int demo_release(struct demo *demo, struct inode *inode)
{
	struct folio *folio = demo->folio;
	int err = 0;

	folio_lock(folio);
	if (--demo->count) {
		folio_unlock(folio);
		return 0;
	}
	demo_forget(demo);
	err = demo_store(inode);
	folio_unlock(folio);
	return err;
}
"""
WAIT = """\
int demo_wait(struct demo *demo)
{
	struct folio *folio;
	int err = -EIO;

	if (demo->dead) {
		err = -EFAULT;
		goto out;
	}
	folio = demo->folio;
	err = demo_start(demo, folio);
	if (err == -EAGAIN || err == -E2BIG)
		folio_get(folio);
out:
	switch (err) {
	case -EAGAIN:
		folio_wait_writeback(folio);
		folio_put(folio);
		return 0;
	case -E2BIG:
		folio_lock(folio);
		folio_unlock(folio);
		folio_put(folio);
		return 1;
	}
	return err;
}
"""
RETRY = """\
vm_fault_t demo_retry(struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);
	vm_fault_t ret;

	if (!folio_try_get(folio))
		return 0;
	ret = folio_lock_or_retry(folio, vmf);
	if (ret) {
		folio_put(folio);
		return ret;
	}
	demo_restore(vmf);
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}
"""


def new_findings(tmp_path: Path, before: str, after: str) -> list[Finding]:
    """Return what a patch from one text of demo.c to another makes new."""
    (tmp_path / "demo.c").write_text(before)
    old, new = before.splitlines(), after.splitlines()
    lines = ["--- a/demo.c", "+++ b/demo.c", f"@@ -1,{len(old)} +1,{len(new)} @@"]
    lines += [f"-{line}" for line in old] + [f"+{line}" for line in new]
    mail = ("\n".join(lines) + "\n").encode()
    judged = list(check_patches([("mail", io.BytesIO(mail))], tmp_path, Options(jobs=1)))
    return [f for one in judged for f in one.result.findings if f.status is Status.NEW]


def test_unlock_lost_its_lock(tmp_path: Path) -> None:
    found = new_findings(tmp_path, WRITE_BACK, WRITE_BACK.replace("\t\tfolio_lock(folio);\n", ""))

    assert [(f.rule, f.function, f.line) for f in found] == [("page-unlock-not-held", "demo_write_back", 10)]
    assert found[0].message.endswith("and the lock that this unlock belonged to is gone")


def test_exit_keeps_what_it_gave_back(tmp_path: Path) -> None:
    found = new_findings(tmp_path, RELEASE, RELEASE.replace("\t\tfolio_unlock(folio);\n\t\treturn 0;", "\t\treturn 0;"))

    assert [(f.rule, f.function, f.line) for f in found] == [("page-lock-leak", "demo_release", 8)]


def test_wait_lost_its_reference(tmp_path: Path) -> None:
    after = WAIT.replace("err == -EAGAIN || ", "").replace("\t\tfolio_put(folio);\n\t\treturn 0;", "\t\treturn 0;")
    found = new_findings(tmp_path, WAIT, after)

    assert [(f.rule, f.function, f.line) for f in found] == [("unlock-after-last-put", "demo_wait", 17)]
    assert found[0].message == "folio is waited for here, and the reference that was taken for that is gone"


def test_retry_lost_its_reference(tmp_path: Path) -> None:
    after = RETRY.replace("\tif (!folio_try_get(folio))\n\t\treturn 0;\n", "")
    after = after.replace(" {\n\t\tfolio_put(folio);\n\t\treturn ret;\n\t}", "\n\t\treturn ret;")
    found = new_findings(tmp_path, RETRY, after.replace("\tfolio_put(folio);\n", ""))

    assert [(f.rule, f.line) for f in found] == [("unlock-after-last-put", 6)]


@pytest.mark.parametrize("text", [WRITE_BACK, RELEASE, WAIT, RETRY])
@pytest.mark.parametrize(
    ("old", "new"),
    [("folio", "batch_folio"), ("\tint ", "\t/* a word more */\n\tint "), ("demo_forget(demo)", "demo_drop(demo)")],
)
def test_other_changes_bring_nothing(tmp_path: Path, text: str, old: str, new: str) -> None:
    assert new_findings(tmp_path, text, text.replace(old, new)) == []


def test_lock_that_moves_to_the_caller_is_a_new_agreement(tmp_path: Path) -> None:
    caller = "void demo_all(struct demo *demo)\n{\n\tdemo_begin(demo);\n\tdemo_write_back(demo);\n}\n"
    before = f"{WRITE_BACK}\n{caller}"
    after = before.replace("\t\tfolio_lock(folio);\n", "").replace("demo_begin(demo);", "demo_lock_all(demo);")

    assert new_findings(tmp_path, before, after) == []


def test_what_was_never_known_is_not_new(tmp_path: Path) -> None:
    unlocking = WRITE_BACK.replace("\t\tfolio_lock(folio);\n", "")

    assert new_findings(tmp_path, unlocking, unlocking.replace("\t\tdemo_write(demo, folio);\n", "")) == []
