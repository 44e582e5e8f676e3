"""What happened in git or at a forge, in our words. Observations of refs become events here; forges bring the others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import ShaText
from schemas.values import RefName, Sha

BRANCHES = "refs/heads/"
TAGS = "refs/tags/"
LONGEST = 200
"""Characters of an occurrence, as the ledger keeps it."""


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


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, annotated or not, leads to `head`: it is new, or has moved there."""

    ref: RefName
    name: str
    head: Sha


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request has a new head or a new base. `base_ref` is the branch that it wants to go to, `base` its commit.

    `author_id` is the forge's id of the account that opened it; `author` is only how people call it.
    """

    number: int
    head: ShaText
    base_ref: str
    base: ShaText
    fork: bool = False
    title: str = ""
    trusted: bool = True
    head_ref: str = ""
    author_id: str = ""
    author: str = ""

    @property
    def key(self) -> str:
        """What makes two tellings one event: number, head and base."""
        return f"{self.number}:{self.head}:{clip(self.target, 150)}:{self.base}"

    @property
    def target(self) -> str:
        """The name of the branch that it wants to go to."""
        return self.base_ref.removeprefix(BRANCHES)

    @property
    def ref(self) -> RefName:
        """The name under which its commits are kept here."""
        return pull_ref(self.number)

    @property
    def trust(self) -> str:
        """`trusted` or `untrusted`: a fork's commits never are trusted, others unless a policy says so."""
        return "trusted" if self.trusted and not self.fork else "untrusted"


@dataclass(frozen=True, slots=True)
class Comment:
    """Somebody wrote below a pull request whose head was `head`. `at`: when, in UTC, as ISO 8601.

    `may_write`: what the forge says of the account `author_id` and this repository; `author` is only how people call it.
    """

    id: str
    number: int
    head: ShaText
    text: str
    author: str
    may_write: bool
    at: str = ""
    author_id: str = ""

    @property
    def key(self) -> str:
        """What makes two tellings one event: the forge's id."""
        return clip(self.id)

    @property
    def ref(self) -> RefName:
        """The name under which the pull request's commits are kept here."""
        return pull_ref(self.number)


NAMED = "refs/luotsi/named/"


@dataclass(frozen=True, slots=True)
class Named:
    """The forge named a commit that `ref` was at: it is owed a verdict even if no look ever finds a ref at it."""

    ref: str
    head: ShaText

    @property
    def key(self) -> str:
        """What makes two tellings one event: ref and commit."""
        return f"{clip(self.ref)}:{self.head}"

    @property
    def kept_as(self) -> RefName:
        """The name under which the commit is kept here where no look found it: no branch's, since nobody saw it on one."""
        return RefName(NAMED + self.ref.removeprefix("refs/"))


QUEUE = f"{BRANCHES}gh-readonly-queue/"
"""Where a merge queue keeps the commits that it would merge: `<target>/pr-<number>-<base commit>` below it."""


def queued(ref: str, sha: str) -> PullRequest | None:
    """The pull request that a merge queue's branch stands for: trusted, since only who may merge puts one there.

    None for every other branch. https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository
    """
    target, _, last = ref.removeprefix(QUEUE).rpartition("/")
    word, _, rest = last.partition("-")
    number, _, base = rest.partition("-")
    if not ref.startswith(QUEUE) or word != "pr" or not target or not number.isdecimal() or not base:
        return None
    return PullRequest(int(number), sha, BRANCHES + target, base, head_ref=ref.removeprefix(BRANCHES))


def pull_ref(number: int) -> RefName:
    """The ref of a pull request's head, as most forges spell it."""
    return RefName(f"refs/pull/{number}/head")


def push_of(observation: Observation, fresh: Sequence[Sha]) -> Push | None:
    """The push that an observation means, or None: a baseline, a vanished ref, a tag and a merge queue push nothing.

    `fresh` are the commits that came into the repository's view with this observation, oldest first.
    """
    if observation.baseline or observation.sha is None or not observation.ref.startswith(BRANCHES):
        return None
    if observation.ref.startswith(QUEUE):
        return None
    between = tuple(sha for sha in fresh if sha != observation.sha)
    branch = observation.ref.removeprefix(BRANCHES)
    return Push(observation.ref, branch, observation.sha, observation.before, between)


def tag_of(observation: Observation) -> Tagged | None:
    """The tag that an observation means, or None: tags of the baseline and tags that are gone ask for nothing."""
    if observation.baseline or observation.sha is None or not observation.ref.startswith(TAGS):
        return None
    return Tagged(observation.ref, observation.ref.removeprefix(TAGS), observation.sha)


def clip(text: str, limit: int = LONGEST) -> str:
    """The text itself, or where it is too long for the ledger its beginning with a digest: equal texts stay equal."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 33]}~{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:32]}"
