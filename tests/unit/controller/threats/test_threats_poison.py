"""Threat 15: what no code foresaw lies in the ledger. It is put aside and says so; everybody else is served, restart or not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError

from controller import isolate, loop
from controller.ports import Watched
from controller.reporting import report
from ledger import inbox, outbox, repositories, tables
from ledger.database import open_ledger
from schemas import moments
from schemas.states import FINAL_RUN
from tests.builders.fork_mind import POLICY, STEP, TRAIN, ForkMind
from tests.builders.person import Person
from tests.fakes.memory_store import MemoryStore

CONFIG = STEP + TRAIN
RESTARTS = 3


class Houses(ForkMind):
    """A controller that watches `shop`, where the poison is, and `other`, whose people notice nothing of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.other = Person(folder / "other.git", folder / "other")
        self.other.commit({"valohai.yaml": CONFIG}, "Begin")
        self.other.push()
        both = (*self.ports.settings.repositories, Watched("other", str(self.other.bare), pulls=POLICY))
        self.settings(repositories=both)
        self.turns()

    def restart(self) -> None:
        """The controller is gone, and another one opens the same ledger."""
        self.ports.ledger.close()
        self.ports = replace(self.ports, ledger=open_ledger(f"sqlite:///{self.folder / 'ledger.sqlite'}"))
        loop.prepare(self.ports)

    def poison(self, statement: str, **values: Any) -> None:
        """Write what no code of ours would."""
        with self.ports.ledger.write() as connection:
            changed = connection.execute(text(statement), values).rowcount
        assert changed > 0, "nothing was poisoned"

    def serves_others(self) -> None:
        """Three controllers one after the other start what `other` and `shop` push, and say so there."""
        for number in range(RESTARTS):
            self.restart()
            sha = self.other.commit({"valohai.yaml": CONFIG, "n": str(number)})
            self.other.push()
            mine = self.person.commit({"valohai.yaml": CONFIG, "n": str(number)})
            self.person.push("+HEAD:refs/heads/main")
            self.turns()
            assert {run.sha for run in self.runs()} >= {sha, mine}
            for one, person in ((sha, self.other), (mine, self.person)):
                told = person.notes(one)
                assert len(told) == 2, "the verdict and the run are said"

    def all(self, query: Any) -> list[Any]:
        with self.ports.ledger.read() as connection:
            return list(connection.execute(query))


@pytest.fixture
def houses(tmp_path: Path) -> Houses:
    return Houses(tmp_path)


def receive(houses: Houses, kind: str, body: bytes, source: str = "shop") -> None:
    with houses.ports.ledger.write() as connection:
        assert inbox.receive(connection, kind, source, f"{kind}-{body!r}"[:100], body, houses.now)


BODIES = [b"", b"\xff\x00", b"[]", b'{"who": "ada"}', b"[" * 10_000]
NOBODYS = [
    b'{"who": "ada", "pipeline": "nobody", "node": "n", "execution": "nobody"}',
    b'{"who": "ada", "task": "nobody"}',
    b'{"who": "ada", "execution": 7}',
]


def test_threat_15_an_operators_wish_that_is_none_is_over(houses: Houses) -> None:
    for number, body in enumerate((*BODIES, *NOBODYS)):
        receive(houses, "cancel" if number % 2 else "approve", body)
    receive(houses, "\0", b"")
    receive(houses, "delivery", b"\xff", source="a repository that nobody knows")
    houses.serves_others()
    rows = houses.all(select(tables.inbox))
    assert all(row.handled_at for row in rows)
    assert all(row.outcome for row in rows if row.body in BODIES and row.kind != "\0")


EVENTS = ['"text"', "[1]", "not json {", "null", '{"number": "seven"}', '{"head": "zzz"}']
SHAPED = '{"number": 7, "head": "%s", "base_ref": "refs/heads/main", "base": "zzz"}'


