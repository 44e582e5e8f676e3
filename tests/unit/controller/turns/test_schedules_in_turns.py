"""Schedules over a real repository and a real ledger, with the clock in the test's hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ledger import schedules
from ledger.repositories import projects_of
from schemas import moments
from schemas.states import RunState
from tests.builders.mind import Mind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
"""


def config(schedule: str = '{ cron: "0 4 * * *" }', more: str = "") -> str:
    return (
        STEP
        + f"""
- trigger:
    name: nightly
    when: {{ schedule: {schedule} }}
    run: {{ step: train }}
{more}"""
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def until(mind: Mind, text: str) -> None:
    """Nobody looks until then; then turns until nothing changes."""
    mind.now = at(text) - timedelta(seconds=1)
    mind.turns()


def fires(mind: Mind) -> list[tuple[str, str]]:
    """(fire time, commit) of the runs of schedules."""
    return [(run.occurrence, run.sha) for run in mind.runs() if run.event == "schedule"]


def spelled(text: str) -> str:
    return moments.to_text(at(text))


def test_a_schedule_fires_once_at_the_head_of_the_default_branch(tmp_path: Path) -> None:
    mind = Mind(tmp_path)  # it is 2030-01-02 03:04
    mind.push(config())
    assert mind.runs() == []
    sha = mind.push(config(), **{"train.py": "2"})
    until(mind, "2030-01-02T03:59:58")
    assert mind.runs() == []
    until(mind, "2030-01-02T04:00:00")
    assert fires(mind) == [(spelled("2030-01-02T04:00"), sha)]
    mind.finish(mind.waiting()[0])
    assert mind.notes(sha)["luotsi/nightly (schedule)"] == "success: #1 train complete"
    until(mind, "2030-01-03T04:00:07")
    assert fires(mind)[1:] == [(spelled("2030-01-03T04:00"), sha)]


def test_after_downtime_the_latest_is_made_up_once(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(config())
    until(mind, "2030-01-09T11:00:00")
    assert [fire for fire, _ in fires(mind)] == [spelled("2030-01-09T04:00")]
    until(mind, "2030-01-09T12:00:00")
    assert len(fires(mind)) == 1


def test_what_is_older_than_a_day_is_not_made_up(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(config('{ cron: "0 4 * * mon" }'))
    until(mind, "2030-01-09T11:00:00")
    assert fires(mind) == []
    until(mind, "2030-01-14T04:00:00")
    assert [fire for fire, _ in fires(mind)] == [spelled("2030-01-14T04:00")]


def test_a_changed_rule_and_one_that_comes_back_start_from_now(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(config())
    mind.now = at("2030-01-02T10:00:00")
    # Both the old line's fire and the new line's lie before the change was seen.
    mind.push(config('{ cron: "0 9 * * *" }'))
    assert fires(mind) == []
    mind.push(STEP)
    with mind.ports.ledger.read() as connection:
        project = projects_of(connection, mind.repository_id())[0]
        assert schedules.of_project(connection, project.id) == {}
    mind.now = at("2030-01-03T09:30:00")
    mind.push(config('{ cron: "0 9 * * *" }'))
    assert fires(mind) == []
    until(mind, "2030-01-04T09:00:00")
    assert [fire for fire, _ in fires(mind)] == [spelled("2030-01-04T09:00")]


def test_a_named_branch_runs_what_its_own_file_says(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    rule = '{ cron: "0 4 * * *", branch: release }'
    main = mind.push(config(rule))
    until(mind, "2030-01-02T04:00:00")
    [missing] = mind.runs()
    assert (missing.sha, missing.state) == (main, RunState.NEUTRAL)
    assert missing.reason == "there is no branch release"
    mind.person.git("checkout", "--quiet", "-B", "release")
    own = config(rule).replace(
        "run: { step: train }", "run: { step: train, parameters: {} }\n    required: false"
    )
    release = mind.person.commit({"valohai.yaml": own})
    mind.person.push("HEAD:refs/heads/release")
    mind.turns()
    until(mind, "2030-01-03T04:00:00")
    run = mind.run()
    assert (run.sha, run.ref, run.state) == (release, "refs/heads/release", RunState.RUNNING)
    assert run.rule["required"] is False
    bare = mind.person.commit({"valohai.yaml": STEP})
    mind.person.push("HEAD:refs/heads/release")
    until(mind, "2030-01-04T04:00:00")
    run = mind.run()
    assert (run.sha, run.state) == (bare, RunState.NEUTRAL)
    assert run.reason == "the head of release has no sound trigger nightly"


def test_nobody_starts_work_by_the_clock_from_a_branch_of_their_own(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP)
    mind.person.commit({"valohai.yaml": config('{ cron: "* * * * *", branch: mine }')})
    mind.person.push("HEAD:refs/heads/mine")
    mind.turns()
    until(mind, "2030-01-02T06:00:00")
    assert mind.runs() == []


def test_a_scheduled_run_of_a_head_that_ran_already_is_another_run(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config().replace("when: { schedule:", "when: { push: {}, schedule:")
    sha = mind.push(text)
    mind.finish(mind.waiting()[0])
    until(mind, "2030-01-02T04:00:00")
    mind.finish(mind.waiting()[0])
    assert [(run.event, run.sha, run.state) for run in mind.runs()] == [
        ("push", sha, RunState.SUCCESS),
        ("schedule", sha, RunState.SUCCESS),
    ]
    assert {"luotsi/nightly", "luotsi/nightly (schedule)"} <= mind.notes(sha).keys()


def test_a_clock_that_was_put_right_is_not_waited_for(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(config())
    until(mind, "2050-01-02T05:00:00")
    assert len(fires(mind)) == 1
    until(mind, "2030-01-02T06:00:00")
    until(mind, "2030-01-03T04:00:00")
    assert [fire for fire, _ in fires(mind)] == [spelled("2030-01-03T04:00"), spelled("2050-01-02T04:00")]
