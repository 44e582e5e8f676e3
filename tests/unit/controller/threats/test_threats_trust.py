"""Threats to trust, by their rows: who may let code run, which commit it is, what that code gets, and what it leaves behind."""

import json
import sqlite3
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from controller.core import trust
from controller.core.events import PullRequest
from controller.core.status import HELD
from controller.ports import PullPolicy
from ledger import attempts
from ledger.tables import attempts as attempts_table
from ledger.tables import executions as executions_table
from ledger.tables import runs as runs_table
from luotsi import web_app
from schemas.errors import Refused
from schemas.states import RunState
from tests.builders.fork_mind import CANARY, FORKS, GRANTED, GROUPS, STEP, TRAIN, ForkMind

CONFIG = STEP + TRAIN
POLICIES = (PullPolicy("branches", "forks"), PullPolicy("nobody", "forks"), PullPolicy("branches"))
TEXT = st.sampled_from(["", " ", "ada", "1001", "ada@example.org", "maintainer", "0", "\u00a0"]) | st.text(
    max_size=8
)


@pytest.fixture
def mind(tmp_path: Path) -> ForkMind:
    made = ForkMind(tmp_path)
    made.push(CONFIG)
    made.finish(made.waiting()[0])
    return made


def secrets_of(mind: ForkMind, execution: str) -> dict[str, str]:
    """What the web side gives with a claim of the execution's attempt."""
    with mind.ports.ledger.read() as connection:
        attempt = connection.scalars(
            select(attempts_table.c.id).where(attempts_table.c.execution_id == execution)
        ).one()
        row = attempts.find(connection, attempt)
    watched = mind.ports.settings.repositories
    opened: Any = SimpleNamespace(variable_groups=lambda: GROUPS, repositories=lambda: watched)
    given = web_app._secrets(opened, mind.ports.ledger, row)
    return {name: value.reveal() for name, value in given.items()}


# Row 1: whom a commit names is nobody's approval.


@given(author=TEXT, login=TEXT, title=TEXT, policy=st.sampled_from(POLICIES), fork=st.booleans())
def test_threat_01_trust_is_a_function_of_policy_and_fork_alone(
    author: str, login: str, title: str, policy: PullPolicy, fork: bool
) -> None:
    pull = PullRequest(7, "a" * 40, "main", "b" * 40, fork, title, author_id=author, author=login)
    assert trust.trusted(policy, pull) is (not fork and policy.trust == "branches")


def test_threat_01_a_commit_in_a_maintainers_name_stays_held(mind: ForkMind) -> None:
    mind.person.git("checkout", "--quiet", "--detach", "origin/main")
    (mind.person.clone / "train.py").write_text("evil\n")
    mind.person.git("add", "--all")
    # Author and committer are the very maintainer who may write: name and address, as git lets anybody say them.
    mind.person.git(
        "commit", "--quiet", "--author=ada <ada@example.org>", "-m", "/approve\n\nSigned-off-by: ada"
    )
    sha = mind.person.git("rev-parse", "HEAD")
    mind.person.push("+HEAD:refs/pull/7/head")
    mind.person.git("checkout", "--quiet", "main")
    mind.told(sha, author="ada")
    assert mind.run().reason in HELD
    # Who only calls himself so may not approve either; the account counts.
    assert "only an account with write access" in mind.approve(sha, author="ada", may_write=False)
    assert "only an account with write access" in mind.approve(sha, author="ada", author_id="")
    assert mind.waiting() == []


# Row 3: approve, then push.


