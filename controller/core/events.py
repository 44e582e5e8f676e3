"""Observations of refs become events. An event says what happened in git, in our words."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.values import RefName, Sha

BRANCHES = "refs/heads/"
TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True)
class Observation:
    """One step of a ref between two looks. `sha` None: the ref is gone; `before` None: it is new."""

    id: int
    ref: RefName
    sha: Sha | None
    before: Sha | None
    baseline: bool


@dataclass(frozen=True, slots=True)
class Push:
    """A branch moved to `head`. `between` are the commits of this step that nobody will run: oldest first."""

    ref: RefName
    branch: str
    head: Sha
    before: Sha | None
    between: tuple[Sha, ...] = ()


def push_of(observation: Observation, fresh: Sequence[Sha]) -> Push | None:
    """The push that an observation means, or None: a baseline, a vanished ref and a tag push nothing.

    `fresh` are the commits that came into the repository's view with this observation, oldest first.
    """
    if observation.baseline or observation.sha is None or not observation.ref.startswith(BRANCHES):
        return None
    between = tuple(sha for sha in fresh if sha != observation.sha)
    branch = observation.ref.removeprefix(BRANCHES)
    return Push(observation.ref, branch, observation.sha, observation.before, between)
