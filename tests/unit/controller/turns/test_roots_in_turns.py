"""Several roots in one repository: each a project with its own file, verdict, triggers, checks and numbers."""

from dataclasses import replace
from pathlib import Path

from controller import loop
from controller.ports import Watched
from ledger import repositories
from schemas.states import RunState
from tests.builders.mind import Mind

CONFIG = """
- step:
    name: train
    image: python:3.12
    command: python {root}/train.py
- trigger:
    name: train
    when: {{ push: {{ branches: [main] }} }}
    paths: ["{root}/**"]
    run: {{ step: train }}
"""


def watch(mind: Mind, *roots: str) -> None:
    """The settings name these roots from now on."""
    named = Watched("shop", str(mind.person.bare), roots=roots)
    mind.ports = replace(mind.ports, settings=replace(mind.ports.settings, repositories=(named,)))
    loop.prepare(mind.ports)
    mind.turns()


def push(mind: Mind, files: dict[str, str]) -> str:
    sha = mind.person.commit(files)
    mind.person.push()
    mind.turns()
    return sha


def names(mind: Mind) -> dict[str, str]:
    with mind.ports.ledger.read() as connection:
        found = repositories.projects_of(connection, mind.repository_id())
        return {project.id: project.name for project in found}


def test_each_root_has_its_own_verdict_triggers_and_checks(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    watch(mind, "", "models/eu", "models/us")
    eu = CONFIG.format(root="models/eu")
    sha = push(mind, {"models/us/valohai.yaml": "- step: 1\n", "models/eu/valohai.yaml": eu})
    said = mind.notes(sha)
    assert said["luotsi/config"].startswith("success: neutral: there is no valohai.yaml")
    assert said["luotsi/models/eu:config"].startswith("success: valohai.yaml is valid")
    assert said["luotsi/models/us:config"].startswith("failure: models/us/valohai.yaml:1:")
    [run] = mind.runs()
    assert names(mind)[run.project_id] == "shop/models/eu"
    [execution] = mind.waiting()
    assert execution.spec["commands"] == ["python models/eu/train.py"], "the working directory is the top"
    mind.finish(execution)
    assert mind.notes(sha)["luotsi/models/eu:train"] == "success: #1 train complete"


def test_path_filters_of_all_roots_look_at_the_same_push(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    watch(mind, "eu", "us")
    push(mind, {f"{root}/valohai.yaml": CONFIG.format(root=root) for root in ("eu", "us")})
    mind.finish(mind.waiting()[0])
    mind.finish(mind.waiting()[0])
    assert sorted(row.number for row in mind.executions()) == [1, 1], "numbers are the project's own"
    push(mind, {"us/data": "2"})
    found = {names(mind)[run.project_id]: run for run in mind.runs()[-2:]}
    assert found["shop/eu"].state is RunState.NEUTRAL
    assert found["shop/eu"].reason == "not affected: nothing under eu/** changed"
    assert found["shop/us"].state is RunState.RUNNING


def test_a_root_that_is_added_is_judged_where_the_branches_stand_and_starts_nothing(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    sha = push(mind, {"eu/valohai.yaml": CONFIG.format(root="eu")})
    assert "luotsi/eu:config" not in mind.notes(sha)
    top = mind.notes(sha)["luotsi/config"]
    watch(mind, "", "eu")
    assert mind.notes(sha)["luotsi/eu:config"].startswith("success: ")
    assert mind.notes(sha)["luotsi/config"] == top
    assert mind.runs() == []
    push(mind, {"eu/data": "1"})
    assert [run.trigger for run in mind.runs()] == ["train"]


def test_a_root_that_is_removed_rests_and_may_come_back(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    watch(mind, "", "eu")
    push(mind, {"eu/valohai.yaml": CONFIG.format(root="eu")})
    mind.finish(mind.waiting()[0])
    watch(mind, "")
    while_away = push(mind, {"eu/data": "1"})
    assert "luotsi/eu:config" not in mind.notes(while_away)
    assert len(mind.runs()) == 1
    watch(mind, "", "eu")
    assert mind.notes(while_away)["luotsi/eu:config"].startswith("success: ")
    assert len(mind.runs()) == 1
    assert sorted(names(mind).values()) == ["shop", "shop/eu"]
    push(mind, {"eu/data": "2"})
    assert len(mind.runs()) == 2


def test_the_top_need_not_be_a_project(tmp_path: Path) -> None:
    mind = Mind(tmp_path, repositories=())
    mind.person.commit({"eu/valohai.yaml": CONFIG.format(root="eu")})
    mind.person.push()
    watch(mind, "eu")
    assert list(names(mind).values()) == ["shop/eu"]
