"""The port of forges: deliveries (`Forge`), and what we ask and tell a forge (`ForgeApi`), in words of our own.

Ids of accounts, repositories, comments and checks are the forge's stable ones, as text. An account is its id: logins
change hands, and what a commit says of its author is whatever its author wrote. An empty id is nobody, and nobody may
do anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from schemas.codec import ShaText
from schemas.messages.status import CommitState
from schemas.values import Secret

DeliveryEvent = Literal[
    "push", "pull-request", "comment", "rerun", "merge-group", "repository", "installation", "ping", "other"
]
"""What a delivery is about. `other`: it is the forge's, and means nothing here."""


@dataclass(frozen=True, slots=True)
class PullRequestSeen:
    """A pull request as the forge shows it. `head_ref` and `base_ref` are branches' names, without `refs/heads/`.

    `fork`: its commits come from another repository, or from one that is gone (`head_repository_id` empty).
    `action`: the forge's word for what has just happened (`opened`, `synchronize`, `closed`); empty when it was asked for.
    """

    number: int
    head: ShaText
    head_ref: str
    head_repository_id: str
    base_ref: str
    base: ShaText
    fork: bool
    title: str
    author_id: str
    author_login: str
    action: str = ""
    open: bool = True
    draft: bool = False


@dataclass(frozen=True, slots=True)
class CommentSeen:
    """A comment below pull request `number`. `action`: `created`, `edited` or `deleted`. `at`: when it was written, UTC."""

    id: str
    number: int
    text: str
    author_id: str
    author_login: str
    action: str
    at: str
    bot: bool = False


@dataclass(frozen=True, slots=True)
class RerunAsked:
    """Somebody pressed a button of a check. `context` empty: of all checks of the commit.

    `action`: `rerun`, or the identifier of one of the check's own buttons. `app_id`: whose check it is.
    """

    head: ShaText
    context: str
    check_id: str
    external_id: str
    author_id: str
    author_login: str
    app_id: str
    action: str = "rerun"


