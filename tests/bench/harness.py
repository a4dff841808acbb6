"""What the benchmarks share: running pagelint, reading its JSON, diffs and tables.

pagelint is only ever a command (`--pagelint CMD`) with the documented options
and output, never an import: a benchmark must not depend on how it is built.
"""

import argparse
import difflib
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.bench.c_text import CFunction, functions_of

DEFAULT_FOLDERS = ("mm", "fs", "drivers", "block", "kernel", "lib", "net", "virt", "arch")

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")

_COMPLETED = (0, 1, 3)  # clean, findings, input that could not be analysed in full


class BenchError(Exception):
    """The tool under test did not do what its documentation says."""


class Step(msgspec.Struct, frozen=True):
    """One step of a finding's trace."""

    file: str
    line: int
    message: str
    function: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """The fields of a reported finding that the benchmarks look at."""

    rule: str
    file: str
    line: int
    message: str
    function: str | None = None
    confidence: str | None = None
    status: str | None = None
    trace: tuple[Step, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """One JSON report."""

    findings: tuple[Finding, ...]
    skipped: tuple[object, ...] = ()

    @property
    def new(self) -> tuple[Finding, ...]:
        """Return the findings that the patch brought in."""
        return tuple(finding for finding in self.findings if finding.status == "new")


@dataclass(frozen=True)
class Measurement:
    """Cost of one process with all its children: seconds, CPU seconds, peak resident bytes.

    The peak is a sum of RSS over the session, so pages shared by forked workers
    count once per process (over-approximation), and it is sampled, so a spike
    shorter than the interval is missed.
    """

    wall: float
    cpu: float
    peak: int
    status: int
    output: bytes = field(repr=False)


@dataclass(frozen=True)
class Pagelint:
    """The tool under test: its command, an optional tree and where its cache lives."""

    command: tuple[str, ...]
    tree: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()

    def patch_command(self) -> tuple[str, ...]:
        """Return the command line that judges a patch on stdin."""
        return (*self.command, "patch", *self._tree_options(), "--format", "json")

    def scan_command(self, paths: Sequence[Path] = (), *options: str) -> tuple[str, ...]:
        """Return the command line that scans `paths`."""
        return (*self.command, "scan", *map(str, paths), *self._tree_options(), "--format", "json", *options)

    def patch(self, diff: str, folder: Path | None = None) -> Report:
        """Return the report on a patch; `folder` is the working directory.

        Raises BenchError when the command fails or prints something else.
        """
        return self._run(self.patch_command(), diff, folder)

    def scan(self, paths: Sequence[Path], *options: str) -> Report:
        """Return the report on files or folders of the tree. Raises BenchError as `patch` does."""
        return self._run(self.scan_command(paths, *options), "", None)

    def _tree_options(self) -> tuple[str, ...]:
        return ("--tree", str(self.tree)) if self.tree else ()

    def _run(self, command: Sequence[str], stdin: str, folder: Path | None) -> Report:
        try:
            done = subprocess.run(
                command,
                input=stdin.encode("utf-8", "surrogateescape"),
                capture_output=True,
                env=os.environ | dict(self.environment),
                cwd=folder,
                check=False,
            )
        except OSError as error:
            raise BenchError(f"{command[0]}: {error.strerror}") from error
        return decode_report(done.returncode, done.stdout, done.stderr)


def decode_report(status: int, stdout: bytes, stderr: bytes = b"") -> Report:
    """Return the report that a run printed.

    Raises BenchError for an exit status that says so, and for output that is no
    report: a crash also ends with status 1, and must not pass for a quick run.
    """
    last = (stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing on stderr"])[-1]
    if status not in _COMPLETED:
        raise BenchError(f"exit status {status}: {last}")
    try:
        return msgspec.json.decode(stdout, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"not a report: {error} ({last})") from error


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every benchmark takes."""
    parser.add_argument("--pagelint", default="pagelint", metavar="CMD", help="command under test (default: pagelint)")


def pagelint_command(text: str) -> tuple[str, ...]:
    """Return the words of a `--pagelint` value."""
    return tuple(shlex.split(text))


def read_text(path: Path) -> str:
    """Return the text of a file; undecodable bytes survive a round trip."""
    return path.read_bytes().decode("utf-8", "surrogateescape")


def unified_diff(path: str, before: str, after: str) -> str:
    """Return the change of one file as git prints it, with a/ and b/ prefixes."""
    hunks = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return f"diff --git a/{path} b/{path}\n" + "".join(hunks)


def functions_mentioning(tree: Path, words: Sequence[str], folders: Sequence[str]) -> Iterator[tuple[CFunction, str]]:
    """Yield (function, file text) for the functions of the tree's .c files whose code has one of the words.

    Files and functions come in a fixed order. A word is looked for as text, so
    `lock_page` also finds `unlock_page`.
    """
    encoded = [word.encode() for word in words]
    for folder in folders:
        for path in sorted((tree / folder).rglob("*.c")):
            if not path.is_file():
                continue
            data = path.read_bytes()
            if not any(word in data for word in encoded):
                continue
            text = data.decode("utf-8", "surrogateescape")
            for function in functions_of(path.relative_to(tree).as_posix(), text):
                if any(word in function.code for word in words):
                    yield function, text


def run_all(
    work: Callable[[Task], Outcome], tasks: Sequence[Task], jobs: int, progress: Callable[[int], None]
) -> list[Outcome]:
    """Return the outcome of every task, in order; `progress` hears how many are done."""
    outcomes = []
    with ThreadPoolExecutor(jobs) as executor:
        for outcome in executor.map(work, tasks):
            outcomes.append(outcome)
            progress(len(outcomes))
    return outcomes


def progress_every(step: int, total: int) -> Callable[[int], None]:
    """Return a listener that says on stderr how far `run_all` is, every `step` tasks."""

    def tell(done: int) -> None:
        if done % step == 0 or done == total:
            print(f"{done}/{total}", file=sys.stderr)

    return tell


def measure(
    command: Sequence[str],
    stdin: bytes = b"",
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
    interval: float = 0.05,
) -> Measurement:
    """Run a command in a session of its own and return what it cost. Raises BenchError when it cannot start."""
    with tempfile.TemporaryFile() as output:
        before = os.times()
        started = time.perf_counter()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=os.environ | (environment or {}),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise BenchError(f"{command[0]}: {error.strerror}") from error
        peak = _wait_and_sample(process, stdin, interval)
        wall = time.perf_counter() - started
        after = os.times()
        output.seek(0)
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return Measurement(wall, cpu, peak, process.returncode, output.read())


def _wait_and_sample(process: subprocess.Popen[bytes], stdin: bytes, interval: float) -> int:
    """Feed a process, wait for its end, and return the most memory that its session was seen to hold."""
    peaks = [0]
    over = threading.Event()

    def sample() -> None:
        while not over.wait(interval):
            peaks.append(session_resident_bytes(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        process.communicate(stdin)
    finally:
        over.set()
        sampler.join()
    return max(peaks)


def session_resident_bytes(session: int) -> int:
    """Return the sum of the resident memory of all processes of a session (Linux, from /proc)."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[3]) == session:
            total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as aligned columns; the first is flush left, numbers are flush right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    right = [bool(rows) and all(isinstance(row[at], int | float) for row in rows) for at in range(len(header))]

    def line(row: Sequence[str]) -> str:
        aligned = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "  ".join(aligned).rstrip()

    return "\n".join([line(cells[0]), "  ".join("-" * width for width in widths), *map(line, cells[1:])])


def percentage(part: int, whole: int) -> str:
    """Return `part` of `whole` as text."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
