"""People at work: they push, fork, open pull requests, comment, press buttons; each needs the right to do so."""

from collections.abc import Mapping
from typing import Any

from tests.standins.github import checking, merge_queue, pulls, pushes, talk
from tests.standins.github.bare import Bare, Signature
from tests.standins.github.model import Account, CheckRun, CheckSuite, Comment, Pull, Repository, Thread
from tests.standins.github.owning import Owning


class Person(Owning):
    """An account of a person, and what they do on the web side or with git."""

    def push(
        self, where: Repository, branch: str, files: Mapping[str, str | bytes | None], *, message: str = "Change",
        onto: str | None = None, merging: str | None = None, author: tuple[str, str] | None = None,
    ) -> str:  # fmt: skip
        """Commits files (None deletes one) and pushes them to a branch, which is made where there is none; the commit.

        `onto`: the parent instead of the branch's head, so that the push is forced; `merging`: a second parent; `author`:
        the name and e-mail that git is told, which may be anybody's.
        """
        self.needs(where, "write")
        with self.world.lock:
            bare, ref = self.world.bare(where), f"refs/heads/{branch}"
            refs = bare.refs()
            parent = onto or refs.get(ref) or refs.get(f"refs/heads/{where.default_branch}")
            parents = [sha for sha in (parent, merging) if sha]
            who = Signature(*author) if author else self.signature()
            made = bare.write(files, parents, message, who, seconds=int(self.world.clock.seconds()))
            pushes.move(self.world, where, self.account, ref, made)
        return made

    def push_ref(self, where: Repository, ref: str, sha: str | None) -> None:
        """Moves, makes or deletes (None) a ref: a branch renamed, a forced push to what was, a light tag."""
        self.needs(where, "write")
        with self.world.lock:
            pushes.move(self.world, where, self.account, ref, sha)

    def push_refs(self, where: Repository, refs: Mapping[str, str | None]) -> None:
        """Several refs in one push."""
        self.needs(where, "write")
        with self.world.lock:
            bare = self.world.bare(where)
            before = bare.refs()
            for ref, sha in refs.items():
                bare.update(ref, sha)
            pushes.pushed(self.world, where, self.account, pushes.differing(before, bare.refs()))

    def tag(self, where: Repository, name: str, sha: str, message: str = "A tag") -> str:
        """Makes an annotated tag and pushes it; the tag object."""
        self.needs(where, "write")
        with self.world.lock:
            bare, who = self.world.bare(where), self.signature()
            lines = [f"object {sha}", "type commit", f"tag {name}"]
            lines.append(
                f"tagger {who.name} <{who.email}> {int(self.world.clock.seconds())} +0000\n\n{message}\n"
            )
            made = bare.git("mktag", feed="\n".join(lines).encode())
            pushes.move(self.world, where, self.account, f"refs/tags/{name}", made)
        return made

    def fork(self, where: Repository, name: str = "") -> Repository:
        """The fork, as a repository of the person."""
        self.needs(where, "read")
        with self.world.lock:
            made = self.world.new_repository(
                self.account, name or where.name, private=where.private, branch=where.default_branch
            )
            made.fork_of = where
            self.world.bare(made).copy_of(self.world.bare(where), where.default_branch)
        return made

    def open_pull_request(
        self, where: Repository, branch: str, *, source: Repository | None = None, base: str = "",
        title: str = "Change", body: str | None = None, draft: bool = False,
    ) -> Pull:  # fmt: skip
        """From a branch of `source` (a fork; the repository itself where none is given) into `base`."""
        self.needs(where, "read")
        with self.world.lock:
            target, head = (where, base or where.default_branch), (source or where, branch)
            return pulls.opened(self.world, self.account, target, head, title, body, draft=draft)

    def edit_pull_request(
        self, pull: Pull, *, title: str | None = None, body: str | None = None, base: str | None = None
    ) -> None:
        """Changes its title, text, or the branch that it is for."""
        changes: dict[str, Any] = {}
        with self.world.lock:
            if title is not None:
                changes["title"], pull.title = {"from": pull.title}, title
            if body is not None:
                changes["body"], pull.body = {"from": pull.body or ""}, body
            if base is not None:
                changes["base"] = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
                pulls.retarget(self.world, pull, base)
            pull.updated_at = self.world.clock.now()
            pulls.emit(self.world, "edited", self.account, pull, changes=changes)

    def close(self, pull: Pull) -> None:
        with self.world.lock:
            pulls.close(self.world, self.account, pull)

    def reopen(self, pull: Pull) -> None:
        with self.world.lock:
            pulls.reopen(self.world, self.account, pull)

    def merge(self, pull: Pull, method: str = "merge") -> str:
        self.needs(pull.repository, "write")
        with self.world.lock:
            title = f"Merge pull request #{pull.number}"
            made = pulls.merge(self.world, self.account, pull, method, title, pull.title)
        assert made is not None, "the pull request has conflicts"
        return made

    def merge_queue(self, pull: Pull) -> merge_queue.MergeGroup:
        """Puts it into the queue; the group then merges or leaves."""
        self.needs(pull.repository, "write")
        with self.world.lock:
            return merge_queue.enqueue(self.world, self.account, pull)

    def open_issue(self, where: Repository, title: str, body: str | None = None) -> Thread:
        self.needs(where, "read")
        with self.world.lock:
            now, number = self.world.clock.now(), max(where.threads, default=0) + 1
            made = Thread(self.world.ids.new("pull"), number, where, self.account, title, body, now, now)
            where.threads[number] = made
        return made

    def comment(self, thread: Thread, text: str) -> Comment:
        self.needs(thread.repository, "read")
        with self.world.lock:
            return talk.comment(self.world, self.account, thread, text)

    def edit_comment(self, one: Comment, text: str) -> None:
        """One's own; somebody else's needs the right to write."""
        self.needs(one.thread.repository, "read" if one.user is self.account else "write")
        with self.world.lock:
            talk.edit(self.world, self.account, one, text)

    def delete_comment(self, one: Comment) -> None:
        self.needs(one.thread.repository, "read" if one.user is self.account else "write")
        with self.world.lock:
            talk.delete(self.world, self.account, one)

    def rerequest(self, where: Repository, one: CheckRun | CheckSuite) -> None:
        """Presses "Re-run" of a check, or of all of an app's."""
        self.needs(where, "write")
        with self.world.lock:
            if isinstance(one, CheckRun):
                checking.rerequest_run(self.world, where, self.account, one)
            else:
                checking.rerequest_suite(self.world, where, self.account, one)

    def press(self, where: Repository, run: CheckRun, identifier: str) -> None:
        """Presses a button of a check run."""
        self.needs(where, "write")
        known = [action["identifier"] for action in run.actions]
        assert identifier in known, f"the check has no button {identifier}: {known}"
        with self.world.lock:
            checking.press(self.world, where, self.account, run, identifier)

    def signature(self) -> Signature:
        account: Account = self.account
        email = account.email or f"{account.id}+{account.login}@users.noreply.github.com"
        return Signature(account.name or account.login, email)

    def bare(self, where: Repository) -> Bare:
        return self.world.bare(where)
