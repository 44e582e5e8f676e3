"""What a person does in the demonstration, with git as a person would use it: a clone, a commit, a push, two tags."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Stalled

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "wine"
IMAGE = "python:3.12"
VERSION_TAG = "wine@v0.1.0"
STAGE_TAG = "wine#prod#1"
_WHO = {
    "GIT_AUTHOR_NAME": "Ada Demo",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Demo",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A bare repository, and somebody's clone of it. Every step is done once, however often it is asked for."""

    bare: Path
    clone: Path

    def prepare(self) -> None:
        """Make the bare repository, empty."""
        if not (self.bare / "HEAD").exists():
            self.bare.parent.mkdir(parents=True, exist_ok=True)
            git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))

    def commit(self, image: str) -> str:
        """Commit and push the sample, with the image that was chosen; the commit."""
        pushed = self.head()
        if pushed:
            return pushed
        if not SAMPLE.is_dir():
            raise Stalled(
                f"the sample project is not at {SAMPLE}", "Run the demonstration from a clone of Luotsi."
            )
        if self.clone.exists():
            shutil.rmtree(self.clone)
        git("clone", "--quiet", str(self.bare), str(self.clone))
        shutil.copytree(
            SAMPLE, self.clone, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "outputs")
        )
        if image:
            config = self.clone / "valohai.yaml"
            config.write_text(config.read_text(encoding="utf-8").replace(IMAGE, image), encoding="utf-8")
        git("add", "--all", cwd=self.clone)
        git("commit", "--quiet", "-m", "Classify wines by their chemistry", cwd=self.clone)
        git("push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=self.clone)
        found = self.head()
        if found is None:
            raise Stalled(f"the push to {self.bare} left no branch main")
        return found

    def tag(self, name: str, message: str, commit: str) -> bool:
        """Make and push an annotated tag; False when that was done before."""
        if git("tag", "--list", name, cwd=self.bare):
            return False
        if not git("tag", "--list", name, cwd=self.clone):
            git("tag", "-a", name, "-m", message, commit, cwd=self.clone)
        git("push", "--quiet", "origin", f"refs/tags/{name}", cwd=self.clone)
        return True

    def head(self) -> str | None:
        """The commit of main in the bare repository; None before the first push."""
        try:
            return git("rev-parse", "--verify", "--quiet", "refs/heads/main", cwd=self.bare)
        except Stalled:
            return None

    def notes(self) -> str:
        """`git log --notes=luotsi` of the newest commit: the verdicts, in the repository itself."""
        git("fetch", "--quiet", "origin", "+refs/notes/luotsi:refs/notes/luotsi", cwd=self.clone)
        return git("log", "--notes=luotsi", "-1", "origin/main", cwd=self.clone)


def git(*arguments: str, cwd: Path | None = None) -> str:
    """What git prints, without the newline at the end. Raises `Stalled` with git's own words."""
    environment = {**os.environ, **_WHO}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise Stalled(f"git cannot be run: {error}", "Install git.") from error
    if done.returncode != 0:
        raise Stalled(f"git {arguments[0]} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout.rstrip("\n")
