"""The stand-in of GitHub as a `ForgeSite`: its house and people, with our driver as an App or with a token."""

import datetime as dt
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import forges
from forges.github.api import GitHubApi, speak
from forges.port import Account, CheckState, Delivery
from schemas.messages.status import CommitState
from schemas.values import Secret
from tests.builders.forge_site import CheckKept, Heard, Right, Trouble
from tests.builders.github_house import House, house
from tests.builders.github_rights import of_app, of_token
from tests.standins.github.merge_queue import MergeGroup, NotGood
from tests.standins.github.model import CheckRun, Comment, Pull
from tests.standins.github.people import Person

SLOW = 20.0
"""Seconds; leaving the stand-in ends it."""
CHECK_WORDS: Mapping[str, str] = {
    "waiting": "queued", "running": "in_progress", "error": "failure", "action-required": "action_required",
}  # fmt: skip
"""Where they are not ours."""
Identity = Literal["app", "token"]


class GitHubSite:
    """See `ForgeSite`."""

    def __init__(self, there: House, identity: Identity, stranger: Person) -> None:
        self.there, self.github, self.repo = there, there.github, there.repo
        self.identity = identity
        self.secret = Secret("the hook's secret")
        self.hook_url = there.hook.url
        self.forge = forges.load("github", {"secret": self.secret})
        people = (there.ada, there.bob, there.eve, stranger)
        self.owner, self.writer, self.reader, self.stranger = (
            Account(str(one.id), one.login) for one in people
        )
        self.counts_calls = there.github.rates.enabled
        self.queues = True
        self._token = there.ada.token("repo", "admin:repo_hook")
        self._groups: list[MergeGroup] = []
        self.api: GitHubApi = self.fresh()

    @property
    def name(self) -> str:
        return self.repo.full_name

    @property
    def repository_id(self) -> str:
        return str(self.repo.id)

    def fresh(self, patience: float = 10.0) -> GitHubApi:
        return self.with_token(self._token, patience) if self.identity == "token" else self.as_app(patience)

    def as_app(self, patience: float = 10.0) -> GitHubApi:
        app = self.there.app
        known = {"app": app.client_id, "private_key": Secret(app.private_key)}
        return speak({"api": self.github.api, "timeout": patience, **known}, self.github.clock.seconds)

    def with_token(self, token: str, patience: float = 10.0) -> GitHubApi:
        settings = {"api": self.github.api, "timeout": patience, "token": Secret(token)}
        return speak(settings, self.github.clock.seconds)

    def now(self) -> str:
        return self.github.clock.now().astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def advance(self, seconds: float) -> None:
        self.github.clock.advance(seconds)

    def raw(self) -> list[Heard]:
        received = self.there.settled().received
        found = [Heard(one.headers, one.content) for one in received]
        received.clear()
        return found

    def heard(self) -> list[Delivery]:
        found = []
        for one in self.raw():
            self.forge.verify(one.headers, iter([one.body[:100], one.body[100:]]))
            found.append(self.forge.parse(one.headers, one.body))
        return found

    def head(self, branch: str = "main") -> str:
        return self.there.head(branch)

    def push(self, branch: str, text: str, onto: str = "") -> str:
        return self.there.bob.push(self.repo, branch, {"train.py": text}, onto=onto or None)

    def tag(self, name: str, sha: str) -> str:
        return self.there.bob.tag(self.repo, name, sha)

    def delete_ref(self, ref: str) -> None:
        self.there.bob.push_ref(self.repo, ref, None)

    def pull_of_fork(self, text: str, title: str) -> tuple[int, str]:
        eve = self.there.eve
        fork = eve.fork(self.repo)
        head = eve.push(fork, "fix", {"fix.py": text}, author=("Ada", "ada@example.org"))
        return eve.open_pull_request(self.repo, "fix", source=fork, title=title).number, head

    def push_to_fork(self, number: int, text: str) -> str:
        fork = self._pull(number).head_repository
        assert fork is not None
        return self.there.eve.push(fork, "fix", {"fix.py": text})

    def pull_of_branch(self, branch: str, title: str, *, draft: bool = False) -> int:
        return self.there.bob.open_pull_request(self.repo, branch, title=title, draft=draft).number

    def close(self, number: int) -> None:
        self.there.ada.close(self._pull(number))

    def delete_fork(self, number: int) -> None:
        fork = self._pull(number).head_repository
        assert fork is not None
        self.there.eve.delete(fork)

    def say(self, number: int, text: str) -> str:
        return str(self.there.eve.comment(self._pull(number), text).id)

    def edit(self, comment: str, text: str) -> None:
        self.there.bob.edit_comment(self._comment(comment), text)

    def unsay(self, comment: str) -> None:
        self.there.ada.delete_comment(self._comment(comment))

    def rerequest(self, sha: str, context: str = "", button: str = "") -> None:
        (suite,) = [one for one in self.repo.suites.values() if one.head_sha == sha]
        if not context:
            self.there.bob.rerequest(self.repo, suite)
            return
        run = max((one for one in suite.runs.values() if one.name == context), key=lambda one: one.id)
        if button:
            self.there.bob.press(self.repo, run, button)
        else:
            self.there.bob.rerequest(self.repo, run)

    def queue(self, number: int) -> str:
        self._groups.append(self.there.bob.merge_queue(self._pull(number)))
        return self._groups[-1].head_sha

    def queue_merges(self) -> bool:
        try:
            self._groups[-1].merge()
        except NotGood:
            return False
        return True

    def require(self, context: str) -> None:
        self.repo.required_checks = {context}

    def rename(self, name: str) -> None:
        self.there.ada.rename(self.repo, name)

    def transfer(self) -> None:
        self.github.install(self.there.app, self.there.ada, self.there.ada)
        self.there.ada.transfer(self.repo, self.there.ada.account)

    def status_word(self, state: CommitState) -> str:
        return state

    def check_word(self, state: CheckState) -> str:
        return CHECK_WORDS.get(state, state)

    def statuses(self, sha: str, context: str) -> list[tuple[str, str]]:
        found = [one for one in self.repo.statuses if (one.sha, one.context) == (sha, context)]
        return [(one.state, one.description or "") for one in found]

    def checks(self, sha: str) -> list[CheckKept]:
        return [
            CheckKept(
                str(run.id), run.name, run.conclusion or run.status, run.output.get("title", ""),
                tuple(note["message"] for note in run.annotations),
            )
            for run in self._runs(sha)
        ]  # fmt: skip

    def comments(self, number: int) -> list[str]:
        return [one.body for one in self._pull(number).comments.values()]

    def shown_deployments(self, sha: str) -> list[tuple[str, str]]:
        found = [one for one in self.repo.deployments.values() if one.sha == sha]
        return [
            (one.told["environment"], one.statuses[-1].told["state"] if one.statuses else "") for one in found
        ]

    def overwrite(self, sha: str, context: str) -> None:
        """Whoever may write sets a status; a check can only be another copy's of our own program."""
        if self.identity == "app" and self._runs(sha):
            (run,) = [run for run in self._runs(sha) if run.name == context]
            ours = self.there.installed()
            told = ours("PATCH", self.there.place(f"/check-runs/{run.id}"), {"conclusion": "cancelled"})
            assert told.status == 200, told.body
            return
        bob = self.there.client("").bearing(self.there.bob.token("repo"))
        bob.base = self.github.api
        told = bob("POST", self.there.place(f"/statuses/{sha}"), {"context": context, "state": "error"})
        assert told.status == 201, told.body

    def trouble(self, kind: Trouble, *, spare: int = 0) -> None:
        faults = self.github.faults
        if kind == "down":
            faults.down(spare=spare)
        elif kind == "cut":
            faults.cut(spare=spare)
        elif kind == "slow":
            faults.slow(SLOW, spare=spare)
        else:
            faults.error(502, after=kind == "lost", spare=spare)

    def weather_clears(self) -> None:
        self.github.faults.clear()

    def spend_budget(self, left: int) -> None:
        self.github.rates.leave(left)

    def secondary_limit(self, seconds: int) -> None:
        self.github.rates.secondary(seconds)

    @property
    def calls(self) -> int:
        return self.github.api_calls

    @property
    def impatient(self) -> int:
        return self.github.rates.impatient

    def lose_deliveries(self, count: int) -> None:
        self.github.post.lose(count)

    def double_deliveries(self) -> None:
        self.github.post.double()

    def spoil_hook(self) -> None:
        if self.identity == "app":
            hook = self.there.app.hook
            hook.url, hook.secret = "http://127.0.0.1:9/elsewhere", None
            return
        (hook,) = self.repo.hooks.values()
        hook.active, hook.events, hook.secret = False, ["issues"], None

    def revoke(self) -> bool:
        made = [token for token in self.github.world.tokens.values() if token.kind == "installation"]
        for token in made:
            token.revoked = True
        return bool(made)

    def rights(self) -> Mapping[str, Right]:
        return of_app(self) if self.identity == "app" else of_token(self)

    def reads_by_git(self, login: tuple[str, Secret]) -> bool:
        user, password = login
        scheme, _, rest = self.github.clone_url(self.repo).partition("://")
        address = f"{scheme}://{user}:{password.reveal()}@{rest}"
        environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(["git", "ls-remote", address], capture_output=True, env=environment, text=True)
        return done.returncode == 0 and self.head() in done.stdout

    @property
    def unaccepted(self) -> int:
        return sum(record.status == 401 for record in self.github.log)

    @property
    def violations(self) -> list[str]:
        return self.github.violations

    def _pull(self, number: int) -> Pull:
        found = self.repo.threads[number]
        assert isinstance(found, Pull)
        return found

    def _comment(self, id: str) -> Comment:
        found = (one.comments.get(int(id)) for one in self.repo.threads.values())
        return next(one for one in found if one is not None)

    def _runs(self, sha: str) -> list[CheckRun]:
        return [run for id, run in sorted(self.repo.runs().items()) if run.suite.head_sha == sha]


@contextmanager
def github_site(
    folder: Path, description: str, identity: Identity, *, enterprise: bool = False
) -> Iterator[GitHubSite]:
    """A private repository whose hook is not made yet."""
    with house(folder, description, private=True, enterprise=enterprise) as there:
        there.settled().received.clear()
        there.app.hook.url, there.app.hook.secret = "", None
        yield GitHubSite(there, identity, there.github.person("zoe"))
