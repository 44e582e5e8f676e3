"""What GitHub knows: accounts, repositories, threads with comments, checks, statuses, deployments, apps, hooks."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


def at_least(role: str, wanted: str) -> bool:
    return ROLES.index(role) >= ROLES.index(wanted)


def legacy(role: str) -> str:
    """The word for a role where GitHub knows only admin, write, read and none."""
    return {"maintain": "write", "triage": "read"}.get(role, role)


@dataclass(eq=False)
class Account:
    """`kind` is User, Organization or Bot. The login may change; the id does not."""

    id: int
    login: str
    kind: str
    email: str | None
    name: str | None
    created_at: dt.datetime
    members: dict[int, str] = field(default_factory=dict)
    """Of an organization: account id to `member` or `admin` (an owner)."""
    base_role: str = "read"
    """What members may do in each repository of the organization."""
    hooks: "dict[int, Hook]" = field(default_factory=dict)
    """Of an organization: webhooks for all its repositories."""


@dataclass(eq=False)
class Comment:
    id: int
    thread: "Thread"
    user: Account
    body: str
    created_at: dt.datetime
    updated_at: dt.datetime
    app: "App | None" = None
    reactions: dict[int, "Reaction"] = field(default_factory=dict)


@dataclass(eq=False)
class Reaction:
    id: int
    user: Account
    content: str
    created_at: dt.datetime


@dataclass(eq=False)
class Thread:
    """An issue; pull requests are threads as well, and share the numbers."""

    id: int
    number: int
    repository: "Repository"
    user: Account
    title: str
    body: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    state: str = "open"
    closed_at: dt.datetime | None = None
    comments: dict[int, Comment] = field(default_factory=dict)


@dataclass(eq=False)
class Pull(Thread):
    """`head_repository` is None once the fork is deleted."""

    head_repository: "Repository | None" = None
    head_ref: str = ""
    head_label: str = ""
    head_sha: str = ""
    base_ref: str = ""
    base_sha: str = ""
    draft: bool = False
    merge_sha: str | None = None
    """The test merge while it is open and has no conflict, what was merged afterwards."""
    merged_at: dt.datetime | None = None
    merged_by: Account | None = None
    computing: int = 0
    """So many times yet reading it says that the test merge is still being made (`mergeable` is null)."""


@dataclass(eq=False)
class Status:
    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: dt.datetime


@dataclass(eq=False)
class CheckSuite:
    id: int
    app: "App"
    head_sha: str
    head_branch: str | None
    before: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    asked: bool = False
    """Somebody asked for it or a run of it again, and the app has written nothing since."""
    runs: dict[int, "CheckRun"] = field(default_factory=dict)


@dataclass(eq=False)
class CheckRun:
    id: int
    suite: CheckSuite
    name: str
    status: str
    conclusion: str | None
    started_at: str | None
    completed_at: str | None
    details_url: str | None
    external_id: str | None
    output: dict[str, Any]
    annotations: list[dict[str, Any]]
    actions: list[dict[str, Any]]


@dataclass(eq=False)
class Deployment:
    id: int
    told: dict[str, Any]
    """ref, task, payload, environment, description and so on as given, with the documented defaults."""
    sha: str
    creator: Account
    app: "App | None"
    created_at: dt.datetime
    updated_at: dt.datetime
    statuses: list["DeploymentStatus"] = field(default_factory=list)


@dataclass(eq=False)
class DeploymentStatus:
    id: int
    told: dict[str, Any]
    creator: Account
    app: "App | None"
    created_at: dt.datetime


@dataclass(eq=False)
class Delivery:
    """One sending of an event to a hook. Sendings of one event to one hook share the `guid`."""

    id: int
    guid: str
    event: str
    action: str | None
    body: dict[str, Any]
    delivered_at: dt.datetime
    redelivery: bool
    installation_id: int | None
    repository_id: int | None
    status: str = "PENDING"
    code: int = 0
    duration: float = 0.0
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] | None = None
    response_body: str | None = None


@dataclass(eq=False)
class Hook:
    """A webhook of a repository, an organization or an app; `target` says whose, as its deliveries' headers do."""

    id: int
    url: str
    secret: str | None
    content_type: str
    insecure_ssl: str
    events: list[str]
    active: bool
    created_at: dt.datetime
    updated_at: dt.datetime
    target: tuple[str, int]
    """`repository`, `organization` or `integration`, and its id."""
    deliveries: list[Delivery] = field(default_factory=list)


@dataclass(eq=False)
class Installation:
    id: int
    app: "App"
    account: Account
    permissions: dict[str, str]
    events: list[str]
    repository_ids: set[int] | None
    """None: all of the account's repositories."""
    created_at: dt.datetime
    updated_at: dt.datetime
    suspended_at: dt.datetime | None = None

    def covers(self, repository: "Repository") -> bool:
        if repository.owner is not self.account or repository.deleted:
            return False
        return self.repository_ids is None or repository.id in self.repository_ids


@dataclass(eq=False)
class App:
    id: int
    slug: str
    client_id: str
    owner: Account
    bot: Account
    permissions: dict[str, str]
    events: list[str]
    private_key: str
    hook: Hook
    created_at: dt.datetime
    installations: dict[int, Installation] = field(default_factory=dict)


@dataclass(eq=False)
class Activity:
    """A branch that moved. `kind` in the words of the API; forty zeros where there was or is nothing."""

    id: int
    ref: str
    before: str
    after: str
    kind: str
    actor: Account
    at: dt.datetime


@dataclass(eq=False)
class Repository:
    """`id` outlives every name; `former` are names (owner/name, lower case) that lead here."""

    id: int
    owner: Account
    name: str
    path: Path
    private: bool
    default_branch: str
    created_at: dt.datetime
    updated_at: dt.datetime
    pushed_at: dt.datetime
    fork_of: "Repository | None" = None
    collaborators: dict[int, str] = field(default_factory=dict)
    required_checks: set[str] = field(default_factory=set)
    threads: dict[int, Thread] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    suites: dict[int, CheckSuite] = field(default_factory=dict)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    former: set[str] = field(default_factory=set)
    deleted: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def key(self) -> str:
        return self.full_name.lower()

    def pulls(self) -> list[Pull]:
        return [thread for thread in self.threads.values() if isinstance(thread, Pull)]

    def runs(self) -> dict[int, CheckRun]:
        return {id: run for suite in self.suites.values() for id, run in suite.runs.items()}

    def role(self, account: Account | None) -> str:
        """What the account may do here, in GitHub's words; public repositories are read by everybody."""
        lowest = "none" if self.private else "read"
        if account is None:
            return lowest
        if account is self.owner:
            return "admin"
        roles = [lowest, self.collaborators.get(account.id, "none")]
        if account.id in self.owner.members:
            roles.append("admin" if self.owner.members[account.id] == "admin" else self.owner.base_role)
        return max(roles, key=ROLES.index)
