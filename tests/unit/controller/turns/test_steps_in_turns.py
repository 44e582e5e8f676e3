"""What a step asks of its installation: an environment, a machine that fits, mounts, groups, a store. Refused before it costs."""

from pathlib import Path
from typing import Any

import pytest

from controller.ports import Environment
from schemas.states import RunState
from tests.builders.mind import ENVIRONMENT, Mind

CONFIG = """\
- step:
    name: train
    image: i
    command: c
    %s
- trigger: {name: t, when: {push: }, run: {step: train}}
"""
MACHINE = {"cpus": 4, "memory": 1024, "devices": {"nvidia.com/gpu": 1}}


def installation(folder: Path) -> Mind:
    return Mind(folder, environments=(Environment(ENVIRONMENT, "local", mounts=("/data",), machine=MACHINE),))


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("environment: gpu", "there is no environment gpu"),
        ("resources: {cpu: {min: 5}}", "it needs 5 cores, and its machines have 4"),
        ("resources: {memory: {min: 2048}}", "it needs 2048 MB of memory, and its machines have 1024"),
        (
            "resources: {devices: {nvidia.com/gpu: 2}}",
            "it needs 2 of nvidia.com/gpu, and its machines have 1",
        ),
        ("upload-store: cold", "in the store cold, which this installation does not have"),
        (
            "environment-variable-groups: [team]",
            "names the variable group team, which this installation does not",
        ),
        ("environment-variables: [{name: A, optional: false}]", "needs the environment variable A"),
        ("inputs: [{name: d, default: gs://b/c}]", "an address that cannot be read here"),
    ],
)
def test_what_can_never_run_is_refused_with_the_reason(tmp_path: Path, field: str, reason: str) -> None:
    mind = installation(tmp_path)
    sha = mind.push(CONFIG % field)
    assert mind.run().state is RunState.ERROR
    assert reason in mind.run().reason
    assert mind.executions() == []
    assert mind.notes(sha)["luotsi/t"].startswith("error")


def test_what_a_machine_has_is_no_obstacle(tmp_path: Path) -> None:
    mind = installation(tmp_path)
    mind.push(
        CONFIG % "resources: {cpu: {min: 4, max: 8}, memory: {min: 1024}, devices: {nvidia.com/gpu: 1}}"
    )
    (execution,) = mind.waiting()
    resources: dict[str, Any] = execution.spec["resources"]
    assert (resources["cpu_max"], resources["memory_min"], resources["devices"]) == (
        8,
        1024,
        {"nvidia.com/gpu": 1},
    )


def test_mounts_are_kept_where_the_environment_allows_them(tmp_path: Path) -> None:
    mind = installation(tmp_path)
    mounts = "[/data/images:/images, /etc:/etc, {source: /data/../etc, destination: /x}]"
    mind.push(CONFIG % f"mounts: {mounts}")
    (execution,) = mind.waiting()
    assert [mount["source"] for mount in execution.spec["mounts"]] == ["/data/images"]
    assert [note for note in execution.spec["notes"] if "/etc is ignored" in note]
    assert len(execution.spec["notes"]) == 2


def test_a_check_that_is_not_required_fails_as_neutral(tmp_path: Path) -> None:
    mind = installation(tmp_path)
    config = (CONFIG % "icon: x").replace("run: {step: train}", "required: false, run: {step: train}")
    sha = mind.push(config)
    mind.finish(mind.waiting()[0], "error")
    assert mind.run().state is RunState.NEUTRAL
    assert mind.notes(sha)["luotsi/t"].startswith(("neutral", "success: neutral"))


def test_a_step_that_was_stopped_says_which_and_why(tmp_path: Path) -> None:
    mind = installation(tmp_path)
    sha = mind.push(CONFIG % "time-limit: 60")
    (execution,) = mind.waiting()
    mind.finish(execution, "stopped", reason="stopped on request after 3 s")
    assert mind.notes(sha)["luotsi/t"] == "error: cancelled: #1 train: stopped on request after 3 s"
