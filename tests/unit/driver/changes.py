"""A patch from one text of a file to another, and what it makes new."""

import io
from pathlib import Path

from analyzer.driver.options import Options
from analyzer.driver.patching import check_patches
from analyzer.findings import Confidence, Finding, Status


def new_findings(tmp_path: Path, before: str, after: str, confidence: Confidence = Confidence.MEDIUM) -> list[Finding]:
    """Return what a patch from one text of demo.c to another makes new."""
    (tmp_path / "demo.c").write_text(before)
    old, new = before.splitlines(), after.splitlines()
    lines = ["--- a/demo.c", "+++ b/demo.c", f"@@ -1,{len(old)} +1,{len(new)} @@"]
    lines += [f"-{line}" for line in old] + [f"+{line}" for line in new]
    mail = ("\n".join(lines) + "\n").encode()
    judged = list(check_patches([("mail", io.BytesIO(mail))], tmp_path, Options(jobs=1, min_confidence=confidence)))
    return [f for one in judged for f in one.result.findings if f.status is Status.NEW]
