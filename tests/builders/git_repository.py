"""Real git repositories, made by git as people do."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from schemas.values import Sha

WHEN = "2030-01-01T12:00:00+02:00"


class GitRepository:
    """A repository with a working tree (or bare) at `path`. Every commit has the same author and, unless told, time."""

    def __init__(self, path: Path, *, bare: bool = False) -> None:
        self.path = path
        if not path.exists():
            path.mkdir(parents=True)
            self.git("init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))

    def git(self, *args: str | bytes, stdin: bytes = b"", when: str = WHEN, check: bool = True) -> str:
        """What `git ARGS` prints, without the last line break."""
        return self.raw(*args, stdin=stdin, when=when, check=check).decode(errors="surrogateescape").strip()

    def raw(self, *args: str | bytes, stdin: bytes = b"", when: str = WHEN, check: bool = True) -> bytes:
        person = {"NAME": "Ada Lovelace", "EMAIL": "ada@example.org", "DATE": when}
        who = {
            f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()
        }
        done = subprocess.run(
            ["git", *args], cwd=self.path, input=stdin, capture_output=True, env=os.environ | who
        )
        if check and done.returncode:
            raise AssertionError(f"git {args}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def commit(
        self,
        files: Mapping[str, str | bytes | None] | None = None,
        message: str = "A change",
        when: str = WHEN,
    ) -> Sha:
        """Write files (None removes one) and commit all there is, even if that is nothing new."""
        for name, content in (files or {}).items():
            place = self.path / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message, when=when)
        return self.head()

    def head(self, name: str = "HEAD") -> Sha:
        return Sha(self.git("rev-parse", name))

    def write_object(self, kind: str, content: bytes) -> str:
        """Store an object as it is, however wrong: its id."""
        return self.git("hash-object", "-t", kind, "--literally", "-w", "--stdin", stdin=content)

    def commit_tree(self, entries: list[tuple[str, bytes, str]]) -> Sha:
        """A commit of a hand-made tree of (mode, name, object id), in the order given; no branch moves."""
        raw = b"".join(b"%s %s\0%s" % (mode.encode(), name, bytes.fromhex(id)) for mode, name, id in entries)
        return Sha(self.git("commit-tree", self.write_object("tree", raw), "-m", "Made by hand"))

    def import_commits(self, count: int, branch: str = "main") -> Sha:
        """A line of `count` commits, a minute apart, quickly: the last one."""
        lines = [
            f"commit refs/heads/{branch}\ncommitter Ada <ada@example.org> {1_800_000_000 + 60 * number} +0000\n"
            f"data <<END\nChange {number}\nEND\nM 644 inline file\ndata <<END\n{number}\nEND\n"
            for number in range(count)
        ]
        self.git("fast-import", "--quiet", stdin="\n".join(lines).encode())
        return self.head(f"refs/heads/{branch}")
