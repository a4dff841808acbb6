"""Volume benchmark: an mbox of thousands of mails is read, applied and analysed as a stream.

Makes a tree and an mbox of its own: series of one to seven patches, shuffled
among each other, in several shapes (plain, base64, quoted-printable, flowed,
quoted in a reply), every tenth with a fault, talk without a patch in between,
and now and then a mail that is damaged. Runs `pagelint patch --format jsonl`
on it, checks that every patch has its line and every fault its finding, and
prints time and memory.
"""

import argparse
import io
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.bench.harness import (
    BenchError,
    Measurement,
    add_common_options,
    format_table,
    measure,
    pagelint_command,
    unified_diff,
)
from tests.mail_shapes import as_base64, as_flowed, as_mail, as_quoted_printable, as_reply

GOAL = 500 * 2**20
"""Bytes of memory that all processes together may hold."""

SHAPES = (as_mail, as_mail, as_mail, as_base64, as_flowed, as_quoted_printable, as_reply)
FILES = 400
FUNCTION = """\
int demo_read_{name}(struct address_space *mapping, unsigned long index)
{{
	struct folio *folio = filemap_lock_folio(mapping, index);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	if (!folio_test_uptodate(folio)) {{
		folio_unlock(folio);
		folio_put(folio);
		return -EIO;
	}}
	demo_count_{name}(mapping, index);
	folio_unlock(folio);
	folio_put(folio);
	return 0;
}}
"""


@dataclass
class Expected:
    """What the mails hold."""

    mails: int = 0
    patches: int = 0
    faults: int = 0
    damaged: int = 0


class Line(msgspec.Struct):
    """What of a line of the report is counted."""

    counts: dict[str, int]
    skipped: list[object]


def main() -> int:
    """Run the benchmark; the exit status is 1 when something is missing or memory is over the goal."""
    options = _parse_arguments()
    with tempfile.TemporaryDirectory(prefix="pagelint-volume-") as scratch:
        tree, mbox = Path(scratch, "tree"), Path(scratch, "mails.mbox")
        texts = make_tree(tree)
        expected = write_mbox(mbox, texts, options.mails, options.seed)
        command = (*pagelint_command(options.pagelint), "patch", "--tree", str(tree), "--format", "jsonl", str(mbox))
        cost = measure((*command, "--jobs", str(options.jobs)), environment={"XDG_CACHE_HOME": f"{scratch}/cache"})
        size = mbox.stat().st_size
    lines = [msgspec.json.decode(line, type=Line) for line in cost.output.splitlines()]
    print(format_table(("what", "expected", "seen"), comparison(expected, lines, cost)))
    seconds = (
        f"{cost.wall:.1f} s wall, {cost.cpu:.1f} s CPU, {1000 * cost.cpu / max(1, expected.patches):.1f} ms a patch"
    )
    print(f"{size / 2**20:.1f} MiB of mail: {seconds}, peak {cost.peak / 2**20:.0f} MiB")
    missed = any(wanted != seen for _, wanted, seen in comparison(expected, lines, cost))
    return int(missed or cost.peak > GOAL)


def comparison(expected: Expected, lines: list[Line], cost: Measurement) -> list[tuple[str, int, int]]:
    """Return (what, expected, seen)."""
    return [
        ("lines", expected.patches + expected.damaged, len(lines)),
        ("new findings", expected.faults, sum(line.counts.get("new", 0) for line in lines)),
        ("mails named as skipped", expected.damaged, sum(bool(line.skipped) for line in lines)),
        ("exit status", 1 if expected.faults else 0, cost.status),
    ]


def make_tree(root: Path) -> dict[str, str]:
    """Write the files of the tree and return their texts."""
    texts = {}
    for number in range(FILES):
        path = f"fs/demo{number % 20}/file{number}.c"
        texts[path] = "\n".join(FUNCTION.format(name=f"{number}_{part}") for part in range(5))
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(texts[path])
    return texts


def write_mbox(file: Path, texts: dict[str, str], mails: int, seed: int) -> Expected:
    """Write an mbox of about that many mails and return what is in it."""
    dice = random.Random(seed)
    expected = Expected()
    with file.open("wb") as stream:
        while expected.mails < mails:
            batch = [
                mail for number in range(8) for mail in _thread(texts, dice, expected, f"{expected.mails}.{number}")
            ]
            dice.shuffle(batch)
            for mail in batch:
                stream.write(_as_entry(mail))
            expected.mails += len(batch)
    return expected


def _thread(texts: dict[str, str], dice: random.Random, expected: Expected, name: str) -> Iterator[bytes]:
    """Yield the mails of one thread: a series, and now and then somebody who answers, or a mail that arrived broken."""
    total = dice.choice((1, 1, 1, 2, 3, 7))
    paths = dice.sample(sorted(texts), total)
    shape = dice.choice(SHAPES)
    for number, path in enumerate(paths, start=1):
        before = texts[path]
        fault = dice.random() < 0.1
        after = _with_fault(before, dice) if fault else before.replace("-EIO", "-EAGAIN", 1)
        expected.patches += 1
        expected.faults += fault
        subject = f"[PATCH {number}/{total}] demo: thread {name}" if total > 1 else f"[PATCH] demo: thread {name}"
        yield _addressed(shape(unified_diff(path, before, after)), subject, f"{name}.{number}", f"{name}.1")
    if dice.random() < 0.3:
        yield _addressed(as_mail("").replace(b"---\n", b"Looks good to me.\n"), f"Re: {name}", f"{name}.r", f"{name}.1")
    if dice.random() < 0.01:
        expected.damaged += 1
        broken = as_base64(unified_diff(paths[0], texts[paths[0]], texts[paths[0]].replace("-EIO", "0")))
        yield _addressed(broken[: len(broken) // 2] + b"!\xff\xfe!\n", f"[PATCH] damaged {name}", f"{name}.d", "")


def _with_fault(text: str, dice: random.Random) -> str:
    """Return the text without one of the unlocks of its error paths."""
    unlock = "\t\tfolio_unlock(folio);\n"
    at = dice.choice([place for place in range(len(text)) if text.startswith(unlock, place)])
    return text[:at] + text[at + len(unlock) :]


def _addressed(mail: bytes, subject: str, name: str, parent: str) -> bytes:
    """Return a mail with headers of its own."""
    reply = f"In-Reply-To: <{parent}@example.org>\n" if parent and parent != name else ""
    headers = f"Subject: {subject}\nMessage-ID: <{name}@example.org>\n{reply}"
    return mail.replace(b"Subject: [PATCH] x\nMessage-ID: <1@example.org>\n", headers.encode(), 1)


def _as_entry(mail: bytes) -> bytes:
    """Return a mail as mboxrd keeps it."""
    entry = io.BytesIO()
    entry.write(b"From dev@example.org Mon Mar  2 10:00:00 2026\n")
    for line in mail.splitlines(keepends=True):
        entry.write(b">" + line if line.lstrip(b">").startswith(b"From ") else line)
    entry.write(b"\n")
    return entry.getvalue()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common_options(parser)
    parser.add_argument("--mails", type=int, default=10_000, metavar="N", help="mails to make (default: 10000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: cores)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random choices (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as failure:
        sys.exit(f"volume: {failure}")
