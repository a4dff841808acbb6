"""`pagelint hook` in git repositories that these tests make: the index against HEAD, and stopping a real commit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import BALANCED, LEAKING, one_line, pagelint, process, report, statuses
from tests.repositories import Repository

PATH = "mm/demo.c"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "repo").mkdir()
    return Repository(tmp_path / "repo")


def test_the_first_commit_is_judged(repository: Repository) -> None:
    repository.stage(LEAKING)

    assert statuses(report("hook", "--tree", repository.folder)) == [("demo_read", "new")]


def test_the_index_counts_and_not_the_work_tree(repository: Repository) -> None:
    repository.stage(BALANCED)
    repository.commit()
    repository.stage(LEAKING)
    (repository.folder / PATH).write_text(BALANCED)
    assert pagelint("hook", "--tree", repository.folder).exit_code == 1

    repository.stage(BALANCED)
    (repository.folder / PATH).write_text(LEAKING)
    assert pagelint("hook", "--tree", repository.folder).exit_code == 0


def test_old_findings_do_not_stop_a_commit(repository: Repository) -> None:
    repository.stage(LEAKING)
    repository.commit()
    repository.stage(LEAKING.replace("\treturn 0;", "\tcount++;\n\treturn 0;"))

    found = report("hook", "--tree", repository.folder)
    assert statuses(found) == [("demo_read", "existing")]
    assert pagelint("hook", "--tree", repository.folder).exit_code == 0


def test_a_deleted_file_is_no_fault(repository: Repository) -> None:
    repository.stage(LEAKING)
    repository.commit()
    repository.git("rm", "--quiet", PATH)

    assert statuses(report("hook", "--tree", repository.folder)) == [("demo_read", "fixed")]


def test_a_caller_that_is_not_staged_is_judged_with_the_staged_callee(repository: Repository) -> None:
    helper = "void demo_end(struct folio *folio)\n{\n\tcount++;\n}\n"
    caller = (
        "void demo_use(struct folio *folio)\n{\n\tfolio_lock(folio);\n\tdemo_end(folio);\n\tfolio_unlock(folio);\n}\n"
    )
    repository.stage(helper, "mm/helper.c")
    repository.stage(caller, "mm/caller.c")
    repository.commit()
    repository.stage(helper.replace("count++", "folio_unlock(folio)"), "mm/helper.c")

    assert [f["file"] for f in report("hook", "--tree", repository.folder)["findings"]] == ["mm/caller.c"]


def test_a_new_head_costs_what_changed_and_gives_the_same(repository: Repository, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    repository.stage(BALANCED)
    repository.stage(LEAKING.replace("demo_read", "demo_old"), "mm/old.c")
    repository.commit()
    repository.stage("int x;\n", "mm/x.c")
    report("hook", "--tree", repository.folder, cache=cache)
    repository.commit()
    repository.stage(LEAKING)

    assert statuses(report("hook", "--tree", repository.folder, cache=cache)) == [("demo_read", "new")]


def test_an_installed_hook_stops_a_real_commit(repository: Repository) -> None:
    repository.stage(BALANCED)
    repository.commit()
    installed = process("hook", "install", folder=repository.folder, environment=repository.environment)
    assert installed.returncode == 0, installed.stderr

    repository.stage(LEAKING)
    stopped = repository.commit()
    assert stopped.returncode != 0
    assert "[page-lock-leak]" in stopped.stdout + stopped.stderr
    repository.stage(BALANCED.replace("-EIO", "-EAGAIN"))
    assert repository.commit().returncode == 0, repository.git("status").stdout
    repository.stage(LEAKING)
    assert repository.commit("--no-verify").returncode == 0


def test_install_keeps_a_hook_that_is_there(repository: Repository) -> None:
    hook = repository.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    refused = process("hook", "install", folder=repository.folder, environment=repository.environment)

    assert refused.returncode == 2
    assert one_line(refused.stderr.decode()) and b"pagelint hook || exit 1" in refused.stderr
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    assert (
        process("hook", "install", "--force", folder=repository.folder, environment=repository.environment).returncode
        == 0
    )
    assert "pagelint hook install" in hook.read_text() and os.access(hook, os.X_OK)
    again = process("hook", "install", folder=repository.folder, environment=repository.environment)
    assert again.returncode == 0


def test_install_respects_hooks_path(repository: Repository) -> None:
    repository.git("config", "core.hooksPath", "tools/hooks")
    process("hook", "install", folder=repository.folder, environment=repository.environment)

    assert (repository.folder / "tools/hooks/pre-commit").is_file()
    assert not (repository.folder / ".git/hooks/pre-commit").exists()


def test_install_finds_the_hooks_of_a_work_tree(repository: Repository) -> None:
    repository.stage(BALANCED)
    repository.commit()
    other = repository.folder.parent / "other"
    repository.git("worktree", "add", "--quiet", str(other))
    process("hook", "install", folder=other, environment=repository.environment)
    assert (repository.folder / ".git/hooks/pre-commit").is_file()

    work_tree = Repository(other, new=False)
    work_tree.stage(LEAKING)
    assert work_tree.commit().returncode != 0
    assert repository.git("status", "--short").stdout == ""


def test_install_keeps_a_link_that_leads_nowhere(repository: Repository) -> None:
    hook = repository.folder / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.symlink_to("/nonexistent/hook")
    refused = process("hook", "install", folder=repository.folder, environment=repository.environment)

    assert refused.returncode == 2 and hook.is_symlink()


@pytest.mark.parametrize("command", ["hook", "install"])
def test_a_bare_repository_is_one_line(tmp_path: Path, command: str) -> None:
    repository = Repository(tmp_path, "--bare")
    arguments = ("hook", "install") if command == "install" else ("hook",)
    done = process(*arguments, folder=tmp_path, environment=repository.environment)

    assert done.returncode == 2
    assert one_line(done.stderr.decode()) and b"bare repository" in done.stderr


def test_a_file_that_is_renamed_keeps_its_findings(repository: Repository) -> None:
    repository.stage(LEAKING)
    repository.commit()
    repository.git("mv", PATH, "mm/other.c")

    done = pagelint("hook", "--tree", repository.folder)
    assert done.exit_code == 0, done.output


def test_only_the_paths_that_are_committed_count(repository: Repository) -> None:
    repository.stage(BALANCED)
    repository.stage("int other;\n", "mm/other.c")
    repository.commit()
    process("hook", "install", folder=repository.folder, environment=repository.environment)
    repository.stage(LEAKING)
    (repository.folder / "mm/other.c").write_text("int more;\n")

    assert repository.commit("mm/other.c").returncode == 0
    assert repository.commit("--all").returncode != 0


def test_links_and_submodules_are_no_files(repository: Repository) -> None:
    repository.stage(BALANCED)
    repository.commit()
    head = repository.git("rev-parse", "HEAD").stdout.strip()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},mm/module.c")
    (repository.folder / "mm/link.c").symlink_to("demo.c")
    repository.git("add", "mm/link.c")

    done = pagelint("hook", "--tree", repository.folder)
    assert (done.exit_code, done.stdout) == (0, ""), done.output


@pytest.fixture
def merging(repository: Repository) -> Repository:
    """Return a repository in the middle of a merge: the other branch has a leak, and mm/x.c is in conflict."""
    repository.stage("int x;\n", "mm/x.c")
    repository.commit()
    repository.git("branch", "side")
    repository.stage("int y;\n", "mm/x.c")
    repository.commit()
    repository.git("checkout", "--quiet", "side")
    repository.stage("int z;\n", "mm/x.c")
    repository.stage(LEAKING)
    repository.commit()
    repository.git("checkout", "--quiet", "-")
    repository.git("merge", "side")
    return repository


def test_a_path_in_conflict_is_named(merging: Repository) -> None:
    done = pagelint("hook", "--tree", merging.folder)

    assert done.exit_code == 2
    assert one_line(done.stderr) and "mm/x.c: has conflicts" in done.stderr


def test_what_a_merged_branch_has_already_is_not_new(merging: Repository) -> None:
    merging.stage("int w;\n", "mm/x.c")

    assert statuses(report("hook", "--tree", merging.folder)) == [("demo_read", "existing")]


def test_what_the_resolution_of_a_conflict_brings_in_is_new(merging: Repository) -> None:
    merging.stage(LEAKING.replace("demo_read", "demo_write"), "mm/x.c")

    found = statuses(report("hook", "--tree", merging.folder))
    assert sorted(found) == [("demo_read", "existing"), ("demo_write", "new")]


def test_outside_a_repository_is_one_line(tmp_path: Path) -> None:
    done = pagelint("hook", "--tree", tmp_path)

    assert done.exit_code == 2
    assert one_line(done.stderr) and "not a git repository" in done.stderr


def test_the_pre_commit_framework_runs_the_hook(repository: Repository) -> None:
    pytest.importorskip("pre_commit")
    offered = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text()
    entry = f"{sys.executable} -P -m analyzer.cli hook"
    hook = offered.replace("entry: pagelint hook", f"entry: {entry}").replace("language: python", "language: system")
    lines = ["repos:", "- repo: local", "  hooks:", *(f"  {line}" for line in hook.splitlines())]
    (repository.folder / ".pre-commit-config.yaml").write_text("\n".join(lines) + "\n")
    repository.stage(BALANCED)
    repository.commit()

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", "pagelint"],
            cwd=repository.folder,
            env={**repository.environment, "PRE_COMMIT_HOME": str(repository.folder.parent / "pre-commit")},
            capture_output=True,
            check=False,
        )

    repository.stage(LEAKING)
    stopped = run()
    assert stopped.returncode == 1 and b"[page-lock-leak]" in stopped.stdout, stopped
    repository.stage(BALANCED.replace("-EIO", "-EAGAIN"))
    assert run().returncode == 0
