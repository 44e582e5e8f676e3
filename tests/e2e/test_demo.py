"""The main job from `git push` to a prediction, with and without a Docker engine, undisturbed and killed in the middle."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from luotsi import processes, valkey
from luotsi.workspace import Workspace
from tests.e2e.demo_process import NO_ENGINE, Demo
from tests.parts.docker_engine import DockerEngine
from tests.parts.process import until


@pytest.fixture(params=["docker", "process"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "process":
        return NO_ENGINE
    engine: DockerEngine = request.getfixturevalue("docker_engine")
    return {"DOCKER_HOST": engine.address}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "demo"
    yield folder
    for file in folder.glob("pids/*.json"):
        known = processes.read(file)
        if known is not None:
            known.end()
    valkey.end(Workspace(folder))


def check(summary: dict[str, Any], workspace: Path, runtime: str) -> None:
    """The summary is true: it says what git, the ledger and the files say."""
    assert summary["ok"], summary
    head = git(workspace / "repositories" / "wine.git", "rev-parse", "main")
    assert summary["commit"] == head
    assert [(e["number"], e["kind"], e["state"]) for e in summary["executions"]] == [
        (1, "step", "complete"),
        (2, "step", "complete"),
        (3, "build", "complete"),
    ]
    assert summary["execution"]["runtime"].startswith(runtime)
    assert summary["metrics"]["accuracy"] >= 0.9
    model = next(output for output in summary["outputs"] if output["name"] == "model.json")
    stored = [path for path in (workspace / "store" / "artifacts").rglob("model.json") if path.is_file()]
    assert "sha256:" + hashlib.sha256(stored[0].read_bytes()).hexdigest() == model["sha256"]
    assert stored[0].stat().st_size == model["size"]
    assert {status["context"]: status["state"] for status in summary["statuses"]} == {
        "luotsi/config": "success",
        "luotsi/train": "success",
    }
    notes = git(workspace / "repositories" / "wine.git", "notes", "--ref=luotsi", "show", head).splitlines()
    assert [json.loads(note)["context"] for note in notes] == ["luotsi/config", "luotsi/train"]
    assert summary["promotion"]["version"] == "v0.1.0"
    assert len(summary["prediction"]["predictions"]) == 3
    until(lambda: not left_behind(workspace), what="the end of all that it started")


def left_behind(workspace: Path) -> list[str]:
    """Command lines of processes that still have to do with the workspace."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(workspace) in command:
            found.append(command)
    return found


def attempts(workspace: Path) -> list[tuple[str, int]]:
    engine = create_engine(f"sqlite:///{workspace / 'ledger.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "select executions.step, count(*) from attempts join executions on executions.id = execution_id "
                "group by executions.id order by executions.number"
            )
        ).all()
    engine.dispose()
    return [(row[0], row[1]) for row in rows]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def kind(environment: dict[str, str]) -> str:
    return "process" if environment is NO_ENGINE else "docker"


def is_training(event: dict[str, Any]) -> bool:
    return bool(event["event"] == "metrics" and event["execution"] == 1)


def test_the_whole_path(workspace: Path, environment: dict[str, str]) -> None:
    demo = Demo(workspace, environment)
    summary = demo.summary()
    check(summary, workspace, kind(environment))
    assert attempts(workspace) == [("train", 1), ("evaluate", 1), ("predict", 1)]
    assert not [file for file in workspace.glob("pids/*.json") if processes.read(file)], (
        "something still runs"
    )
    said = {event["event"] for event in demo.events}
    wanted = {
        "seen",
        "snapshot",
        "verdict",
        "run",
        "execution",
        "log",
        "metrics",
        "output",
        "status",
        "notes",
    }
    assert wanted | {"version", "promotion", "prediction"} <= said


def test_killed_whole_in_the_middle_it_finishes_without_training_twice(
    workspace: Path, environment: dict[str, str]
) -> None:
    first = Demo(workspace, environment)
    first.until(is_training)
    first.kill()
    summary = Demo(workspace, environment).summary()
    check(summary, workspace, kind(environment))
    assert attempts(workspace) == [("train", 1), ("evaluate", 1), ("predict", 1)]


@pytest.mark.parametrize("part", ["controller", "agent-local-agent-1", "web"])
def test_one_part_killed_in_the_middle_is_replaced(
    workspace: Path, environment: dict[str, str], part: str
) -> None:
    demo = Demo(workspace, environment)
    demo.until(is_training)
    demo.kill_part(part)
    check(demo.summary(), workspace, kind(environment))
    assert attempts(workspace) == [("train", 1), ("evaluate", 1), ("predict", 1)]


def test_valkey_emptied_in_the_middle_loses_nothing(workspace: Path) -> None:
    demo = Demo(workspace, NO_ENGINE)
    demo.until(is_training)
    with Redis.from_url((workspace / "valkey" / "url").read_text()) as redis:
        redis.flushall()
    check(demo.summary(), workspace, "process")
    assert attempts(workspace) == [("train", 1), ("evaluate", 1), ("predict", 1)]


def test_valkey_killed_in_the_middle_loses_nothing(workspace: Path) -> None:
    demo = Demo(workspace, NO_ENGINE)
    demo.until(is_training)
    demo.kill_part("valkey")
    check(demo.summary(), workspace, "process")


def test_a_finished_demonstration_started_again_says_the_same(workspace: Path) -> None:
    first = Demo(workspace, NO_ENGINE).summary()
    again = Demo(workspace, NO_ENGINE).summary()
    check(again, workspace, "process")
    assert (again["commit"], again["archive_digest"]) == (first["commit"], first["archive_digest"])
    assert attempts(workspace) == [("train", 1), ("evaluate", 1), ("predict", 1)]


def test_told_again_it_keeps_its_order(workspace: Path) -> None:
    """All of it has happened when the second one begins, and nothing is done twice."""
    for before in (False, True):
        demo = Demo(workspace, NO_ENGINE)
        check(demo.summary(), workspace, "process")
        story = [event["event"] for event in demo.events]
        assert [event["before"] for event in demo.events if event["event"] in ("pushed", "tagged")] == [
            before
        ] * 3
        first, second = (at for at, event in enumerate(story) if event == "tagged")
        assert story.index("pushed") < story.index("seen") < story.index("verdict") < story.index("execution")
        told = max(at for at, event in enumerate(story) if event == "status")
        assert story.index("execution") < told < story.index("notes") < first
        assert first < story.index("version") < second < story.index("promotion") < story.index("prediction")
        builds = [at for at, event in enumerate(demo.events) if event.get("kind") == "build"]
        assert second < builds[0]
        assert builds[-1] < story.index("prediction")
    assert attempts(workspace) == [("train", 1), ("evaluate", 1), ("predict", 1)]
