"""May this event's code run, and with what. Pure: decided by account ids, roles, digests and the operator's policy alone.

What a commit says of itself (author, committer, message, its own config) is no argument to anything here.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controller.core.events import PullRequest
from schemas.values import short

LIFE = timedelta(days=30)
"""How long an approval stands at most. Bounds what has to be looked at each turn, and what is forgotten may not run."""

STOPPED = "stopped: the approval "
"""How the reason of a run begins whose approval ended before it did: another approval lets it begin again."""

_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Policy(Protocol):
    """What the settings say of a repository's pull requests (`controller/ports.PullPolicy`)."""

    @property
    def trust(self) -> str:
        """`branches`: the repository's own branches are trusted; `nobody`: no pull request is."""

    @property
    def environment(self) -> str:
        """Where approved runs run; empty: nothing can be approved."""

    @property
    def grants(self) -> tuple[str, ...]:
        """Variable groups that approved runs get."""

    @property
    def cap(self) -> float | None:
        """Machine hours that an approval covers; None: without end."""


class Approval(Protocol):
    """An approval as the ledger keeps it (`ledger/pull_approvals.ApprovalRow`)."""

    @property
    def sha(self) -> str:
        """The commit that was approved."""

    @property
    def config_digest(self) -> str:
        """See `config_digest`."""

    @property
    def environment(self) -> str:
        """As `Policy`'s, when it was approved."""

    @property
    def grants(self) -> tuple[str, ...]:
        """As `Policy`'s, when it was approved."""

    @property
    def cap(self) -> float | None:
        """As `Policy`'s, when it was approved."""

    @property
    def approved_at(self) -> datetime:
        """When it was written."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an approval rests on, as it is now. `policy` None: the repository is not watched any more."""

    head: str | None
    """The newest head that was told of the pull request."""
    config_digest: str
    policy: Policy | None
    environments: Collection[str]
    """Names of the installation's environments."""
    now: datetime
    hours: float = 0.0
    """Machine hours that its executions have used together."""


def class_of(policy: Policy, fork: bool) -> bool:
    """Whether the commits of a pull request are trusted. A fork's never are; what a policy does not allow, is not."""
    return not fork and policy.trust == "branches"


def trusted(policy: Policy, pull: PullRequest) -> bool:
    """The same for a pull request that was told: it stays untrusted if it was so when it was told."""
    return pull.trusted and class_of(policy, pull.fork)


def may_approve(author_id: str, may_write: bool) -> bool:
    """Whether an account may let untrusted code run: it has an identity, and the forge says that it may write."""
    return may_write is True and bool(author_id.strip())


def is_full(sha: str) -> bool:
    """Whether a text is a whole commit id: what is shorter could come to mean another commit."""
    return _FULL.fullmatch(sha) is not None


def config_digest(texts: Mapping[str, str | None]) -> str:
    """The digest of a commit's config: of each project's root and the file that was judged there (None: no file)."""
    spelled = json.dumps(sorted(texts.items()), separators=(",", ":"))
    return "sha256:" + hashlib.sha256(spelled.encode(errors="surrogatepass")).hexdigest()


def unapprovable(policy: Policy | None, environments: Collection[str]) -> str:
    """Why nothing of a repository's pull requests can be approved, for the operator; empty when it can."""
    if policy is None:
        return "the repository is not in the settings any more"
    if not policy.environment:
        return "the settings name no environment for untrusted runs (`pull-requests: {environment: NAME}`)"
    if policy.environment not in environments:
        return f"the settings have no environment {policy.environment}, which `pull-requests` names"
    return ""


def void_reason(approval: Approval, facts: Facts) -> str | None:
    """Why an approval does not hold any more; None while it does. The words follow "the approval is void:"."""
    if facts.head != approval.sha:
        now = f"the pull request is at {short(facts.head)}" if facts.head else "the pull request is not known"
        return f"approved was {short(approval.sha)}; {now}"
    if facts.config_digest != approval.config_digest:
        return "what counts as its config changed"
    missing = unapprovable(facts.policy, facts.environments)
    if missing or facts.policy is None:
        return missing
    return _changed(approval, facts.policy) or _used_up(approval, facts)


def _changed(approval: Approval, policy: Policy) -> str | None:
    if policy.environment != approval.environment:
        return (
            f"the environment for untrusted runs changed from {approval.environment} to {policy.environment}"
        )
    if sorted(policy.grants) != sorted(approval.grants):
        return f"the granted groups changed from {_listed(approval.grants)} to {_listed(policy.grants)}"
    if policy.cap != approval.cap:
        return f"its cap changed from {hours(approval.cap)} to {hours(policy.cap)}"
    return None


def _used_up(approval: Approval, facts: Facts) -> str | None:
    if facts.now - approval.approved_at > LIFE:
        return f"it is older than {LIFE.days} days"
    return cap_words(approval) if is_used_up(approval, facts.hours) else None


def is_used_up(approval: Approval, used: float) -> bool:
    """Whether the machine hours that an approval covers are used up."""
    return approval.cap is not None and used >= approval.cap


def cap_words(approval: Approval) -> str:
    """Why an approval has ended by its cap."""
    return f"it covers {hours(approval.cap)} and they are used up"


def ended(reason: str, by_cap: bool) -> str:
    """The reason of a run whose approval ended: `stopped: the approval covers 4 machine hours and they are used up`."""
    return STOPPED + (reason.removeprefix("it ") if by_cap else f"is void: {reason}")


def breach(approval: Approval | None, environment: str, groups: Sequence[str]) -> str:
    """What untrusted code may not do that is about to start; empty when it stays within its approval."""
    if approval is None:
        return "untrusted code runs only while an approval stands, and none does"
    if environment != approval.environment:
        return f"untrusted code runs in {approval.environment} only, not in {environment}"
    beyond = [name for name in groups if name not in approval.grants]
    if beyond:
        return f"the variable group {beyond[0]} is not granted to untrusted code"
    return ""


def hours(cap: float | None) -> str:
    """`4 machine hours`."""
    return "any number of machine hours" if cap is None else f"{cap:g} machine hour{'' if cap == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "none"
