"""Valohai's own library in a job notices nothing: directories, parameters, inputs, on-demand files, metadata, live upload."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ledger.tables import executions, metrics, outputs
from schemas.states import FINAL_RUN
from tests.builders.house import House, house
from tests.builders.images import with_packages
from tests.parts import process
from tests.parts.docker_engine import DockerEngine

JOB = Path(__file__).with_name("jobs") / "with_valohai_utils.py"

CONFIG = """
- step:
    name: produce
    image: {image}
    command:
      - echo 1,2,3 > "$VH_OUTPUTS_DIR/numbers.txt"
      - echo worth the wait > "$VH_OUTPUTS_DIR/late.txt"
- step:
    name: check
    image: {image}
    command: '{python} check.py {{parameters}}'
    parameters:
      - {{ name: lr, type: float, default: 0.25 }}
      - {{ name: epochs, type: integer, default: 3 }}
      - {{ name: flip, type: flag, default: true }}
      - {{ name: layers, type: integer, multiple: separate, default: [3, 4] }}
      - {{ name: word, type: string, default: "two words" }}
    inputs:
      - {{ name: numbers }}
      - {{ name: late, download: on-demand }}
- step:
    name: consume
    image: {image}
    command: 'cp "$VH_INPUTS_DIR/texts/plain.txt" "$VH_CONFIG_DIR/inputs.json" "$VH_OUTPUTS_DIR/"'
    inputs:
      - {{ name: texts, default: "dataset://texts/v1" }}
- pipeline:
    name: all
    nodes:
      - {{ name: produce, type: execution, step: produce }}
      - {{ name: check, type: execution, step: check }}
      - {{ name: consume, type: execution, step: consume }}
    edges:
      - [produce.output.numbers.txt, check.input.numbers]
      - [produce.output.late.txt, check.input.late]
      - [check.dependency.done, consume.dependency.done]
- trigger:
    name: all
    when: {{ push: {{ branches: [main] }} }}
    run: {{ pipeline: all }}
"""


@dataclass(frozen=True)
class Ran:
    """A house in which the pipeline has ended."""

    house: House

    def rows(self, step: str) -> list[Any]:
        with self.house.ports.ledger.read() as connection:
            return list(connection.execute(select(executions).where(executions.c.step == step)))

    def outputs(self, step: str) -> dict[str, Any]:
        [row] = self.rows(step)
        with self.house.ports.ledger.read() as connection:
            found = connection.execute(select(outputs).where(outputs.c.execution_id == row.id)).all()
        return {output.name: output for output in found}

    def content(self, step: str, name: str) -> bytes:
        return self.house.ports.stores["artifacts"].get(self.outputs(step)[name].key, 1_000_000)


@pytest.fixture(scope="module", params=["process", "docker"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "docker":
        engine: DockerEngine = request.getfixturevalue("docker_engine")
        image = with_packages(engine, folder, "luotsi-test/valohai-utils:0.8.0", "valohai-utils==0.8.0")
        python = "python3"
        runtime: dict[str, object] = {"kind": "docker", "engine": engine.address}
    else:
        image, python, runtime = "none", sys.executable, {"kind": "process", "unsafe": True}
    with house(folder, runtime) as made:
        config = CONFIG.format(image=image, python=python)
        made.person.commit({"valohai.yaml": config, "check.py": JOB.read_text()}, "Check")
        made.person.push()

        def over() -> bool:
            from ledger.tables import runs

            with made.ports.ledger.read() as connection:
                found = connection.execute(select(runs.c.state, runs.c.reason)).all()
            return bool(found) and all(row.state in FINAL_RUN for row in found)

        process.until(over, what="the end of the run")
        yield Ran(made)


def test_the_script_ended_well(ran: Ran) -> None:
    for step in ("produce", "check", "consume"):
        [row] = ran.rows(step)
        assert (row.state, row.reason.split(" ")[0]) == ("complete", row.reason.split(" ")[0]), row.reason


def test_the_library_read_what_the_step_says(ran: Ran) -> None:
    seen = json.loads(ran.content("check", "seen.json"))
    [row] = ran.rows("check")
    assert seen["parameters"] == {
        "lr": 0.25, "epochs": 3, "flip": True, "layers": ["3", "4"], "word": "two words", "unset": None,
    }  # fmt: skip
    assert seen["arguments"] == ["--lr=0.25", "--epochs=3", "--flip", "--layers=3,4", "--word=two words"]
    assert seen["execution"] == {"counter": row.number, "id": row.id, "title": None}
    assert seen["numbers"] == "1,2,3\n"


def test_a_file_on_demand_is_listed_before_and_fetched_when_it_is_asked_for(ran: Ran) -> None:
    seen = json.loads(ran.content("check", "seen.json"))
    [listed] = seen["late_before"]
    assert "path" not in listed
    assert "name" in listed
    assert seen["late_input_id"] is True
    assert seen["late"] == "worth the wait\n"


def test_what_it_says_of_itself_and_what_it_logs_arrive(ran: Ran) -> None:
    [row] = ran.rows("check")
    assert row.status_detail == "half way through"
    assert row.metadata["accuracy"] == 0.75
    with ran.house.ports.ledger.read() as connection:
        points = (
            connection.execute(select(metrics.c.value).where(metrics.c.key == "accuracy")).scalars().all()
        )
    assert sorted(points) == [0.5, 0.75]


def test_outputs_live_ones_too_are_there_once_with_their_properties(ran: Ran) -> None:
    found = ran.outputs("check")
    assert sorted(found) == ["checkpoint.txt", "models/model.bin", "plain.txt", "seen.json", "tables.zip"]
    assert found["plain.txt"].metadata["quality"] == "good"
    assert ran.content("check", "checkpoint.txt") == b"checkpoint 1"


def test_the_dataset_that_it_named_is_an_input_of_the_next(ran: Ran) -> None:
    assert ran.content("consume", "plain.txt") == b"plain"
    [file] = json.loads(ran.content("consume", "inputs.json"))["texts"]["files"]
    assert file["metadata"][0]["quality"] == "good"
    assert file["uri"] == f"datum://{ran.outputs('check')['plain.txt'].id}"
