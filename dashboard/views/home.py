"""The first page: what is happening now, what came last, what serves, and what is in trouble."""

from collections.abc import Sequence
from datetime import datetime

from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from dashboard.shapes import word_of
from dashboard.waiting import reasons
from dashboard.words import ago, branch, plural
from ledger.pages import deployments as pages_deployments
from ledger.pages import fleet as pages_fleet
from ledger.pages import git as pages_git
from ledger.pages import pipelines as pages_pipelines
from ledger.pages import registry as pages_registry
from ledger.pages import tags as pages_tags
from ledger.pages import work as pages_work
from ledger.pages.work import ExecutionLine, RunLine
from schemas.states import Word
from schemas.values import short

_RUNS = 12
_OPEN = 100
_TAGS = 5


def home(parts: DashboardParts) -> Answer:
    """What a person wants to keep open."""
    now = parts.now()
    with parts.ledger.read() as connection:
        open_now = pages_work.open_executions(connection, _OPEN)
        runs = pages_work.latest_runs(connection, size=_RUNS)
        serving = pages_registry.current(connection)
        deployments = pages_deployments.current(connection, size=_RUNS)
        approvals = pages_pipelines.approvals(connection, _RUNS)
        open_tags = pages_tags.open_tags(connection, _TAGS + 1)
        troubled = pages_git.troubled(connection)
        refused = pages_git.refused_configs(connection)
        repositories = pages_git.all_repositories(connection, size=20)
        agents = pages_fleet.all_agents(connection)
    running = [each for each in open_now if word_of(each.state, "execution") is Word.RUNNING]
    waiting = [each for each in open_now if word_of(each.state, "execution") is not Word.RUNNING]
    data = {
        "notices": parts.notices(),
        "running": running,
        "waiting": waiting,
        "reasons": reasons(waiting, agents, now, parts.alive_seconds),
        "runs": runs.rows,
        "serving": serving,
        "deployments": deployments,
        "approvals": approvals,
        "open_tags": open_tags[:_TAGS],
        "troubled": troubled,
        "refused_configs": refused,
        "repositories": repositories,
    }
    drawn = {
        "headline": headline(running, waiting, runs.rows, now, bool(repositories), len(approvals)),
        "more_open": len(open_now) == _OPEN,
        "agents": agents,
        "more_runs": runs.older,
        "more_tags": len(open_tags) > _TAGS,
    }
    return Answer("home.html", data, drawn)


def headline(
    running: Sequence[ExecutionLine],
    waiting: Sequence[ExecutionLine],
    runs: Sequence[RunLine],
    now: datetime,
    watched: bool = True,
    approvals: int = 0,
) -> str:
    """The page's answer in one line."""
    if running or waiting or approvals:
        words = [plural(len(running), "execution") + " running"] if running else []
        words += [f"{len(waiting):,} waiting"] if waiting else []
        words += [f"{plural(approvals, 'node')} to approve"] if approvals else []
        return ", ".join(words)
    last = next((run for run in runs if run.finished_at), None)
    if last is None or last.finished_at is None:
        return "Nothing runs" if watched else "Nothing is watched yet"
    word = {
        Word.SUCCESS: "succeeded",
        Word.FAILURE: "failed",
        Word.ERROR: "ended with an error",
        Word.NEUTRAL: "ended neutral",
        Word.CANCELLED: "was cancelled",
    }.get(word_of(last.state, "run"), "ended")
    return f"Nothing runs. {last.trigger} on {branch(last.ref)} at {short(last.sha)} {word} {ago(last.finished_at, now)}"
