"""Whatever people do and whatever becomes of deliveries: every commit that came into view is judged, and nothing runs twice."""

import random
from collections import Counter

import pytest
from sqlalchemy import select

from controller.core import status
from controller.watching import coverage
from ledger import tables
from schemas.states import FINAL_RUN
from tests.builders.covered import covered, judged
from tests.builders.pull_mind import PullMind
from tests.builders.weather import Weather

CONFIG = """
- step: { name: train, image: "python:3.12", command: python train.py }
- trigger:
    name: train
    when: { push: { branches: ["**"] }, pull-request: {} }
    run: { step: train }
"""
ENDED = {"success", "failure", "neutral", "action_required"}
STEPS = 45
SEEDS = range(2)


def reachable(mind: PullMind) -> set[str]:
    """Every commit that a branch or tag leads to now, as git says."""
    there = mind.site.github.bare(mind.site.repo)
    return set(there.git("rev-list", "--branches", "--tags").split())


def observed(mind: PullMind) -> set[str]:
    """Commits at which a branch was seen after the first look."""
    table = tables.ref_observations
    with mind.ports.ledger.read() as connection:
        query = select(table.c.sha).where(
            table.c.ref.startswith("refs/heads/"), ~table.c.baseline, table.c.sha.is_not(None)
        )
        return set(connection.scalars(query))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_commit_is_judged_and_nothing_runs_twice_in_any_weather(mind: PullMind, seed: int) -> None:
    mind.land(CONFIG)
    weather = Weather(mind, random.Random(seed))
    for _ in range(STEPS):
        weather.step()
    weather.clear()
    words = " ".join(weather.done)
    verdicts = judged(mind)
    assert coverage.ratio([covered(mind)]) == 1.0, (covered(mind).missing, words)
    assert reachable(mind) <= verdicts.keys(), words
    assert weather.named() <= verdicts.keys(), words
    assert set(weather.pushed) <= verdicts.keys(), words
    assert "error" not in verdicts.values(), words
    runs = mind.runs()
    assert observed(mind) <= {run.sha for run in runs}, words
    waits = [run for run in runs if run.state not in FINAL_RUN and run.reason not in status.HELD]
    assert waits == [], words
    once = Counter((run.trigger, run.sha, run.trust, run.occurrence) for run in runs)
    assert max(once.values()) == 1, words
    assert max(Counter(row.run_id for row in mind.executions()).values()) == 1, words
    with mind.ports.ledger.read() as connection:
        told = connection.execute(select(tables.statuses)).all()
    for row in told:
        assert row.delivered_at is not None, (row, words)
        shown = [check.state for check in mind.site.checks(row.sha) if check.context == row.context]
        # What was superseded and is a head again begins a new check; the newest counts.
        assert len([state for state in shown if state != "neutral"]) <= 1, (row, shown, words)
        assert shown[-1] in ENDED or row.trouble, (row, shown, words)