class Story:
    """A model beside the controller: which commit an approval stands for, and every approval that was ever given."""

    def __init__(self, mind: ForkMind) -> None:
        self.mind = mind
        self.heads = [mind.fork({"n": "0"}, rest=False)]
        mind.turn()
        self.head = self.heads[0]
        self.cap = 4.0
        self.stands: str | None = None
        self.ever: dict[str, set[float]] = {}

    def push(self) -> None:
        self.head = self.mind.fork({"n": str(len(self.heads))}, rest=False)
        self.heads.append(self.head)
        self.stands = None

    def back(self) -> None:
        """The pull request is forced back to its first head."""
        if self.head != self.heads[0]:
            self.head = self.heads[0]
            self.mind.told(self.head, rest=False)
            self.stands = None

    def approve(self) -> None:
        """Somebody approves what they looked at last."""
        self._approve(self.head)

    def approve_old(self) -> None:
        """Somebody approves what they looked at before the push."""
        self._approve(self.heads[0])

    def stranger(self) -> None:
        self.mind.approve(self.head, rest=False, author_id="666", may_write=False)

    def _approve(self, sha: str) -> None:
        answer = self.mind.approve(sha, rest=False)
        if answer.startswith("ada approved"):
            assert sha == self.head
            self.stands = sha
            self.ever.setdefault(sha, set()).add(self.cap)
        else:
            assert sha != self.head or not self._is_judged(sha), answer

    def _is_judged(self, sha: str) -> bool:
        with self.mind.ports.ledger.read() as connection:
            return bool(
                connection.execute(select(runs_table.c.id).where(runs_table.c.sha == sha)).first() is not None
            )

    def settings(self) -> None:
        self.cap = 5.0 if self.cap == 4.0 else 4.0
        self.mind.policy(cap=self.cap)
        self.stands = None

    def turn(self) -> None:
        self.mind.turn()

    def claim(self) -> None:
        with self.mind.ports.ledger.read() as connection:
            waiting = [row.id for row in attempts.waiting(connection) if row.stop_at is None]
        for attempt in waiting[:1]:
            with self.mind.ports.ledger.read() as connection:
                row = attempts.find(connection, attempt)
            found = next(e for e in self.mind.executions() if e.id == row.execution_id)
            self.mind.claim(found)

    def finish(self) -> None:
        for row in self.mind.waiting()[:1]:
            with self.mind.ports.ledger.read() as connection:
                is_held = any(held.execution_id == row.id for held in attempts.held_now(connection))
            if is_held:
                self.mind.finish(row, rest=False)

    def check(self) -> None:
        """After a turn: what may begin is of the commit whose approval stands, and nothing else ever ran."""
        untrusted = {run.id: run for run in self.mind.runs() if run.trust == "untrusted"}
        for execution in self.mind.executions():
            run = untrusted.get(execution.run_id or "")
            if run is None:
                continue
            assert execution.sha in self.ever, "only an approved commit has executions"
            assert execution.environment_id == FORKS
            assert execution.spec["variable_groups"] == []
            assert execution.spec["trust"] == "untrusted"
        with self.mind.ports.ledger.read() as connection:
            claimable = [row for row in attempts.waiting(connection) if row.stop_at is None]
            barred = connection.execute(
                select(attempts_table.c.id, executions_table.c.sha)
                .join(executions_table, executions_table.c.id == attempts_table.c.execution_id)
                .where(attempts_table.c.state == "waiting")
            ).all()
        assert {row.spec["commit"] for row in claimable} <= {self.stands}
        for attempt in (row.id for row in barred if row.sha != self.stands):
            with pytest.raises(Refused), self.mind.ports.ledger.write() as connection:
                attempts.claim(connection, attempt, "nobody", FORKS, 0, self.mind.now)


