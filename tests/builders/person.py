"""Somebody who works with git on a repository that Luotsi watches: writes, commits, pushes, tags, with the git binary."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_WHO = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


class Person:
    """A bare repository, and a clone of it."""

    def __init__(self, bare: Path, clone: Path) -> None:
        self.bare = bare
        self.clone = clone
        bare.parent.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(bare), cwd=bare.parent)
        self.git("clone", "--quiet", str(bare), str(clone), cwd=bare.parent)

    def commit(self, files: Mapping[str, str | bytes], message: str = "Change") -> str:
        """Write files and commit them, without pushing; the commit."""
        for name, content in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *arguments: str) -> None:
        """Push HEAD to main, or what is said."""
        self.git("push", "--quiet", "origin", *(arguments or ("HEAD:refs/heads/main",)))

    def tag(self, name: str, commit: str = "HEAD") -> None:
        """Make an annotated tag and push it."""
        self.git("tag", "-a", name, "-m", f"Tag {name}", commit)
        self.git("push", "--quiet", "origin", f"refs/tags/{name}")

    def notes(self, commit: str) -> list[str]:
        """The lines of Luotsi's note on a commit, as the bare repository has it."""
        done = subprocess.run(
            ["git", "notes", "--ref=luotsi", "show", commit], cwd=self.bare, capture_output=True, text=True
        )
        return done.stdout.splitlines()

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Any other git command in the clone; what it prints."""
        environment = {**os.environ, **_WHO}
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.clone,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()
