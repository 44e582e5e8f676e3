"""The merge queue: a group is a branch of GitHub's own, whose checks decide whether the base branch moves there."""

from dataclasses import dataclass
from typing import Any

from tests.standins.github import pulls, pushes
from tests.standins.github.model import Account, Pull
from tests.standins.github.views import commits
from tests.standins.github.world import World


class NotGood(Exception):
    """The group's required checks are not all good; the message names them."""


@dataclass(eq=False)
class MergeGroup:
    """One pull request, merged into its base on a `gh-readonly-queue` branch."""

    world: World
    pull: Pull
    actor: Account
    base_sha: str
    head_sha: str

    @property
    def branch(self) -> str:
        return f"gh-readonly-queue/{self.pull.base_ref}/pr-{self.pull.number}-{self.base_sha}"

    def merge(self) -> str:
        """Moves the base branch to the group's commit, if its required checks are good; the commit."""
        with self.world.lock:
            missing = pulls.missing_checks(self.pull.repository, self.head_sha)
            if missing:
                raise NotGood(", ".join(sorted(missing)))
            pull, where = self.pull, self.pull.repository
            pull.state, pull.merged_at = "closed", self.world.clock.now()
            pull.merged_by, pull.merge_sha = self.actor, self.head_sha
            target = f"refs/heads/{pull.base_ref}"
            pushes.move(self.world, where, self.world.queue_bot, target, self.head_sha, "merge_queue_merge")
            pulls.close(self.world, self.world.queue_bot, pull)
            self._end("merged")
        return self.head_sha

    def invalidate(self) -> None:
        """The base moved or a check failed: the group goes, and the pull request stays open."""
        self._leave("invalidated", "CI_FAILURE")

    def dequeue(self) -> None:
        """Somebody takes the pull request out of the queue."""
        self._leave("dequeued", "MANUAL")

    def _leave(self, reason: str, why: str) -> None:
        with self.world.lock:
            pulls.emit(self.world, "dequeued", self.actor, self.pull, reason=why)
            self._end(reason)

    def _end(self, reason: str) -> None:
        self._emit("destroyed", {"reason": reason})
        where = self.pull.repository
        pushes.move(self.world, where, self.world.queue_bot, f"refs/heads/{self.branch}", None)

    def _emit(self, action: str, more: dict[str, Any]) -> None:
        where, base = self.pull.repository, self.pull.base_ref
        group = {
            "head_sha": self.head_sha,
            "head_ref": f"refs/heads/{self.branch}",
            "base_sha": self.base_sha,
            "base_ref": f"refs/heads/{base}",
            "head_commit": commits.simple(self.world.bare(where).commit(self.head_sha)),
        }
        self.world.webhooks.emit(
            "merge_group", action, self.world.queue_bot, {**more, "merge_group": group}, where
        )

    def start(self) -> None:
        where = self.pull.repository
        pulls.emit(self.world, "enqueued", self.actor, self.pull)
        pushes.move(self.world, where, self.world.queue_bot, f"refs/heads/{self.branch}", self.head_sha)
        self._emit("checks_requested", {})


def enqueue(world: World, actor: Account, pull: Pull) -> MergeGroup:
    """Puts a pull request into the queue."""
    bare = world.bare(pull.repository)
    base = bare.refs()[f"refs/heads/{pull.base_ref}"]
    tree = bare.merged_tree(base, pull.head_sha)
    if tree is None:
        raise NotGood("the pull request has conflicts with its base")
    message = f"Merge pull request #{pull.number} from {pull.head_label.replace(':', '/')}\n\n{pull.title}"
    head = bare.commit_tree(tree, [base, pull.head_sha], message, pulls.GITHUB)
    group = MergeGroup(world, pull, actor, base, head)
    group.start()
    return group
