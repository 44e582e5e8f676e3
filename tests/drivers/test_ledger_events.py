"""What the ledger keeps of events, groups, roots and schedules, the same on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from ledger import (
    agents,
    events,
    executions,
    groups,
    observations,
    repositories,
    runs,
    schedules,
    verdicts,
)
from ledger.database import Ledger
from ledger.executions import NewExecution
from ledger.observations import SeenCommit
from ledger.runs import NewRun
from ledger.verdicts import SnapshotRow, VerdictRow
from schemas.states import ExecutionState, RunState

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
ENVIRONMENT = "0123456789ab"
A, B = "a" * 40, "b" * 40


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    with ledger.write() as connection:
        agents.ensure_environment(connection, ENVIRONMENT, "local", NOW)
        ensure(connection)
    return ledger


def ensure(connection: Connection, *roots: str) -> str:
    return repositories.ensure(connection, "wine", "/wine.git", "main", NOW, roots or ("",))


def new_run(connection: Connection, **facts: object) -> NewRun:
    repository = repositories.watched(connection)[0].id
    project = repositories.projects_of(connection, repository)[0].id
    made = NewRun(repository, project, "train", A, "refs/heads/main", None, {"expect": ["x > base"]})
    return replace(made, **facts)  # type: ignore[arg-type]


def created(connection: Connection, now: datetime = NOW, **facts: object) -> str:
    made = runs.create(connection, new_run(connection, **facts), now)
    assert made is not None
    return made


def test_a_replayed_event_is_one_row_and_is_handled_once(ledger: Ledger) -> None:
    with ledger.write() as connection:
        repository = repositories.watched(connection)[0].id

        def tell(kind: str, key: str, body: dict[str, object]) -> bool:
            return events.tell(connection, repository, kind, key, body, NOW)

        assert tell(events.PULL_REQUEST, "7:a", {"number": 7, "head": A})
        assert not tell(events.PULL_REQUEST, "7:a", {"number": 7, "head": B})
        assert tell(events.COMMENT, "7:a", {"id": "7:a"})
        assert tell(events.PULL_REQUEST, "7:b", {"number": 7, "head": B})
        assert tell(events.PULL_REQUEST, "70:c", {"number": 70})
        rows = events.unhandled(connection)
        assert [(row.kind, row.key, row.body.get("head")) for row in rows] == [
            ("pull-request", "7:a", A),
            ("comment", "7:a", None),
            ("pull-request", "7:b", B),
            ("pull-request", "70:c", None),
        ]
        newest = events.newest_pull_request(connection, repository, 7)
        assert newest == {"number": 7, "head": B}
        assert events.newest_pull_request(connection, repository, 8) is None
        assert events.to_look_at(connection, NOW) == {"wine"}
        repositories.looked(connection, repository, None, LATER)
        assert events.to_look_at(connection, NOW) == set()
        for row in rows:
            events.handled(connection, row.id, "train runs", LATER)
        assert events.unhandled(connection) == []


def test_what_a_removed_repository_was_told_rests(ledger: Ledger) -> None:
    with ledger.write() as connection:
        repository = repositories.watched(connection)[0].id
        events.tell(connection, repository, events.COMMENT, "1", {}, NOW)
        repositories.retire(connection, set(), NOW)
        assert events.unhandled(connection) == []
        ensure(connection)
        assert len(events.unhandled(connection)) == 1


def test_a_group_holds_what_is_open_or_still_comes_to_an_end(ledger: Ledger) -> None:
    with ledger.write() as connection:
        first = created(connection, concurrency_group="g")
        second = created(connection, LATER, concurrency_group="g", sha=B)
        created(connection, sha="c" * 40)
        project = runs.by_id(connection, first).project_id
        execution = executions.create(
            connection, NewExecution(project, ENVIRONMENT, "step", "train", A, {}, run_id=first), NOW
        )
        runs.set_state(connection, runs.by_id(connection, first), RunState.CANCELLED, "replaced by b", NOW)

        def members() -> list[tuple[str, bool]]:
            return [(run.id, busy) for run, busy in groups.members(connection)]

        assert members() == [(first, True), (second, False)]
        executions.end(connection, execution.id, ExecutionState.STOPPED, "", NOW)
        assert members() == [(second, False)]


def test_the_newest_trusted_run_owns_its_check(ledger: Ledger) -> None:
    with ledger.write() as connection:
        push = created(connection)
        theirs = created(connection, LATER, trust="untrusted")
        tag = created(connection, LATER, event="tag", occurrence="v1")
        fired = created(connection, LATER, event="schedule", occurrence="2030")

        def owners() -> set[str]:
            found = (push, theirs, tag, fired)
            return {id for id in found if groups.owns_check(connection, runs.by_id(connection, id))}

        assert owners() == {push, tag, fired}
        comment = created(connection, LATER, event="comment", occurrence="41")
        assert owners() == {tag, fired}
        assert groups.owns_check(connection, runs.by_id(connection, comment))


def test_a_replaced_run_begins_again_in_a_round_of_its_own(ledger: Ledger) -> None:
    with ledger.write() as connection:
        new = new_run(connection, concurrency_group="g")
        run_id = created(connection, concurrency_group="g")
        run = runs.by_id(connection, run_id)
        assert runs.reopen_replaced(connection, new, LATER) is None
        runs.set_state(connection, run, RunState.CANCELLED, "stopped by ada", NOW)
        assert runs.reopen_replaced(connection, new, LATER) is None
        other = new_run(connection, concurrency_group="g", sha=B)
        begun = created(connection, concurrency_group="g", sha=B)
        executions.create(
            connection, NewExecution(run.project_id, ENVIRONMENT, "step", "train", B, {}, run_id=begun), NOW
        )
        runs.set_state(connection, runs.by_id(connection, begun), RunState.CANCELLED, "replaced by c", NOW)
        assert runs.reopen_replaced(connection, other, LATER) == begun
        again = runs.by_id(connection, begun)
        assert (again.state, again.round, again.created_at) == (RunState.WAITING, 2, LATER)


def test_a_pull_request_takes_its_number_and_its_base_to_a_run(ledger: Ledger) -> None:
    with ledger.write() as connection:
        run_id = created(connection)
        asks = new_run(connection, event="pull-request", before=B, pull_request=7)
        assert runs.adopt(connection, asks) == run_id
        run = runs.by_id(connection, run_id)
        assert (run.event, run.before, run.pull_request) == ("pull-request", B, 7)
        assert runs.adopt(connection, asks) is None
        # One that ended without running anything compares nothing: it keeps its word.
        runs.set_state(connection, run, RunState.SUCCESS, "", NOW)
        assert runs.adopt(connection, replace(asks, before=A)) == run_id
        assert runs.by_id(connection, run_id).state is RunState.SUCCESS


def test_roots_are_projects_that_come_and_stay(ledger: Ledger) -> None:
    with ledger.write() as connection:
        repository = ensure(connection, "", "eu", "deep/" + "x" * 300)
        assert ensure(connection, "eu") == repository
        found = repositories.projects_of(connection, repository)
        assert [project.root for project in found] == ["", "deep/" + "x" * 300, "eu"]
        assert [project.name for project in found][::2] == ["wine", "wine/eu"]
        assert all(len(project.name) <= repositories.LONGEST for project in found)


def test_a_new_root_owes_verdicts_where_the_refs_stand(ledger: Ledger) -> None:
    with ledger.write() as connection:
        repository = repositories.watched(connection)[0].id
        top = repositories.projects_of(connection, repository)[0].id
        commits = [SeenCommit(sha, "refs/heads/main", "Ada L <a@x.org>", "", "", NOW) for sha in (A, B)]
        observations.observe(connection, repository, {"refs/heads/main": B}, commits, NOW, baseline=True)
        assert observations.head(connection, repository, "refs/heads/main") == B
        assert observations.head(connection, repository, "refs/heads/other") is None
        assert verdicts.author_of(connection, repository, A) == ("Ada L", "a@x.org")
        kept = SnapshotRow("code/a", "sha256:1", 1, 1)
        for sha in (A, B):
            said = VerdictRow(top, sha, "neutral", "", (), None)
            verdicts.keep(connection, repository, sha, kept, [said], NOW)
        ensure(connection, "")
        assert verdicts.unjudged(connection, 9) == []
        ensure(connection, "", "eu")
        assert verdicts.unjudged(connection, 9) == [(repository, B)]
        eu = repositories.projects_of(connection, repository)[1].id
        again = [VerdictRow(project, B, "success", "", (), "") for project in (top, eu)]
        verdicts.keep(connection, repository, B, kept, again, LATER)
        assert verdicts.of_project(connection, top, B) == VerdictRow(top, B, "neutral", "", (), None)
        assert verdicts.judged_projects(connection, repository, B) == {top, eu}


def test_a_schedule_is_considered_up_to_a_moment(ledger: Ledger) -> None:
    with ledger.write() as connection:
        repository = repositories.watched(connection)[0].id
        project = repositories.projects_of(connection, repository)[0].id
        schedules.consider(connection, project, "nightly", "0 3 * * * UTC main", NOW)
        schedules.consider(connection, project, "nightly", "0 4 * * * UTC main", LATER)
        assert schedules.of_project(connection, project) == {"nightly": ("0 4 * * * UTC main", LATER)}
        schedules.forget(connection, project, "nightly")
        assert schedules.of_project(connection, project) == {}
