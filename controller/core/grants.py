"""Which variable groups a run may have: by its event, and by the branch that its code is of. Pure.

A name alone grants nothing. Who may push any branch may also open a pull request to another one, tag what they pushed, and call
a branch as a merge queue does; so what counts is where the code itself stands: the branch that was pushed or that the clock
asked for, the branch that a pull request comes from (never the one it goes to), the branches that contain a tagged commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from controller.core.events import BRANCHES, QUEUE, TAGS, PullRequest
from schemas.values import short

NOTE = "the variable group {name} is ignored: {why}"
"""What the notes of an execution say of a group that its step names and does not get."""

_EVENTS = {
    "push": "pushes",
    "pull-request": "pull requests",
    "tag": "tags",
    "schedule": "schedules",
    "comment": "comments",
}


class Limits(Protocol):
    """What the settings say of a group (`controller/ports.VariableGroup`). Empty: no limit."""

    @property
    def branches(self) -> tuple[str, ...]:
        """Shell patterns over names of branches, without `refs/heads/`."""

    @property
    def events(self) -> tuple[str, ...]:
        """Names of events."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the code of a run comes from. `where` says it in words, `branches` are those that it is of."""

    event: str
    branches: tuple[str, ...]
    where: str


def of_run(event: str, ref: str, trust: str, told: PullRequest | None = None, first: str = "") -> Origin:
    """The origin of a run; of a tag without the branches that contain it, which git alone can tell (`contained`).

    `told`: what the forge told of the run's pull request with the run's very commit as its head; None: nothing. `first`: the
    ref at which the commit was first seen.
    """
    if trust != "trusted":
        return Origin(event, (), "untrusted code is of no branch")
    if event == "tag" or ref.startswith(TAGS):
        return contained("tag", (), "the tagged commit")
    if ref.startswith(BRANCHES):
        # A run that a push began stays the push's, whoever opens a pull request of its commit.
        event = "push" if event == "pull-request" else event
        branch = ref.removeprefix(BRANCHES)
        return Origin(event, (branch,), f"this is {branch}")
    if told is not None and told.head_ref and not told.fork:
        # The name as it is: a branch may itself be called refs/heads/main.
        return Origin(event, (told.head_ref,), f"the pull request comes from {told.head_ref}")
    if told is None and first.startswith(QUEUE):
        # Anybody who may push can make such a branch, so that it stands for itself and not for where it would be merged.
        branch = first.removeprefix(BRANCHES)
        return Origin(event, (branch,), f"this is {branch}")
    return Origin(event, (), "nobody has told from which branch the pull request comes")


def contained(event: str, branches: Sequence[str], what: str) -> Origin:
    """The origin of a commit that is of no one branch, but of all that contain it."""
    return Origin(event, tuple(branches), f"none of them contains {what}")


def is_limited(group: Limits) -> bool:
    """Whether any run at all may be without it."""
    return bool(group.branches or group.events)


def refusal(group: Limits, origin: Origin) -> str:
    """Why a run does not get a group; empty when it does."""
    if group.events and origin.event not in group.events:
        there = listed([_EVENTS.get(event, event) for event in group.events])
        return f"it is for {there} only, and not for {_EVENTS.get(origin.event, origin.event)}"
    if group.branches and not any(matches(group, branch) for branch in origin.branches):
        word = "the branch" if len(group.branches) == 1 else "the branches"
        return f"it is for {word} {listed(group.branches)} only, and {origin.where}"
    return ""


def matches(group: Limits, branch: str) -> bool:
    """Whether the patterns of a group name a branch."""
    return any(fnmatchcase(branch, pattern) for pattern in group.branches)


def refusals(groups: Mapping[str, Limits], origins: Sequence[Origin]) -> dict[str, str]:
    """Group -> why a run does not get it, of those that it does not get: every origin must be allowed."""
    found: dict[str, str] = {}
    for name, group in groups.items():
        why = next((why for origin in origins if (why := refusal(group, origin))), "")
        if why:
            found[name] = why
    return found


def of_commit(event: str, branches: Sequence[str], sha: str) -> Origin:
    """The origin of another commit's code, which a node of a pipeline names."""
    return contained(event, branches, short(sha))


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
