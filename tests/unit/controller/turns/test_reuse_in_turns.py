"""Old results that serve, through the controller's turns: when, with which words, and what follows from it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from controller.ports import Environment, VariableGroup
from controller.running import reuse
from ledger import executions, images, registry, repositories, tables
from ledger.executions import ExecutionRow
from ledger.pages import execution as pages_execution
from schemas import codec
from schemas.messages.record import Record
from schemas.states import ExecutionState, RunState
from schemas.values import Secret
from stores import keys
from tests.builders.mind import ENVIRONMENT, IMAGE_DIGEST, Mind

FILE = """
- step:
    name: train
    image: python:3.12
    command: python train.py {{parameters}}
    parameters:
      - name: epochs
        type: integer
        default: {epochs}
{step}
- trigger:
    name: train
    when:
      push: {{ branches: [main] }}
    run: {{ step: train }}
    reuse: {reuse}
{trigger}
"""
REUSED = "same archive, image, inputs, parameters"


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    return Mind(tmp_path)


def file(epochs: int = 5, reuse: str = "true", step: str = "", trigger: str = "") -> str:
    return FILE.format(epochs=epochs, reuse=reuse, step=step, trigger=trigger)


def ran(mind: Mind, config: str, **files: str) -> ExecutionRow:
    """Push, run the execution that this starts to its end, and answer with it."""
    mind.push(config, **files)
    [execution] = mind.waiting()
    mind.finish(execution, outputs={"model.pkl": b"weights"}, metadata={"loss": 0.5})
    return mind.executions()[-1]


def pushed(mind: Mind, config: str, **files: str) -> ExecutionRow:
    """Push, and answer with the newest execution as it then is."""
    mind.push(config, **files)
    return mind.executions()[-1]


def said(row: ExecutionRow) -> list[str]:
    return [note for note in row.spec["notes"] if "reused" in note]


def back(mind: Mind, config: str) -> ExecutionRow:
    """Go away from the tree that this config makes, by a commit that starts nothing, and back to it."""
    mind.push("- step: {name: idle, image: a, command: b}")
    return pushed(mind, config)


def test_the_same_content_at_another_commit_takes_the_old_result(mind: Mind) -> None:
    first = ran(mind, file())
    second = back(mind, file())
    assert second.sha != first.sha
    assert (second.state, second.reused_id) == (ExecutionState.COMPLETE, first.id)
    assert second.reason == f"reused #1: {REUSED}"
    assert second.metadata == {"loss": 0.5}
    assert second.image_digest == first.image_digest
    assert mind.waiting() == []
    assert mind.run().state is RunState.SUCCESS
    with mind.ports.ledger.read() as connection:
        assert executions.data_of(connection, second.id) == executions.data_of(connection, first.id) != ()


def test_the_source_is_always_the_one_that_made_it(mind: Mind) -> None:
    first = ran(mind, file())
    back(mind, file())
    third = back(mind, file())
    assert third.reused_id == first.id
    assert third.reason.startswith("reused #1:")


@pytest.mark.parametrize(
    ("epochs", "words"),
    [(6, "archive and parameters differ from #1 (epochs)"), (5, "archive differs from #1")],
)
def test_what_differs_is_said(mind: Mind, epochs: int, words: str) -> None:
    ran(mind, file())
    second = pushed(mind, file(epochs), **{"train.py": "other"})
    assert second.state is ExecutionState.QUEUED
    assert said(second) == [f"not reused: {words}"]


def test_the_first_of_a_step_has_nothing_to_reuse(mind: Mind) -> None:
    assert said(pushed(mind, file())) == ["not reused: there is no earlier complete execution of train"]


def test_nothing_is_reused_or_said_where_nobody_asked(mind: Mind) -> None:
    ran(mind, file(reuse="false"))
    second = back(mind, file(reuse="false"))
    assert second.state is ExecutionState.QUEUED
    assert said(second) == []


@pytest.mark.parametrize("outcome", ["error", "stopped"])
def test_failures_are_never_reused(mind: Mind, outcome: Any) -> None:
    mind.push(file())
    mind.finish(mind.waiting()[0], outcome)
    second = back(mind, file())
    assert second.state is ExecutionState.QUEUED
    assert said(second) == ["not reused: there is no earlier complete execution of train"]


def test_a_name_that_means_another_image_now_reuses_nothing(mind: Mind) -> None:
    ran(mind, file())
    with mind.ports.ledger.write() as connection:
        images.pin(connection, ENVIRONMENT, "python:3.12", "sha256:" + "2" * 64, mind.now)
    second = back(mind, file())
    assert second.state is ExecutionState.QUEUED
    assert said(second) == ["not reused: image differs from #1 (python:3.12 means another one now)"]
    with mind.ports.ledger.write() as connection:
        images.pin(connection, ENVIRONMENT, "python:3.12", IMAGE_DIGEST, mind.now)
    assert back(mind, file()).reason == f"reused #1: {REUSED}"


def test_without_images_only_the_same_environment_serves(mind: Mind) -> None:
    mind.push(file())
    mind.finish(mind.waiting()[0], image_digest="")
    assert back(mind, file()).reason == f"reused #1: {REUSED}"
    other = Environment("0123456789ab", "other")
    with mind.ports.ledger.write() as connection:
        connection.execute(
            tables.environments.insert().values(id=other.id, name=other.name, added_at=mind.now)
        )
        first = mind.executions()[0]
        connection.execute(
            update(tables.executions)
            .where(tables.executions.c.id == first.id)
            .values(environment_id=other.id)
        )
    assert said(back(mind, file())) == [
        "not reused: #1 ran in another environment, and no image says that local is the same"
    ]


def test_trust_classes_do_not_serve_each_other(mind: Mind) -> None:
    first = ran(mind, file())
    with mind.ports.ledger.write() as connection:
        runs = update(tables.runs).where(tables.runs.c.id == first.run_id)
        connection.execute(runs.values(trust="untrusted"))
    assert said(back(mind, file())) == ["not reused: there is no earlier complete execution of train"]


def test_inputs_without_a_content_version_turn_it_off(mind: Mind) -> None:
    step = "    inputs:\n      - name: data\n        default: https://example.org/a.csv"
    first = ran(mind, file(step=step))
    second = back(mind, file(step=step))
    assert second.state is ExecutionState.QUEUED
    assert said(second) == [
        "not reused: the input data comes from https://example.org, and nothing says whether its content is the same"
    ]
    with mind.ports.ledger.read() as connection:
        keys = connection.scalars(select(tables.executions.c.reuse_key)).all()
    assert first.spec["inputs"] == second.spec["inputs"]
    assert keys == [None, None]


def test_an_input_by_name_counts_by_its_content(mind: Mind) -> None:
    make = "- step: {name: make, image: a, command: 'make NOTE'}\n- trigger: {name: make, when: {push: {branches: [main]}}, run: {step: make}}"
    step = "    inputs:\n      - name: data\n        default: datum://data"

    def made(content: bytes, note: str) -> None:
        mind.push(make.replace("NOTE", note))
        named = {"data.csv": {"valohai.alias": "data"}}
        mind.finish(mind.waiting()[0], outputs={"data.csv": content}, file_metadata=named)

    made(b"one", "1")
    first = ran(mind, file(step=step))
    made(b"one", "2")
    again = pushed(mind, file(step=step))
    assert again.spec["inputs"] != first.spec["inputs"], "another datum"
    assert again.reason == f"reused #{first.number}: {REUSED}"
    made(b"two", "3")
    assert said(pushed(mind, file(step=step))) == [f"not reused: inputs differ from #{first.number} (data)"]


def test_reads_makes_other_files_not_count(mind: Mind) -> None:
    config = file(trigger="    reads: [train.py]")
    first = ran(mind, config, **{"train.py": "1", "README.md": "a"})
    archive = first.spec["archive"]
    assert archive["reads"] == ["train.py"]
    second = pushed(mind, config, **{"README.md": "b"})
    assert second.spec["archive"]["digest"] != archive["digest"]
    assert second.spec["archive"]["content"] == archive["content"]
    assert second.reason == "reused #1: same files of `reads`, image, inputs, parameters"
    third = pushed(mind, config, **{"train.py": "2"})
    assert said(third) == ["not reused: files of `reads` differ from #1"]


def test_reads_that_name_no_file_are_refused(mind: Mind) -> None:
    mind.push(file(trigger="    reads: [nothing.py]"))
    assert mind.executions() == []
    assert mind.run().state is RunState.ERROR
    assert "`reads` names no file of" in mind.run().reason


def test_secrets_of_groups_count_and_cannot_be_told_from_the_key(tmp_path: Path) -> None:
    step = "    environment-variable-groups: [keys]"
    mind = Mind(tmp_path, variable_groups={"keys": VariableGroup({}, {"TOKEN": Secret("one")})})
    ran(mind, file(step=step))
    assert back(mind, file(step=step)).reason == f"reused #1: {REUSED}"
    other = {"keys": VariableGroup({}, {"TOKEN": Secret("two")})}
    mind.ports = replace(mind.ports, settings=replace(mind.ports.settings, variable_groups=other))
    second = back(mind, file(step=step))
    assert said(second) == ["not reused: secrets differ from #1"]
    elsewhere = replace(mind.ports, key=type(mind.ports.key).generate())
    assert reuse.key(elsewhere, second.spec) != reuse.key(mind.ports, second.spec)
    assert "two" not in str(second.spec)


def test_a_reused_execution_is_a_candidate_at_its_own_commit(mind: Mind) -> None:
    first = ran(mind, file())
    second = back(mind, file())
    with mind.ports.ledger.read() as connection:
        [output] = executions.data_of(connection, first.id)
        found = registry.candidate(
            connection, second.project_id, second.sha, "model.pkl", "train", None, None
        )
    assert found is not None
    assert (found.execution_id, found.output_id) == (second.id, output.datum)


def test_pages_follow_to_where_the_result_was_made(mind: Mind) -> None:
    first = ran(mind, file())
    second = back(mind, file())
    with mind.ports.ledger.read() as connection:
        shown = pages_execution.execution(connection, second.project_id, second.number)
        assert shown is not None
        assert (shown.reused_id, shown.reused) == (first.id, 1)
        [output] = pages_execution.outputs_of(connection, second.id)
        assert [output] == list(pages_execution.outputs_of(connection, first.id))
        assert pages_execution.output(connection, second.id, output.id) == output
        attempt = pages_execution.measured_attempt(connection, second.id)
        assert attempt == pages_execution.current_attempt(connection, first.id)
        assert pages_execution.current_attempt(connection, second.id) is None


def test_the_check_says_it(mind: Mind) -> None:
    ran(mind, file())
    assert mind.run().reason.endswith("not reused: there is no earlier complete execution of train")
    back(mind, file())
    assert mind.run().reason == f"#2 train complete; reused #1: {REUSED}"


def test_a_reused_execution_leaves_a_record(mind: Mind) -> None:
    ran(mind, file())
    second = back(mind, file())
    with mind.ports.ledger.read() as connection:
        shop = repositories.by_name(connection, "shop")
    assert shop is not None
    body = mind.ports.stores["system"].get(keys.record(shop.id, "execution", second.id))
    assert codec.read(Record, body).body["reused"] == second.reused_id


def test_a_project_keeps_to_itself(mind: Mind) -> None:
    first = ran(mind, file())
    with mind.ports.ledger.write() as connection:
        shop = repositories.by_name(connection, "shop")
        assert shop is not None
        connection.execute(
            tables.projects.insert().values(id="p" * 36, repository_id=shop.id, root="x", name="x")
        )
        key = connection.scalar(select(tables.executions.c.reuse_key))
        assert key is not None
        assert executions.complete_with_key(connection, first.project_id, key, "trusted") != []
        assert executions.complete_with_key(connection, "p" * 36, key, "trusted") == []
