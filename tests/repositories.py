"""Git repositories that tests make."""

import os
import subprocess
from pathlib import Path


class Repository:
    """A git repository with an identity of its own."""

    def __init__(self, folder: Path, *options: str, new: bool = True) -> None:
        """Make a repository with these options of `git init`, or use one that is there."""
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "XDG_CACHE_HOME": str(folder.parent / "cache"),
        }
        if new:
            self.git("init", "--quiet", *options)

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        identity = ("-c", "user.name=A Dev", "-c", "user.email=dev@example.org")
        return subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def stage(self, text: str, path: str = "mm/demo.c") -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)
        self.git("add", path)

    def commit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.git("commit", "--quiet", "--message", "demo: change", *arguments)
