"""The ledger's rules, the same on SQLite and on PostgreSQL: claims, fences, leases, numbers, one word a context."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from ledger import (
    agents,
    attempts,
    executions,
    inbox,
    migrations,
    observations,
    outbox,
    registry,
    repositories,
    runs,
    verdicts,
)
from ledger.database import Ledger, open_ledger
from ledger.executions import NewExecution
from ledger.observations import SeenCommit, SeenTag
from ledger.outbox import NewStatus
from ledger.runs import NewRun
from ledger.tables import executions as executions_table
from ledger.tables import metadata
from ledger.verdicts import SnapshotRow, VerdictRow
from schemas.errors import Gone, Refused, Stalled
from schemas.messages.claim import Manifest, Order, RenewRequest
from schemas.states import AttemptState, ExecutionState, RunState

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
ENVIRONMENT, OTHER = "0123456789ab", "ba9876543210"
LEASE = 30.0
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    with ledger.write() as connection:
        for identifier, name in ((ENVIRONMENT, "local"), (OTHER, "gpu")):
            agents.ensure_environment(connection, identifier, name, NOW)
        repositories.ensure(connection, "wine", "/repositories/wine.git", "main", NOW)
    return ledger


def repository(ledger: Ledger) -> tuple[str, str]:
    with ledger.read() as connection:
        row = repositories.watched(connection)[0]
        return row.id, repositories.projects_of(connection, row.id)[0].id


def execution(ledger: Ledger) -> tuple[str, str]:
    """(execution, its waiting attempt)"""
    project = repository(ledger)[1]
    new = NewExecution(project, ENVIRONMENT, "step", "train", "a" * 40, {"image": "python:3"})
    with ledger.write() as connection:
        created = executions.create(connection, new, NOW)
    with ledger.read() as connection:
        return created.id, next(r.id for r in attempts.waiting(connection) if r.execution_id == created.id)


def agent(ledger: Ledger, name: str = "one", environment: str = ENVIRONMENT) -> str:
    with ledger.write() as connection:
        return agents.ensure_agent(connection, environment, name, agents.digest(f"token-{name}"), NOW)


def test_migrations_make_exactly_the_tables(ledger: Ledger) -> None:
    migrations.upgrade(ledger)
    migrations.check(ledger)
    with ledger.write() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_reading_connections_cannot_write(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError), ledger.read() as connection:
        agents.ensure_environment(connection, ENVIRONMENT, "renamed", NOW)


def test_a_write_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def half() -> None:
        with ledger.write() as connection:
            agents.ensure_environment(connection, ENVIRONMENT, "renamed", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with ledger.read() as connection:
        assert set(agents.environment_names(connection)) == {"local", "gpu"}


def test_a_ledger_of_another_shape_is_refused(tmp_path: Path) -> None:
    empty = open_ledger(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with pytest.raises(Stalled, match="luotsi db upgrade"):
        migrations.check(empty)
    empty.close()


@pytest.mark.parametrize("address", ["nonsense", "postgresql://nobody@127.0.0.1:1/none"])
def test_an_address_that_does_not_answer_is_said(address: str) -> None:
    with pytest.raises(Stalled):
        open_ledger(address)


def test_the_claim_is_won_once_and_the_winner_may_ask_again(ledger: Ledger) -> None:
    execution_id, attempt = execution(ledger)
    first, second = agent(ledger), agent(ledger, "two")
    with ledger.write() as connection:
        won = attempts.claim(connection, attempt, first, ENVIRONMENT, 1, NOW)
        again = attempts.claim(connection, attempt, first, ENVIRONMENT, 1, NOW)
    assert (won.state, again.state) == (AttemptState.CLAIMED, AttemptState.CLAIMED)
    with ledger.write() as connection, pytest.raises(Refused, match="by another agent"):
        attempts.claim(connection, attempt, second, ENVIRONMENT, 1, NOW)
    with ledger.read() as connection:
        assert executions.by_id(connection, execution_id).state is ExecutionState.STARTED


def test_once_the_result_is_there_not_even_the_holder_may_claim_again(ledger: Ledger) -> None:
    _, attempt = execution(ledger)
    holder = agent(ledger)
    with ledger.write() as connection:
        attempts.claim(connection, attempt, holder, ENVIRONMENT, 1, NOW)
        attempts.finish(connection, attempt, holder, DIGEST, NOW)
        before = attempts.find(connection, attempt)
        with pytest.raises(Refused, match="its result is there"):
            attempts.claim(connection, attempt, holder, ENVIRONMENT, 2, NOW)
        assert attempts.find(connection, attempt) == before
        attempts.finish(connection, attempt, holder, DIGEST, NOW)
        assert attempts.renew(connection, holder, [attempt], NOW) == [(attempt, Order.GO_ON)]


def test_of_many_agents_at_once_one_wins(ledger: Ledger) -> None:
    _, attempt = execution(ledger)
    names = [agent(ledger, f"agent-{number}") for number in range(8)]
    won: list[str] = []
    start = threading.Barrier(len(names))

    def claim(name: str) -> None:
        start.wait()
        try:
            with ledger.write() as connection:
                attempts.claim(connection, attempt, name, ENVIRONMENT, 1, NOW)
            won.append(name)
        except Refused:
            pass

    threads = [threading.Thread(target=claim, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_an_agent_of_another_environment_is_refused(ledger: Ledger) -> None:
    _, attempt = execution(ledger)
    with ledger.write() as connection, pytest.raises(Refused, match="another environment"):
        attempts.claim(connection, attempt, agent_id := "x" * 36, OTHER, 1, NOW)
    with ledger.read() as connection, pytest.raises(Refused):
        attempts.held(connection, attempt, agent_id)


def test_nobody_else_speaks_for_an_attempt(ledger: Ledger) -> None:
    _, attempt = execution(ledger)
    holder, thief = agent(ledger), agent(ledger, "thief")
    with ledger.write() as connection:
        attempts.claim(connection, attempt, holder, ENVIRONMENT, 1, NOW)
    said = Manifest("python:3", "sha256:1", "docker")
    with ledger.write() as connection:
        with pytest.raises(Refused):
            attempts.manifest(connection, attempt, thief, said, NOW)
        with pytest.raises(Refused):
            attempts.finish(connection, attempt, thief, DIGEST, NOW)
        assert attempts.renew(connection, thief, [attempt], NOW) == [(attempt, Order.LOST)]
        attempts.manifest(connection, attempt, holder, said, NOW)
        assert attempts.renew(connection, holder, [attempt], NOW) == [(attempt, Order.GO_ON)]


def test_a_lease_ends_and_what_the_old_holder_says_is_refused(ledger: Ledger) -> None:
    execution_id, attempt = execution(ledger)
    holder = agent(ledger)
    with ledger.write() as connection:
        attempts.claim(connection, attempt, holder, ENVIRONMENT, 1, NOW)
    late = NOW + timedelta(seconds=LEASE + 1)
    with ledger.read() as connection:
        assert [row.id for row in attempts.expired(connection, late, LEASE)] == [attempt]
        assert attempts.expired(connection, NOW + timedelta(seconds=LEASE - 1), LEASE) == []
    with ledger.write() as connection:
        assert attempts.end(connection, attempt, AttemptState.LOST, "gone", late)
        following = attempts.create(connection, execution_id, ENVIRONMENT, late)
        executions.requeue(connection, execution_id, "lost")
        with pytest.raises(Refused, match="is over"):
            attempts.finish(connection, attempt, holder, DIGEST, late)
        assert not attempts.end(connection, attempt, AttemptState.COMPLETE, "too late", late)
        assert attempts.find(connection, following).number == 2


def test_no_lease_ends_before_the_agents_could_renew_with_a_new_web_side(ledger: Ledger) -> None:
    _, attempt = execution(ledger)
    with ledger.write() as connection:
        attempts.claim(connection, attempt, _agent(connection), ENVIRONMENT, 1, NOW)
        agents.web_started(connection, NOW + timedelta(seconds=100))
    with ledger.read() as connection:
        assert attempts.expired(connection, NOW + timedelta(seconds=100 + LEASE - 1), LEASE) == []
        assert len(attempts.expired(connection, NOW + timedelta(seconds=100 + LEASE + 1), LEASE)) == 1


def _agent(connection: Connection) -> str:
    return agents.ensure_agent(connection, ENVIRONMENT, "one", agents.digest("token-one"), NOW)


def test_a_stop_reaches_the_holder_and_keeps_others_from_claiming(ledger: Ledger) -> None:
    execution_id, attempt = execution(ledger)
    holder = agent(ledger)
    with ledger.write() as connection:
        attempts.claim(connection, attempt, holder, ENVIRONMENT, 1, NOW)
        attempts.ask_to_stop(connection, execution_id, NOW)
        assert attempts.renew(connection, holder, [attempt], NOW) == [(attempt, Order.STOP)]
    second, unclaimed = execution(ledger)
    with ledger.write() as connection:
        attempts.ask_to_stop(connection, second, NOW)
        with pytest.raises(Refused):
            attempts.claim(connection, unclaimed, holder, ENVIRONMENT, 1, NOW)


def test_final_states_stand(ledger: Ledger) -> None:
    execution_id, _ = execution(ledger)
    with ledger.write() as connection:
        assert executions.end(connection, execution_id, ExecutionState.COMPLETE, "", NOW)
        assert not executions.end(connection, execution_id, ExecutionState.ERROR, "later", NOW)
        executions.say(connection, execution_id, "waiting")
        assert executions.by_id(connection, execution_id).reason == ""


def test_numbers_count_up_per_project(ledger: Ledger) -> None:
    first, second = execution(ledger)[0], execution(ledger)[0]
    with ledger.read() as connection:
        assert [executions.by_id(connection, e).number for e in (first, second)] == [1, 2]
        assert connection.execute(select(executions_table.c.spec)).first() is not None


def test_free_slots_are_those_of_agents_that_are_alive(ledger: Ledger) -> None:
    with ledger.write() as connection:
        agents.renewed(connection, _agent(connection), RenewRequest((), free_slots=2, slots=2), NOW)
        assert agents.free_slots(connection, NOW) == {ENVIRONMENT: 2}
        assert agents.free_slots(connection, NOW + timedelta(seconds=1)) == {}


def test_a_token_is_known_by_its_digest_only(ledger: Ledger) -> None:
    identifier = agent(ledger)
    with ledger.read() as connection:
        found = agents.by_token(connection, agents.digest("token-one"))
        assert found is not None
        assert (found.id, found.environment_id) == (identifier, ENVIRONMENT)
        assert agents.by_token(connection, agents.digest("token-two")) is None


def commit(sha: str, ref: str = "refs/heads/main") -> SeenCommit:
    return SeenCommit(sha * 40, ref, "Ada", "subject", "message", NOW)


def test_observations_count_per_ref_and_remember_what_was_before(ledger: Ledger) -> None:
    repository_id, _ = repository(ledger)
    main = "refs/heads/main"
    with ledger.write() as connection:
        observations.observe(connection, repository_id, {main: "a" * 40}, [], NOW, baseline=True)
        observations.observe(connection, repository_id, {main: "c" * 40}, [commit("b"), commit("c")], NOW)
        observations.observe(connection, repository_id, {main: None}, [], NOW + timedelta(seconds=1))
        rows = observations.unhandled(connection, repository_id)
        assert [(row.sha, row.before, row.baseline) for row in rows] == [
            ("a" * 40, None, True),
            ("c" * 40, "a" * 40, False),
            (None, "c" * 40, False),
        ]
        assert observations.heads(connection, repository_id) == {}
        assert sorted(observations.fresh_of(connection, rows[1].id)) == ["b" * 40, "c" * 40]
        assert set(observations.heads_ever(connection, repository_id)) == {"a" * 40, "c" * 40}
        observations.handled(connection, [row.id for row in rows], NOW)
        assert observations.repositories_with_unhandled(connection) == []


def test_a_commit_seen_twice_is_owed_one_verdict(ledger: Ledger) -> None:
    repository_id, project = repository(ledger)
    with ledger.write() as connection:
        observations.see(connection, repository_id, [commit("b")], NOW)
        observations.see(connection, repository_id, [commit("b"), commit("c")], NOW)
        assert len(verdicts.unjudged(connection, 10)) == 2
        kept = SnapshotRow("code/b", "sha256:1", 5, 1)
        verdicts.keep(
            connection,
            repository_id,
            "b" * 40,
            kept,
            [VerdictRow(project, "b" * 40, "success", "", (), "")],
            NOW,
        )
        assert verdicts.unjudged(connection, 10) == [(repository_id, "c" * 40)]


def test_tags_that_move_or_vanish_are_kept(ledger: Ledger) -> None:
    repository_id, _ = repository(ledger)
    first = SeenTag("wine@v1.0.0", "1" * 40, "a" * 40, True, NOW, "Ada", "")
    moved = SeenTag("wine@v1.0.0", "2" * 40, "b" * 40, True, NOW, "Ada", "")
    with ledger.write() as connection:
        assert observations.observe_tags(connection, repository_id, [first], NOW) == 1
        assert observations.observe_tags(connection, repository_id, [first], NOW) == 0
        assert observations.observe_tags(connection, repository_id, [moved], NOW) == 2
        rows = registry.tags(connection, repository_id)
        assert [(row.tag_object, row.vanished_at is not None) for row in rows] == [
            ("1" * 40, True),
            ("2" * 40, False),
        ]


def new_run(ledger: Ledger, state: RunState = RunState.WAITING) -> NewRun:
    repository_id, project = repository(ledger)
    return NewRun(
        repository_id, project, "train", "a" * 40, "refs/heads/main", None, {}, state=state, reason="why"
    )


def test_a_run_is_unique_by_its_identity(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert runs.create(connection, new_run(ledger), NOW) is not None
        assert runs.create(connection, new_run(ledger), NOW) is None


def test_an_event_that_starts_a_run_wins_over_one_that_filtered_it_out(ledger: Ledger) -> None:
    neutral = new_run(ledger, RunState.NEUTRAL)
    fires = new_run(ledger)
    with ledger.write() as connection:
        created = runs.create(connection, neutral, NOW)
        assert runs.create(connection, fires, NOW) is None
        assert runs.reopen_filtered(connection, fires) == created
        assert [run.state for run in runs.open_runs(connection)] == [RunState.WAITING]
        assert runs.reopen_filtered(connection, fires) is None


def test_a_context_has_one_word_and_says_it_once(ledger: Ledger) -> None:
    repository_id, _ = repository(ledger)

    def status(state: str, words: str) -> NewStatus:
        return NewStatus(repository_id, "a" * 40, "luotsi/train", state, words, "", final=state != "pending")

    with ledger.write() as connection:
        assert outbox.say(connection, status("pending", "waiting"), NOW)
        assert not outbox.say(connection, status("pending", "waiting"), NOW)
        (row,) = outbox.undelivered(connection, NOW)
        assert outbox.say(connection, status("success", "done"), NOW + timedelta(seconds=1))
        outbox.delivered(connection, [row], NOW)  # the older word arrived while the newer was written
        (left,) = outbox.undelivered(connection, NOW)
        assert left.description == "done"


def test_a_replayed_delivery_is_one_row(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert inbox.receive(connection, "delivery", "wine", "1", b"{}", NOW)
        assert not inbox.receive(connection, "delivery", "wine", "1", b"{}", NOW)
        rows = inbox.unhandled(connection)
        assert [(row.source, bytes(row.body)) for row in rows] == [("wine", b"{}")]
        inbox.handled(connection, [rows[0].id], NOW)
        assert inbox.unhandled(connection) == []


def test_trouble_is_news_once_and_its_end_too(ledger: Ledger) -> None:
    repository_id, _ = repository(ledger)
    with ledger.write() as connection:
        assert repositories.looked(connection, repository_id, "unreachable", NOW)
        assert not repositories.looked(connection, repository_id, "unreachable", NOW)
        assert repositories.looked(connection, repository_id, None, NOW)


def test_what_does_not_exist_is_gone(ledger: Ledger) -> None:
    with ledger.read() as connection:
        with pytest.raises(Gone):
            attempts.find(connection, "x")
        with pytest.raises(Gone):
            repositories.by_id(connection, "x")
