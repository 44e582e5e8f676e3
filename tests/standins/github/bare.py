"""A bare repository on disk, as the server of git and of the API sees it: refs, commits, differences, merges."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOTHING = "0" * 40
ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
SETTINGS = {
    "http.receivepack": "true",  # who may push is decided before git is asked
    "receive.hideRefs": "refs/pull",
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "gc.auto": "0",
    "receive.autogc": "false",
    "transfer.hideRefs": "refs/standin",
}
COMMIT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x01"


class Refused(Exception):
    """git would not do it; the message is git's."""


@dataclass(frozen=True)
class Signature:
    """An author or committer: whatever the pusher's git was told, believed by nobody."""

    name: str
    email: str
    date: str = ""
    """ISO 8601 with an offset."""


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class Change:
    """A file that differs. `status` in the words of the API."""

    path: str
    status: str
    previous: str | None
    additions: int
    deletions: int
    blob: str
    patch: str | None


WORDS = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed", "C": "copied"}


class Bare:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits: dict[str, Commit] = {}

    def create(self, branch: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--bare", f"--initial-branch={branch}", str(self.path), cwd=Path("/"))
        self._settle()

    def copy_of(self, other: "Bare", branch: str) -> None:
        """A fork: the branches and tags of another."""
        self.create(branch)
        self.git("fetch", "--quiet", str(other.path), "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")

    def _settle(self) -> None:
        lines = []
        for name, value in SETTINGS.items():
            section, key = name.split(".")
            lines.append(f"[{section}]\n\t{key} = {value}\n")
        with (self.path / "config").open("a") as file:
            file.writelines(lines)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def git(self, *arguments: str, cwd: Path | None = None, feed: bytes | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.path,
            input=feed if feed is not None else b"",
            capture_output=True,
            env=os.environ | ENVIRONMENT,
        )
        if done.returncode != 0:
            raise Refused((done.stderr or done.stdout).decode(errors="replace").strip())
        return done.stdout.decode(errors="replace").removesuffix("\n")

    def refs(self) -> dict[str, str]:
        """Every ref and what it names, tags not peeled."""
        lines = self.git("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
        found = {name: sha for sha, name in (line.split(" ", 1) for line in lines)}
        return {name: sha for name, sha in found.items() if not name.startswith("refs/standin/")}

    def resolve(self, name: str, kind: str = "commit") -> str | None:
        """The object that a name leads to; None where it leads nowhere."""
        if not name or name.startswith("-"):
            return None
        try:
            return self.git("rev-parse", "--quiet", "--verify", f"{name}^{{{kind}}}" if kind else name)
        except Refused:
            return None

    def kind(self, sha: str) -> str | None:
        try:
            return self.git("cat-file", "-t", sha)
        except Refused:
            return None

    def commit(self, sha: str) -> Commit:
        if sha not in self._commits:
            self.log("--max-count=1", sha)
        return self._commits[sha]

    def log(self, *arguments: str, paths: Sequence[str] = ()) -> list[Commit]:
        """Commits as `git log` lists them, newest first unless it is told otherwise."""
        said = self.git("log", f"--format={COMMIT}", *arguments, "--", *paths)
        found = []
        for record in said.split("\x01"):
            fields = record.lstrip("\n").split("\x00")
            if len(fields) == 10:
                sha, tree, parents, an, ae, ad, cn, ce, cd, message = fields
                made = Commit(sha, tree, tuple(parents.split()), Signature(an, ae, ad), Signature(cn, ce, cd), message.rstrip("\n"))  # fmt: skip
                self._commits[sha] = made
                found.append(made)
        return found

    def update(self, ref: str, new: str | None, old: str | None = None) -> None:
        """Moves, creates or deletes a ref."""
        if new is None:
            self.git("update-ref", "-d", ref)
        else:
            self.git("update-ref", ref, new, *([old] if old else []))

    def is_ancestor(self, old: str, new: str) -> bool:
        try:
            self.git("merge-base", "--is-ancestor", old, new)
        except Refused:
            return False
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        try:
            return self.git("merge-base", one, other)
        except Refused:
            return None

    def count(self, span: str) -> int:
        return int(self.git("rev-list", "--count", span, "--"))

    def changes(self, old: str, new: str, patches: bool = True) -> list[Change]:
        """What differs between two commits (or trees), by path."""
        lengths = {}
        fields = self.git("diff", "--numstat", "-z", "--find-renames", old, new, "--").split("\0")
        while len(fields) > 1:
            added, deleted, path = fields.pop(0).split("\t")
            if not path:
                fields.pop(0)
                path = fields.pop(0)
            lengths[path] = (int(added) if added != "-" else 0, int(deleted) if deleted != "-" else 0)
        found = []
        fields = self.git("diff", "--raw", "-z", "--no-abbrev", "--find-renames", old, new, "--").split("\0")
        while len(fields) > 1:
            _, _, before, after, status = fields.pop(0).split(" ")
            previous = fields.pop(0) if status[0] in "RC" else None
            path = fields.pop(0)
            patch = self._patch(old, new, path) if patches else None
            blob = before if status[0] == "D" else after
            found.append(Change(path, WORDS[status[0]], previous, *lengths[path], blob, patch))
        return found

    def _patch(self, old: str, new: str, path: str) -> str | None:
        said = self.git("diff", "--find-renames", old, new, "--", path)
        _, found, hunks = said.partition("\n@@ ")
        return f"@@ {hunks}" if found else None

    def write(
        self, files: Mapping[str, str | bytes | None], parents: Sequence[str], message: str, author: Signature,
        committer: Signature | None = None, seconds: int = 0,
    ) -> str:  # fmt: skip
        """A commit with the first parent's files and these over them (None deletes one); its name. No ref is moved."""
        ref = "refs/standin/made"
        feed = [f"commit {ref}\n".encode()]
        for word, who in (("author", author), ("committer", committer or author)):
            feed.append(f"{word} {_clean(who.name)} <{_clean(who.email)}> {seconds} +0000\n".encode())
        feed.append(_data(message.encode()))
        feed += [f"{'from' if i == 0 else 'merge'} {parent}\n".encode() for i, parent in enumerate(parents)]
        for path, content in files.items():
            if content is None:
                feed.append(f"D {path}\n".encode())
            else:
                data = content if isinstance(content, bytes) else content.encode()
                feed.append(f"M 100644 inline {path}\n".encode() + _data(data))
        self.git("fast-import", "--quiet", "--force", feed=b"".join(feed))
        made = self.git("rev-parse", ref)
        self.git("update-ref", "-d", ref)
        return made

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree of a merge; None where it has conflicts."""
        try:
            return self.git("merge-tree", "--write-tree", ours, theirs).splitlines()[0]
        except Refused:
            return None

    def rebased(self, onto: str, head: str) -> str | None:
        """The commits of `head` that `onto` lacks, one by one upon it; None where one has a conflict."""
        with tempfile.TemporaryDirectory(prefix="rebase-") as folder:
            tree = Path(folder) / "tree"
            self.git("worktree", "add", "--quiet", "--detach", str(tree), onto)
            try:
                self.git(
                    "-c",
                    "user.name=GitHub",
                    "-c",
                    "user.email=noreply@github.com",
                    "cherry-pick",
                    f"{onto}..{head}",
                    cwd=tree,
                )
                return self.git("rev-parse", "HEAD", cwd=tree)
            except Refused:
                return None
            finally:
                self.git("worktree", "remove", "--force", str(tree))

    def commit_tree(self, tree: str, parents: Sequence[str], message: str, author: Signature) -> str:
        who = ["-c", f"user.name={_clean(author.name)}", "-c", f"user.email={_clean(author.email)}"]
        told = [word for parent in parents for word in ("-p", parent)]
        return self.git(*who, "commit-tree", tree, *told, feed=message.encode())

    def take(self, other: "Bare", sha: str, ref: str) -> None:
        """The objects of a commit of another repository, under a ref of this one."""
        self.git("fetch", "--quiet", "--no-tags", str(other.path), f"+{sha}:{ref}")

    def content(self, blob: str) -> bytes:
        done = subprocess.run(
            ["git", "cat-file", "blob", blob], cwd=self.path, capture_output=True, check=True, env=os.environ | ENVIRONMENT
        )  # fmt: skip
        return done.stdout


def _clean(text: str) -> str:
    return "".join(c for c in text if c not in "<>\n\0")


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"
