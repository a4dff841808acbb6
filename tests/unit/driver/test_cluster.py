"""`--scheduler ADDRESS` on a real scheduler with two worker processes, all on loopback."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analyzer.driver.executor import open_workers
from analyzer.source import AnalyzerError, FolderTree
from tests.cli.running import BALANCED, LEAKING, diff, mail, one_line, process, write_tree
from tests.unit.driver.cluster_work import die, die_once, double, double_slowly

distributed = pytest.importorskip("distributed", reason="needs the extra pagelint[cluster]")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@contextmanager
def cluster(workers: int = 2, allowed_failures: int = 3) -> Iterator[str]:
    """Run a scheduler and worker processes; yield its address."""
    import dask

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": allowed_failures}),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=2, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as running,
    ):
        yield running.scheduler_address


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with cluster() as running:
        yield running


def mbox() -> bytes:
    """Return patches of 30 files, every third of which leaks."""
    mails = []
    for number in range(30):
        after = LEAKING if number % 3 == 0 else BALANCED.replace("-EIO", "-EAGAIN")
        mails.append(mail(f"[PATCH] demo {number}", diff(f"mm/demo{number}.c", BALANCED, after), number))
    return "".join(mails).encode()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", {f"mm/demo{number}.c": BALANCED for number in range(30)})


@pytest.mark.parametrize("form", ["text", "jsonl", "checkpatch"])
def test_the_cluster_says_what_this_machine_says(address: str, tree: Path, form: str) -> None:
    arguments = ("patch", "--tree", ".", "--no-cache", "--format", form)
    here = process(*arguments, "--jobs", "1", folder=tree, stdin=mbox())
    there = process(*arguments, "--scheduler", address, folder=tree, stdin=mbox())

    assert here.stdout.count(b"page-lock-leak") + here.stdout.count(b"PAGE_LOCK_LEAK") >= 10
    assert without_seconds(there.stdout) == without_seconds(here.stdout)
    assert (there.returncode, there.stderr) == (here.returncode, here.stderr) == (1, here.stderr)


def without_seconds(report: bytes) -> bytes:
    return re.sub(rb'"seconds": [0-9.]+', b'"seconds": 0', report)


def test_a_scan_on_the_cluster_is_the_scan_here(address: str) -> None:
    tree = Path(__file__).parents[3] / "fixtures/generations"
    arguments = ("scan", tree, "--tree", tree, "--no-cache")

    here = process(*arguments, "--jobs", "1")
    assert here.stdout
    assert process(*arguments, "--scheduler", address).stdout == here.stdout


def test_work_of_a_worker_that_dies_is_done_by_another(address: str, tmp_path: Path) -> None:
    with open_workers(0, address) as workers:
        done = list(workers.map_batches(die_once, tmp_path / "died", list(range(100)), 5))

    assert (tmp_path / "died").exists()
    assert sorted(done) == double(None, list(range(100)))


def test_work_that_kills_every_worker_ends_with_one_line() -> None:
    with (
        cluster(allowed_failures=0) as address,
        open_workers(0, address) as workers,
        pytest.raises(AnalyzerError, match=r"--scheduler tcp://.*: the work was lost \(KilledWorker\)"),
    ):
        list(workers.map_batches(die, None, [1, 2], 1))


def test_a_worker_that_does_not_have_the_tree_is_named(address: str, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"mm/demo.c": BALANCED})
    with open_workers(0, address) as workers:
        workers.must_see(FolderTree(tree))
        with pytest.raises(AnalyzerError, match=r"worker tcp://.* does not have /proc/self/task as it is here"):
            workers.must_see(FolderTree(Path("/proc/self/task")))  # another folder in every process


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://127.0.0.1:9", "Timed out trying to connect"),
        ("nonsense", "missing port number"),
        ("smoke://127.0.0.1:9", "unknown address scheme"),
    ],
)
def test_a_scheduler_that_is_not_there_is_one_line(address: str, words: str) -> None:
    done = process("scan", Path(__file__).parents[3] / "fixtures/demo", "--scheduler", address)

    assert (done.returncode, done.stdout) == (2, b"")
    assert one_line(done.stderr.decode())
    assert f"pagelint: error: --scheduler {address}: " in done.stderr.decode() and words in done.stderr.decode()


def test_a_cluster_without_workers_is_one_line() -> None:
    with cluster(workers=0) as address:
        done = process("scan", Path(__file__).parents[3] / "fixtures/demo", "--scheduler", address)

    assert done.returncode == 2
    assert one_line(done.stderr.decode()) and b"no worker connected" in done.stderr


def test_a_scheduler_that_dies_under_a_run_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    with dask_process("scheduler", *local, "--port", "0") as scheduler:
        wait_for(file)
        with (
            dask_process("worker", *local, "--nthreads", "1", "--no-nanny"),
            open_workers(0, json.loads(file.read_text())["address"]) as workers,
        ):
            done = workers.map_batches(double_slowly, None, list(range(600)), 1)
            assert next(done) is not None
            scheduler.kill()
            with pytest.raises(AnalyzerError, match="--scheduler tcp://"):
                list(done)


@contextmanager
def dask_process(role: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    code = f"from distributed.cli.dask_{role} import main; main()"
    running = subprocess.Popen([sys.executable, "-c", code, *options], stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def wait_for(file: Path) -> None:
    for _ in range(300):
        if file.exists() and file.stat().st_size:
            return
        time.sleep(0.1)
    pytest.fail(f"{file} did not appear")