@dataclass(frozen=True, slots=True)
class MergeGroupSeen:
    """Pull requests that a merge queue wants to merge together: `head` is the commit that would be merged.

    `action`: `requested`, or `destroyed` with the forge's `reason`. Refs are full names.
    """

    head: ShaText
    head_ref: str
    base: ShaText
    base_ref: str
    action: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RepositorySeen:
    """A repository as the forge names it now: `owner/name`, and the address to clone it from.

    `action`: what happened to it (`renamed`, `transferred`, `deleted`, ...); empty when it was asked for.
    """

    id: str
    name: str
    address: str = ""
    default_branch: str = ""
    action: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class InstallationSeen:
    """The forge's App was given or refused repositories. `action`: `created`, `deleted`, `suspend`, `added`, ..."""

    id: str
    action: str
    account: str
    added: tuple[RepositorySeen, ...] = ()
    removed: tuple[RepositorySeen, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A hint to look at a repository now. What is true of its refs, an observation says, never a delivery.

    `id` is the sender's number of it: the same number again is the same delivery. `ref` is a full name
    (`refs/heads/main`); `before` and `after` are what the sender says that it held and holds (40 zeros: nothing).
    `event` is a `DeliveryEvent`, and says which of the parts is there.
    """

    id: str
    event: str
    ref: str | None = None
    before: ShaText | None = None
    after: ShaText | None = None
    repository_id: str = ""
    repository: RepositorySeen | None = None
    pull: PullRequestSeen | None = None
    comment: CommentSeen | None = None
    rerun: RerunAsked | None = None
    queue: MergeGroupSeen | None = None
    installation: InstallationSeen | None = None


class Forge(Protocol):
    """All that differs by forge, for one repository. Without state; safe between threads.

    `headers` are the request's, their names in lower case, their values as they came.
    """

    def verify(self, headers: Mapping[str, str], pieces: Iterable[bytes]) -> None:
        """Return if the body is from this forge. Raises `Refused` with a sentence that gives no secret away.

        The body comes in pieces that are read from the network as they are asked for: what the headers alone rule out
        is refused before the first. Compares in constant time, with every secret that is valid (two while one is being
        replaced). Errors that `pieces` raises pass through.
        """
        ...

    def parse(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Read a body that was verified. Raises `Refused`, and nothing else, for one that is not as the forge documents.

        Pure: the same request gives the same delivery, except that one without a number gets a new one.
        """
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """Who somebody is at the forge. The login is a hint that saves a call; the id decides."""

    id: str
    login: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """What an account may do with a repository. `role`: the forge's word for it."""

    may_write: bool
    role: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Calls that the forge still takes, of `limit`, until `reset` (seconds since 1970). Final words go first."""

    limit: int
    remaining: int
    reset: float


CheckState = Literal[
    "waiting", "running", "success", "failure", "error", "neutral", "cancelled", "action-required"
]
"""A run's states, and `action-required`: a person must do something first."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark at lines of a file, counted from 1; `end_line` and `column` 0: not said."""

    path: str
    line: int
    message: str
    title: str = ""
    end_line: int = 0
    column: int = 0
    level: Literal["notice", "warning", "failure"] = "failure"


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a check. A press comes back as `RerunAsked` with its `identifier`."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a forge shows of one context at a commit. `summary` and `text` are Markdown; moments are ISO 8601 in UTC."""

    context: str
    head: ShaText
    state: CheckState
    title: str
    summary: str
    text: str = ""
    url: str = ""
    external_id: str = ""
    annotations: tuple[Annotation, ...] = ()
    actions: tuple[Action, ...] = ()
    started_at: str = ""
    finished_at: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the forge was told last of a context: kept by the caller, and given back with the next word.

    `digest` is of all that was said; empty: some of it is not there yet, and the same word said again in `after`
    seconds adds the rest. `remarks` and `remarked` are the number and the digest of the annotations that are there.
    """

    id: str
    digest: str
    remarks: int = 0
    remarked: str = ""
    final: bool = False
    after: float = 0.0
    word: str = ""
    """The forge's own word for the state, as `CheckShown.state` spells it: another one shows that somebody changed it."""


DeploymentShown = Literal["queued", "in_progress", "success", "failure", "inactive"]
"""How a forge shows what serves somewhere."""


@dataclass(frozen=True, slots=True)
class CheckShown:
    """What a forge shows now, to be compared with what it should show. `state`: a status' or a check's own word there."""

    id: str
    context: str
    state: str
    external_id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class HookState:
    """A hook of ours at the forge, and what was done. `absent`: there was none; `shared`: it brings others' deliveries too."""

    id: str
    did: Literal["created", "repaired", "kept", "deleted", "absent", "shared"]


@dataclass(frozen=True, slots=True)
class RefMoved:
    """A branch that moved, as the forge remembers it. `ref` is a full name; 40 zeros: there was or is nothing."""

    ref: str
    before: ShaText
    after: ShaText
    at: str


@dataclass(frozen=True, slots=True)
class MissedDelivery:
    """A delivery that never got through. `id`: the forge's number of the try; `delivery`: as in `Delivery.id`."""

    id: str
    delivery: str
    event: str
    at: str


class ForgeApi(Protocol):
    """What we ask and tell a forge. Safe between threads. `repository` is its name there, `owner/name`.

    Raises `Waiting` when the forge is down or wants less of us: nothing is known then, least of all that something is
    not there. `Stalled` when a person has to act; `Gone` when the commit, pull request or comment is no more; `Refused`
    when the forge will never take what was said. No error, log or `repr` holds a token.
    """

    @property
    def checks(self) -> bool:
        """If checks may be said; else a status has to do."""
        ...

    def budget(self, repository: str) -> Budget | None:
        """Calls that are left for this repository and those that share its limit; None before the first. Asks nothing."""
        ...

    def repository(self, repository: str) -> RepositorySeen:
        """The repository as it is named now: another name than was asked for means that it was renamed or transferred."""
        ...

    def new_name(self, repository: str) -> str | None:
        """Its present name, if an answer so far led elsewhere; asks the forge only then."""
        ...

    def say_status(
        self, repository: str, sha: str, context: str, state: CommitState, description: str, url: str = "",
        known: Said | None = None,
    ) -> Said:  # fmt: skip
        """Show a status on a commit. Nothing is sent when `known` says the same."""
        ...

    def say_check(self, repository: str, check: Check, known: Said | None = None) -> Said:
        """Show a check: a new one, or `known` brought up to date. Nothing is sent when `known` says the same."""
        ...

    def say_deployment(
        self, repository: str, sha: str, environment: str, state: DeploymentShown, description: str,
        urls: tuple[str, str] = ("", ""), known: Said | None = None,
    ) -> Said:  # fmt: skip
        """Show that a commit serves, or will, somewhere. Nothing is sent when `known` says the same.

        `urls`: the page about it, and where it answers, empty where that is no single place.
        """
        ...

    def shown(self, repository: str, sha: str) -> tuple[CheckShown, ...]:
        """The newest of every context that the forge shows on a commit, from us or from others."""
        ...

    def pulls(self, repository: str) -> tuple[PullRequestSeen, ...]:
        """The open pull requests, oldest first."""
        ...

    def pull(self, repository: str, number: int) -> PullRequestSeen:
        """One pull request, open or not."""
        ...

    def files(self, repository: str, number: int) -> frozenset[str] | None:
        """Paths that a pull request changes, with a renamed file's old path; None: more than the forge tells."""
        ...

    def permission(self, repository: str, account: Account) -> Permission:
        """What the account may do, as the forge says now. An account that it does not know may do nothing."""
        ...

    def comments_since(self, repository: str, moment: str) -> tuple[CommentSeen, ...]:
        """Comments below pull requests that were written or edited since then (ISO 8601, UTC), oldest change first."""
        ...

    def moves_since(self, repository: str, moment: str) -> tuple[RefMoved, ...]:
        """How branches moved since then (ISO 8601, UTC), oldest first; nothing from a forge that keeps no such list."""
        ...

    def comment(self, repository: str, number: int, text: str, known: str = "") -> str:
        """Comment on a pull request, or replace our comment `known`. The comment's id."""
        ...

    def ensure_hook(self, repository: str, url: str, secret: Secret, renew: bool = False) -> HookState:
        """See that deliveries come to `url`. `renew` sends the secret also to a hook that looks as it should."""
        ...

    def drop_hook(self, repository: str, url: str) -> HookState:
        """Delete the repository's hook whose deliveries come to `url`, and no other: `deleted`, `absent` or `shared`."""
        ...

    def missed_deliveries(self, repository: str, hook: str, since: str) -> tuple[MissedDelivery, ...]:
        """Deliveries since then (ISO 8601, UTC) of which no try got through, oldest first. Raises `Gone` without the hook."""
        ...

    def redeliver(self, repository: str, hook: str, missed: MissedDelivery) -> None:
        """Ask for another try. It comes under the same `Delivery.id`."""
        ...

    def check_rights(self, repository: str) -> tuple[str, ...]:
        """What is missing for all of the above, as sentences that say what to do. Empty: nothing."""
        ...

    def git_login(self, repository: str) -> tuple[str, Secret]:
        """User and password with which git reads the repository; short-lived where the forge has such."""
        ...
