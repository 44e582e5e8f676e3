"""What a contract test can do at a forge, in the words of the port: the people's side of it, and its weather.

A stand-in of a forge is wrapped in one of these, and `tests/drivers/forge_contract.py` then runs against its driver.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from forges.port import Account, CheckState, Delivery, Forge, ForgeApi
from schemas.messages.status import CommitState
from schemas.values import Secret

Trouble = Literal["down", "cut", "error", "lost", "slow"]
"""The connection breaks before anything is done, or in the middle of the answer; the answer is a fault and nothing is done, or
all is; the answer comes too late."""


@dataclass(frozen=True)
class Heard:
    """A delivery as it came over the network."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Right:
    """A permission that can be taken away: what the driver then says, and how it is taken."""

    words: tuple[str, ...]
    """One for each sentence that is expected: a part of it."""
    take: Callable[[], ForgeApi]
    """Takes it, and gives the driver's API with what is left. The right is back when the next one is taken."""


@dataclass(frozen=True)
class CheckKept:
    """A check as the forge itself keeps it. `state` is its own word; `remarks` are the messages of annotations."""

    id: str
    context: str
    state: str
    title: str
    remarks: tuple[str, ...] = field(default=())


class ForgeSite(Protocol):
    """One repository at a forge; `owner` may all, `writer` may write, `reader` may only read, `stranger` is not in it."""

    forge: Forge
    secret: Secret
    hook_url: str
    owner: Account
    writer: Account
    reader: Account
    stranger: Account
    counts_calls: bool
    """If the forge tells how many calls are left."""
    queues: bool
    """If it has merge queues whose deliveries come to this driver's hook."""

    @property
    def name(self) -> str:
        """The repository's present name."""
        ...

    @property
    def repository_id(self) -> str: ...

    @property
    def api(self) -> ForgeApi:
        """The driver, with all rights; the same one each time."""
        ...

    def fresh(self, patience: float = 10.0) -> ForgeApi:
        """Another one that knows nothing yet, and waits so many seconds for an answer."""
        ...

    def now(self) -> str:
        """The forge's time, ISO 8601 in UTC."""
        ...

    def advance(self, seconds: float) -> None:
        """Moves the forge's clock, and the driver's."""
        ...

    def raw(self) -> list[Heard]:
        """What came since the last look, when nothing is on its way any more."""
        ...

    def heard(self) -> list[Delivery]:
        """The same, verified and parsed."""
        ...

    def head(self, branch: str = "main") -> str: ...

    def push(self, branch: str, text: str, onto: str = "") -> str:
        """The writer commits a file and pushes it; `onto` an older commit: forced."""
        ...

    def tag(self, name: str, sha: str) -> str:
        """The writer pushes an annotated tag; what its ref then holds."""
        ...

    def delete_ref(self, ref: str) -> None: ...

    def pull_of_fork(self, text: str, title: str) -> tuple[int, str]:
        """The reader forks, commits in the owner's name and e-mail, and opens a pull request: its number and head."""
        ...

    def push_to_fork(self, number: int, text: str) -> str: ...

    def pull_of_branch(self, branch: str, title: str, *, draft: bool = False) -> int:
        """The writer's, from a branch of the repository."""
        ...

    def close(self, number: int) -> None: ...

    def delete_fork(self, number: int) -> None: ...

    def say(self, number: int, text: str) -> str:
        """The reader comments; the comment's id."""
        ...

    def edit(self, comment: str, text: str) -> None:
        """The writer edits it."""
        ...

    def unsay(self, comment: str) -> None:
        """Its author deletes it."""
        ...

    def rerequest(self, sha: str, context: str = "", button: str = "") -> None:
        """The writer asks for a check again, for all of a commit (no context), or presses a check's button."""
        ...

    def queue(self, number: int) -> str:
        """The writer puts a pull request into the merge queue; the commit that is to be checked."""
        ...

    def queue_merges(self) -> bool:
        """If the group may be merged by its checks; it is, then."""
        ...

    def require(self, context: str) -> None:
        """Nothing is merged without this check."""
        ...

    def rename(self, name: str) -> None: ...

    def transfer(self) -> None:
        """To the owner's own account, where all our rights are granted as well."""
        ...

    def status_word(self, state: CommitState) -> str:
        """What the forge calls a status' state."""
        ...

    def check_word(self, state: CheckState) -> str: ...

    def statuses(self, sha: str, context: str) -> list[tuple[str, str]]:
        """Every status that the forge was ever given for a context: state and description, oldest first."""
        ...

    def checks(self, sha: str) -> list[CheckKept]:
        """Every check that it keeps for a commit, oldest first."""
        ...

    def comments(self, number: int) -> list[str]: ...

    def shown_deployments(self, sha: str) -> list[tuple[str, str]]:
        """Environment and newest state of the deployments of a commit."""
        ...

    def overwrite(self, sha: str, context: str) -> None:
        """Somebody or the forge itself makes a status or check show something else."""
        ...

    def trouble(self, kind: Trouble, *, spare: int = 0) -> None:
        """What the next call meets, or the one after so many."""
        ...

    def weather_clears(self) -> None: ...

    def spend_budget(self, left: int) -> None: ...

    def secondary_limit(self, seconds: int) -> None: ...

    @property
    def calls(self) -> int:
        """Calls that the forge saw so far, those that a limit refused too."""
        ...

    @property
    def impatient(self) -> int:
        """Calls that came although the forge had said to wait."""
        ...

    def lose_deliveries(self, count: int) -> None: ...

    def double_deliveries(self) -> None:
        """The next delivery comes twice."""
        ...

    def spoil_hook(self) -> None:
        """Somebody turns our hook into one that brings nothing, or nothing that is signed."""
        ...

    def revoke(self) -> bool:
        """Takes back the token that the driver has now, if it can get another by itself."""
        ...

    def rights(self) -> Mapping[str, Right]: ...

    def reads_by_git(self, login: tuple[str, Secret]) -> bool:
        """If git lists the repository's refs with this user and password, the repository being private."""
        ...

    @property
    def unaccepted(self) -> int:
        """Calls whose login was not accepted."""
        ...

    @property
    def violations(self) -> list[str]:
        """Requests that the forge's description does not allow."""
        ...