STEPS = ("push", "back", "approve", "approve_old", "stranger", "settings", "turn", "claim", "finish")


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.sampled_from(STEPS), min_size=4, max_size=9))
def test_threat_03_only_the_approved_commit_ever_runs(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mind = ForkMind(Path(folder))
        mind.push(STEP + TRAIN.replace("push: { branches: [main] }, ", ""))
        story = Story(mind)
        for step in ["approve", *steps]:
            getattr(story, step)()
            mind.turn()
            mind.turn()
            story.check()


def test_threat_03_a_push_between_approval_and_dispatch_starts_neither_commit(mind: ForkMind) -> None:
    old = mind.fork({"a": "1"})
    mind.approve(old)
    [execution] = mind.waiting()
    new = mind.fork({"a": "2"}, rest=False)
    mind.turns()
    assert mind.waiting() == []
    assert {row.sha for row in mind.executions() if row.spec["trust"] == "untrusted"} == {old}
    assert "is not the head" in mind.approve(old)
    mind.approve(new)
    assert [row.sha for row in mind.waiting()] == [new]
    assert execution.sha == old


# Row 4: what approved code gets, and what it does not.

GREEDY = """
- step:
    name: train
    image: registry.example.org/evil
    command: [printenv, "cat /etc/shadow"]
    environment: local
    environment-variable-groups: [keys, public]
    mounts: [{source: /, destination: /host}]
    environment-variables:
      - { name: VH_DOCKER_NETWORK, default: host }
"""


@pytest.mark.parametrize("granted", [(), ("public",)])
def test_threat_04_no_secret_reaches_a_fork_unless_it_is_granted(
    tmp_path: Path, granted: tuple[str, ...]
) -> None:
    mind = ForkMind(tmp_path, everywhere=("keys",))
    mind.policy(grants=granted)
    mind.push(CONFIG)
    [ours] = mind.waiting()
    assert secrets_of(mind, ours.id) == {"TOKEN": CANARY, "READ_TOKEN": GRANTED}
    mind.finish(ours)
    sha = mind.fork(
        {"valohai.yaml": GREEDY + TRAIN, ".gitmodules": "[submodule x]\n url = https://evil.example\n"}
    )
    mind.approve(sha)
    [theirs] = mind.waiting()
    assert theirs.environment_id == FORKS
    assert theirs.spec["mounts"] == []
    assert "the mount of / is ignored: untrusted code gets no folder of the machine" in theirs.spec["notes"]
    assert theirs.spec["variable_groups"] == list(granted)
    expected = {"READ_TOKEN": GRANTED} if granted else {}
    assert secrets_of(mind, theirs.id) == expected
    mind.finish(theirs, outputs={"loot": b"nothing"}, metadata={"a": 1})
    # A granted secret ends with the grant, even before the controller has looked, and with its approval.
    mind.policy(grants=("keys",))
    assert secrets_of(mind, theirs.id) == {}
    mind.turns()
    mind.policy(grants=granted)
    assert secrets_of(mind, theirs.id) == {}
    for secret in (CANARY, GRANTED):
        assert secret not in everything(mind, tmp_path)


def everything(mind: ForkMind, folder: Path) -> str:
    """All that the installation keeps: the whole ledger, both stores, and what the repository was given."""
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        kept = "\n".join(connection.iterdump())
    stores: Any = mind.ports.stores
    for store in stores.values():
        kept += "".join(key + body.decode(errors="replace") for key, body in store.objects.items())
    return kept + json.dumps({run.sha: mind.notes(run.sha) for run in mind.runs()})


def test_threat_04_a_step_that_needs_what_is_not_granted_says_so(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    mind.push(CONFIG)
    needs = STEP + "    environment-variables:\n      - { name: TOKEN, optional: false }\n"
    mind.approve(mind.fork({"valohai.yaml": needs + TRAIN}))
    run = [each for each in mind.runs() if each.trust == "untrusted"][-1]
    assert run.state is RunState.ERROR
    assert "untrusted code gets only the groups that `pull-requests: grants` names" in run.reason


# Row 6: no identity, no right.


@given(
    author=st.sampled_from(["", " ", "\t", "\u00a0", "\n"]) | st.text(max_size=5),
    may_write=st.sampled_from([True, False, None, 0, 1, "true", "", ()]),
)
def test_threat_06_an_empty_identity_or_role_is_a_no(author: str, may_write: Any) -> None:
    assert trust.may_approve(author, may_write) is (may_write is True and author.strip() != "")


@given(groups=st.lists(st.sampled_from(["keys", "public", ""]), max_size=3), place=TEXT)
def test_threat_06_no_approval_is_a_breach_whatever_is_asked(groups: list[str], place: str) -> None:
    assert trust.breach(None, place, groups)


def test_threat_06_an_untrusted_run_without_an_approval_starts_nothing(mind: ForkMind) -> None:
    mind.fork({"a": "1"})
    run = mind.run()
    with mind.ports.ledger.write() as connection:
        # As a fault of ours, or somebody with a hand in the ledger, might leave it.
        connection.execute(
            update(runs_table)
            .where(runs_table.c.id == run.id)
            .values(state=RunState.WAITING, reason="", finished_at=None)
        )
    mind.turns()
    assert mind.run().reason in HELD
    assert len(mind.executions()) == 1


def test_threat_06_an_attempt_whose_approval_is_taken_away_is_not_claimed(mind: ForkMind) -> None:
    mind.approve(mind.fork({"a": "1"}))
    with mind.ports.ledger.write() as connection:
        [attempt] = attempts.waiting(connection)
        connection.execute(update(runs_table).values(approval_id=None))
    with mind.ports.ledger.write() as connection:
        assert attempts.waiting(connection) == []
        with pytest.raises(Refused, match="no approval lets it run"):
            attempts.claim(connection, attempt.id, "nobody", FORKS, 0, mind.now)


# Row 10: names that look like ours.


def test_threat_10_a_forks_branch_of_our_name_is_not_our_branch(mind: ForkMind) -> None:
    before = mind.head()
    sha = mind.fork({"a": "1"}, head_ref="main")
    run = mind.run()
    assert (run.sha, run.ref, run.trust) == (sha, "refs/pull/7/head", "untrusted")
    assert mind.head() == before
    mind.approve(sha)
    mind.finish(mind.waiting()[0])
    assert {run.ref for run in mind.runs() if run.trust == "trusted"} == {"refs/heads/main"}
