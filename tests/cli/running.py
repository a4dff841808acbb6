"""How these tests run pagelint: in this process, with one job, and no cache unless a test asks for it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from analyzer.cli import cli

DEMO = Path(__file__).parents[2] / "fixtures/demo"
TREE = DEMO / "tree"
MAIL = DEMO / "drop-unlock.eml"

BALANCED = """\
int demo_read(struct address_space *mapping, unsigned long index)
{
	struct folio *folio = filemap_lock_folio(mapping, index);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (!folio_test_uptodate(folio)) {
		folio_unlock(folio);
		return -EIO;
	}
	folio_unlock(folio);
	return 0;
}
"""
LEAKING = BALANCED.replace("\t\tfolio_unlock(folio);\n", "")


def pagelint(*arguments: object, stdin: bytes | str = b"", cache: Path | None = None) -> Result:
    """Run a command and return what click saw of it."""
    name, *rest = map(str, arguments)
    common = ["--jobs", "1", *(["--cache-dir", str(cache)] if cache is not None else ["--no-cache"])]
    return CliRunner().invoke(cli, [name, *common, *rest], input=stdin)


def report(*arguments: object, stdin: bytes | str = b"", cache: Path | None = None) -> dict[str, Any]:
    """Run a command and return its JSON."""
    done = pagelint(*arguments, "--format", "json", stdin=stdin, cache=cache)
    assert done.exit_code in (0, 1, 3), done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def process(
    *arguments: object, folder: Path | None = None, stdin: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run pagelint as a process of its own."""
    command = [sys.executable, "-m", "analyzer.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False, env=environment)


def diff(path: str, before: str, after: str) -> str:
    """Return a change of one file as git prints it."""
    import difflib

    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}")
    return f"diff --git a/{path} b/{path}\n" + "".join(lines)


def mail(subject: str, body: str, number: int = 1) -> str:
    """Return a patch mail."""
    return (
        f"From 1234567890123456789012345678901234567890 Mon Sep 17 00:00:00 2001\nFrom: A Dev <dev@example.org>\n"
        f"Subject: {subject}\nDate: Mon, 2 Mar 2026 10:00:0{number} +0100\nMessage-ID: <{number}@example.org>\n\n"
        f"---\n{body}-- \n2.47.0\n\n"
    )


def statuses(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (function, status) of the findings of a report."""
    return [(finding["function"], finding["status"]) for finding in found["findings"]]


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """Write files below a folder and return it."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def one_line(text: str) -> bool:
    """Tell whether there is exactly one line, and no traceback."""
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text
