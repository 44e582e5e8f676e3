"""A pipeline through real processes: files and metrics from node to node, a retry, a task, and a person's approval."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from controller.core.pipelines.pipeline import node_states
from ledger.tables import executions, outputs, pipelines, runs
from luotsi import cli
from tests.builders.house import House, house
from tests.parts import process

PROCESS: dict[str, object] = {"kind": "process", "unsafe": True}

CONFIG = """
- step:
    name: make
    image: none
    command:
      - 'test -e {memory}/tried || {{ touch {memory}/tried; exit 3; }}'
      - echo '{{"best":0.25}}'
      - printf weights > "$VH_OUTPUTS_DIR/model.bin"
      - printf words > "$VH_OUTPUTS_DIR/notes.txt"
- step:
    name: score
    image: none
    command:
      - cat "$VH_INPUTS_DIR/model/model.bin" > "$VH_OUTPUTS_DIR/score-{{parameter-value:fold}}.txt"
      - echo '{{"rate":'{{parameter-value:rate}}'}}'
    parameters:
      - {{name: rate, type: float}}
      - {{name: fold, type: integer, default: 0}}
    inputs: [{{name: model}}]
- step:
    name: sum
    image: none
    command: ls "$VH_INPUTS_DIR/scores" | sort | tr '\\n' ' ' > "$VH_OUTPUTS_DIR/sum.txt"
    inputs: [{{name: scores}}]
- step: {{name: fail, image: none, command: exit 1}}
- pipeline:
    name: whole
    nodes:
      - {{name: make, type: execution, step: make, on-error: retry}}
      - {{name: extra, type: execution, step: fail, on-error: continue}}
      - {{name: score, type: task, step: score}}
      - name: sum
        type: execution
        step: sum
        actions: [{{when: node-starting, then: require-approval}}]
    edges:
      - [make.output.*.bin, score.input.model]
      - [make.metadata.best, score.parameter.rate]
      - [score.output.*, sum.input.scores]
      - [extra.dependency.x, sum.dependency.x]
    parameters: [{{name: folds, targets: [score.parameter.fold], default: [1, 2]}}]
- trigger: {{name: whole, when: {{push: {{}}}}, run: {{pipeline: whole}}}}
"""


def states(made: House) -> dict[str, str]:
    with made.ports.ledger.read() as connection:
        graph = connection.execute(select(pipelines.c.graph)).scalar()
    return node_states(graph) if graph else {}


def approve(made: House, *arguments: str) -> None:
    settings = str(made.opened.workspace.root / "luotsi.yaml")
    with pytest.raises(SystemExit) as ended:
        cli.main(["approve", *arguments, "--settings", settings])
    assert not ended.value.code


def test_a_pipeline_from_a_push_to_its_end(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    (tmp_path / "house").mkdir()
    with house(tmp_path / "house", PROCESS) as made:
        commit = made.person.commit({"valohai.yaml": CONFIG.format(memory=memory)})
        made.person.push()
        process.until(lambda: states(made).get("score") == "complete", what="the task node")
        process.until(lambda: states(made)["extra"] == "error", what="the failure that is tolerated")
        process.until(lambda: "waits for approval" in reason(made), what="the approval to be asked for")
        assert states(made)["sum"] == "created"
        approve(made, "=1/sum")
        process.until(lambda: states(made)["sum"] == "complete", what="the approved node")
        process.until(lambda: state(made) == "success", what="the run")
        with made.ports.ledger.read() as connection:
            rows = connection.execute(select(executions).order_by(executions.c.number)).all()
            name = outputs.c.name == "sum.txt"
            made_file = connection.execute(select(outputs).where(name)).one()
        tries = [row.state for row in rows if row.node == "make"]
        assert tries == ["error", "complete"]
        children = [row for row in rows if row.task_id is not None]
        assert [row.spec["parameters"] for row in children] == [
            {"rate": 0.25, "fold": 1},
            {"rate": 0.25, "fold": 2},
        ]
        body = made.ports.stores["artifacts"].get(made_file.key)
        assert body == b"score-1.txt score-2.txt "
        process.until(lambda: check(made, commit) == "success", what="the check")


def check(made: House, commit: str) -> str:
    """The state of the run's check, as the repository's notes have it."""
    said = {(line := json.loads(text))["context"]: line["state"] for text in made.person.notes(commit)}
    return str(said["luotsi/whole"])


def state(made: House) -> str:
    with made.ports.ledger.read() as connection:
        return str(connection.execute(select(runs.c.state)).scalar())


def reason(made: House) -> str:
    with made.ports.ledger.read() as connection:
        return str(connection.execute(select(runs.c.reason)).scalar())
