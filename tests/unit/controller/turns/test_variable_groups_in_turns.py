"""Groups of variables: those that a step names, and those that the operator gives to every step of a repository."""

from pathlib import Path
from typing import Any

from controller.ports import VariableGroup, Watched
from schemas.states import RunState
from schemas.values import Secret
from tests.builders.mind import Mind

CONFIG = """
- step:
    name: train
    image: python:3.12
    command: python train.py
    environment-variables:
      - { name: TOKEN, optional: false }
      - { name: REGION, optional: false }
    environment-variable-groups: [%s]
- trigger:
    name: train
    when: { push: {} }
    run: { step: train }
"""
TEAM = VariableGroup({"REGION": "eu", "MODE": "team"}, {"TOKEN": Secret("hush")})
OWN = VariableGroup({"MODE": "own"})


def mind(folder: Path, *everywhere: str, **groups: VariableGroup) -> Mind:
    watched = Watched("shop", str(folder / "shop.git"), variable_groups=everywhere)
    settings: dict[str, Any] = {"repositories": (watched,), "variable_groups": groups}
    return Mind(folder, **settings)


def test_a_repositorys_groups_reach_every_step_and_its_own_come_later(tmp_path: Path) -> None:
    made = mind(tmp_path, "team", team=TEAM, own=OWN)
    made.push(CONFIG % "own")
    [execution] = made.waiting()
    assert execution.spec["environment_variables"] == {"REGION": "eu", "MODE": "own"}
    assert execution.spec["variable_groups"] == ["team", "own"]
    assert "hush" not in str(execution.spec), "a secret's value comes with the claim alone"


def test_what_nothing_gives_is_said_with_where_to_put_it(tmp_path: Path) -> None:
    made = mind(tmp_path, team=TEAM, own=OWN)
    made.push(CONFIG % "own")
    run = made.run()
    assert run.state is RunState.ERROR
    assert "needs the environment variable TOKEN, and nothing gives it" in run.reason
    assert "variable-groups" in run.reason