def test_threat_15_an_event_that_is_none_is_over(houses: Houses) -> None:
    houses.push(CONFIG)
    houses.fork({"fork": "1"})
    bodies = [*EVENTS, SHAPED % "zzz", SHAPED % "\\u0000", SHAPED % ("../" * 30), SHAPED % ("a" * 40)]
    for number, body in enumerate(bodies):
        for kind in ("pull-request", "comment", "push", "unheard of"):
            houses.poison(
                "insert into events (repository_id, kind, key, body, received_at) "
                "select repository_id, :kind, :key, :body, received_at from events limit 1",
                kind=kind,
                key=f"poison {number}",
                body=body,
            )
    houses.serves_others()
    rows = houses.all(select(tables.events).where(tables.events.c.key.like("poison%")))
    assert len(rows) == 4 * len(bodies)
    assert all(row.handled_at and row.outcome for row in rows)


def pushed(houses: Houses, count: int) -> list[str]:
    """So many commits of `shop`, each with its verdict and its run."""
    return [houses.push(CONFIG, n=str(number)) for number in range(count)]


STATUSES = [
    ("sha", "zzz"), ("sha", ""), ("state", "\x1b"), ("context", "\ud7ff\0" * 99), ("said", "not json"), ("url", "\0"),
]  # fmt: skip


def test_threat_15_a_status_that_is_none_holds_back_no_other(houses: Houses) -> None:
    for (what, value), sha in zip(STATUSES, pushed(houses, len(STATUSES)), strict=True):
        houses.poison(
            f"update statuses set delivered_at = null, {what} = :value where sha = :sha and context = 'luotsi/config'",
            value=value,
            sha=sha,
        )
    houses.serves_others()
    assert [row for row in houses.all(select(tables.statuses)) if row.delivered_at is None] == []


def test_threat_15_words_that_a_repository_does_not_take_hold_back_no_others(houses: Houses) -> None:
    """More of them wait than are asked for at once."""
    houses.push(CONFIG)
    houses.person.git("update-ref", "-d", "refs/notes/luotsi", cwd=houses.person.bare)
    houses.person.push("HEAD:refs/notes/luotsi/in-the-way")
    shop = houses.repository_id()
    with houses.ports.ledger.write() as connection:
        for number in range(30):
            said = outbox.NewStatus(shop, f"{number:040x}", "luotsi/x", "success", "", "", final=True)
            outbox.say(connection, said, houses.now)
    sha = houses.other.commit({"valohai.yaml": CONFIG, "n": "1"})
    houses.other.push()
    houses.turns()
    assert houses.other.notes(sha)
    with houses.ports.ledger.read() as connection:
        other = repositories.by_name(connection, "other")
        assert other is not None
        assert len(outbox.undelivered(connection, houses.now, [shop], limit=3)) == 3
        assert outbox.undelivered(connection, houses.now, [other.id]) == []
        assert len(outbox.undelivered(connection, houses.now, limit=1)) == 1
    assert report.report(houses.ports) == 0


GRANTS = ["not json", "7", "null", '["a", 7]', '{"a": 1}']


def test_threat_15_an_approval_that_is_none_approves_nothing(houses: Houses) -> None:
    houses.push(CONFIG)
    heads = [houses.fork({"fork": value}, number) for number, value in enumerate(GRANTS, 1)]
    for number, (head, value) in enumerate(zip(heads, GRANTS, strict=True), 1):
        houses.approve(head, rest=False, number=number)
        spoiled = "update pull_approvals set grants = :value, config_digest = 'zzz' where sha = :head"
        houses.poison(spoiled, value=value, head=head)
    houses.serves_others()
    assert all(row.void_at for row in houses.all(select(tables.pull_approvals)))
    assert [run for run in houses.runs() if run.sha in heads and run.state != "neutral"] == []


RULES = ["not json", "[7]", '"text"', "7", "{}", '{"target": 7}', '{"target": {"kind": "task"}}']
SPECS = ["not json", "[7]", '"text"', "{}", '{"archive": 7}']


