"""Tasks for tests: a step with parameters of every kind, and the plans of task items over it."""

from typing import Any

from controller.core.plan import Given
from controller.core.tasks.expand import plan_task
from schemas.parse_config import parse_config

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py {parameters}
    parameters:
      - {name: lr, type: float, default: 0.5, min: 0.000001, max: 1000000}
      - {name: depth, type: integer, default: 3, max: 100}
      - {name: kind, type: string, default: plain}
      - {name: fast, type: flag}
      - {name: layers, type: integer, multiple: separate, default: [1, 2]}
"""


def config(task: str) -> Any:
    parsed = parse_config((STEP + task).encode())
    assert parsed.valohai is not None, parsed.problems
    return parsed.valohai


def task(body: str, *parameters: str) -> Any:
    lines = [f"    {line}" for line in body.splitlines()]
    named = "".join(f"\n      - {each}" for each in parameters)
    text = "- task:\n    name: sweep\n    step: train\n" + "\n".join(lines)
    return config(text + (f"\n    parameters:{named}\n" if named else "\n"))


def plan(body: str, *parameters: str, identity: str = "a", **given: Any) -> dict[str, Any]:
    return plan_task(task(body, *parameters), "sweep", Given(parameters=given), identity)