def test_threat_15_a_run_whose_rule_is_none_comes_to_its_end(houses: Houses) -> None:
    shas = pushed(houses, len(RULES))
    for sha, value in zip(shas, RULES, strict=True):
        houses.poison("update runs set rule = :value where sha = :sha", value=value, sha=sha)
    houses.serves_others()
    for execution in houses.waiting():
        houses.finish(execution, rest=False)
    houses.turns()
    assert {run.sha for run in houses.runs() if run.state in FINAL_RUN} >= set(shas)


def test_threat_15_an_execution_whose_job_is_none_wakes_nobody(houses: Houses) -> None:
    for sha, value in zip(pushed(houses, len(SPECS)), SPECS, strict=True):
        houses.poison("update executions set spec = :value where sha = :sha", value=value, sha=sha)
    houses.serves_others()


def verdict_of(connection: Connection, sha: str) -> Any:
    return connection.execute(select(tables.verdicts).where(tables.verdicts.c.sha == sha)).one()


VERDICTS = [("text", "\0{[" * 1000), ("problems", "not json"), ("problems", "7"), ("state", "?")]


def test_threat_15_a_verdict_that_is_none_is_its_commits_only(houses: Houses) -> None:
    for sha, (what, value) in zip(pushed(houses, len(VERDICTS)), VERDICTS, strict=True):
        houses.poison(f"update verdicts set {what} = :value where sha = :sha", value=value, sha=sha)
        houses.poison("update ref_observations set handled_at = null where sha = :sha", sha=sha)
    houses.serves_others()


def test_threat_15_a_commit_that_is_none_is_judged_and_done(houses: Houses) -> None:
    """It is in the list of commits, and no git could ever have it."""
    shop = houses.repository_id()
    names = ["zzz", "\0", "../../x", "f" * 40, "é" * 64]
    for name in names:
        houses.poison(
            "insert into commits (repository_id, sha, ref, seen_at, author, subject, message) "
            "values (:shop, :sha, 'refs/heads/\x1b', 'not a moment', '', '', '')",
            shop=shop,
            sha=name,
        )
    houses.serves_others()
    with houses.ports.ledger.read() as connection:
        assert {verdict_of(connection, name).state for name in names} == {"error"}


def test_threat_15_a_record_that_is_none_is_not_stored(houses: Houses) -> None:
    for key, body in (("records/x/run/\0.json", "{}"), ("../up", "{}"), ("records/nan", '{"x": NaN}')):
        houses.poison(
            "insert into records (key, body, written_at) values (:key, :body, :now)",
            key=key,
            body=body,
            now=moments.to_text(houses.now),
        )
    houses.serves_others()
    assert houses.all(select(tables.records)) == []


def test_threat_15_a_moment_that_is_none_is_long_ago(houses: Houses) -> None:
    for column in ("tried_at", "looked_at", "baseline_at", "asked_at"):
        houses.poison(f"update repositories set {column} = 'yesterday' where name = 'shop'")
    houses.serves_others()


class Broken(MemoryStore):
    """Storing a record there is a bug."""

    def put(self, key: str, data: bytes | Path, absent: bool = False) -> bool:
        if key.startswith("records/"):
            raise ZeroDivisionError(key)
        return super().put(key, data, absent)


def test_threat_15_a_bug_in_one_step_keeps_no_other_back(houses: Houses) -> None:
    """It is raised after the turn, so that nobody overlooks it."""
    houses.ports = replace(houses.ports, stores={**houses.ports.stores, "system": Broken("system")})
    sha = houses.other.commit({"valohai.yaml": CONFIG, "n": "1"})
    houses.other.push()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="records/"):
            houses.turn()
    assert [run for run in houses.runs() if run.sha == sha]
    assert len(houses.other.notes(sha)) == 2
    assert isolate.every([lambda: 1, lambda: 2]) == 3


def test_threat_15_a_ledger_that_does_not_answer_ends_the_turn_at_once() -> None:
    def away() -> int:
        raise OperationalError("select", {}, Exception("the server is away"))

    with pytest.raises(OperationalError):
        isolate.every([away, lambda: pytest.fail("the ledger is asked again")])
