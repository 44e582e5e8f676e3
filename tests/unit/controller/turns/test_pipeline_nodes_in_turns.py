"""The kinds of node in the controller's turns: tasks, deployments, and code of other commits."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger import tables
from schemas.states import ExecutionState, RunState
from tests.builders.pipeline_mind import A, B, C, PipelineMind, config, with_


@pytest.fixture
def mind(tmp_path: Path) -> PipelineMind:
    return PipelineMind(tmp_path)


def test_a_task_node_takes_files_and_gives_its_best(mind: PipelineMind) -> None:
    task = "{name: t, type: task, task: sweep}"
    mind.start(f"[{A}, {task}, {C}]", "[['a.output.*', t.input.model], ['t.output.*', c.input.model]]")
    mind.end("a", outputs={"m.bin": b"1"})
    children = [row for row in mind.executions() if row.task_id is not None]
    assert [row.spec["parameters"]["rate"] for row in children] == [0.1, 0.2]
    assert all(row.spec["inputs"][0]["data"][0]["name"] == "m.bin" for row in children)
    assert mind.states()["t"] == "started"
    for place, row in enumerate(children):
        mind.finish(row, outputs={f"{place}.bin": b"x"})
    assert mind.states() == {"a": "complete", "t": "complete", "c": "queued"}
    assert [file["name"] for file in mind.of("c").spec["inputs"][0]["data"]] == ["0.bin", "1.bin"]
    mind.end("c")
    assert mind.ended() == ("complete", RunState.SUCCESS)


def test_a_list_for_a_task_node_is_a_fan_out(mind: PipelineMind) -> None:
    task = "{name: t, type: task, step: use}"
    more = ", parameters: [{name: rates, targets: [t.parameter.rate], default: [0.1, 0.2, 0.3]}]"
    mind.start(f"[{task}]", "[]", more)
    assert [row.spec["parameters"]["rate"] for row in mind.waiting()] == [0.1, 0.2, 0.3]


def test_a_task_node_says_in_its_executions_what_its_edges_did_not_bring(mind: PipelineMind) -> None:
    mind.start(
        f"[{A}, {{name: t, type: task, task: sweep}}]",
        "[['a.output.*.txt', t.input.model], ['a.output.*', t.input.model]]",
    )
    mind.end("a", outputs={"m.bin": b"1"})
    children = [row for row in mind.executions() if row.task_id is not None]
    assert len(children) == 2
    assert all("no output of a matches *.txt for t.input.model" in row.spec["notes"] for row in children)


def test_a_task_node_runs_the_code_of_its_own_commit(mind: PipelineMind) -> None:
    old = mind.start(f"[{A}]")
    mind.end("a")
    node = f"{{name: t, type: task, task: sweep, commit: '{old[:9]}'}}"
    mind.push(config(f"[{node}]").replace("[0.1, 0.2]", "[0.3]").replace("python use.py", "python newer.py"))
    children = mind.waiting()
    assert [row.spec["parameters"]["rate"] for row in children] == [0.1, 0.2]
    assert {row.spec["commit"] for row in children} == {old}
    assert all(row.spec["commands"][0].startswith("python use.py") for row in children)


def test_a_failing_task_is_tried_again_as_a_task_of_its_own(mind: PipelineMind) -> None:
    task = "{name: t, type: task, step: use, on-error: retry}"
    mind.start(f"[{task}]")
    for _ in range(3):
        [child] = mind.waiting()
        mind.finish(child, "error", reason="no luck")
    assert mind.ended() == ("error", RunState.FAILURE)
    with mind.ports.ledger.read() as connection:
        assert connection.scalars(select(tables.tasks.c.number)).all() == [1, 2, 3]
    assert mind.last.reason.startswith("t failed 3 times: !3 t:")


def test_a_failure_beside_it_stops_a_task(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {{name: t, type: task, task: sweep}}]")
    mind.end("a", "error")
    assert mind.states() == {"a": "error", "t": "stopped"}
    assert {row.state for row in mind.executions()} == {ExecutionState.ERROR, ExecutionState.STOPPED}
    assert mind.ended() == ("error", RunState.FAILURE)


DEPLOY = "{name: d, type: deployment, deployment: shop-api, endpoints: [serve], aliases: [live]}"
TO_D = "[['a.output.*.bin', d.file.serve.model], [d.deployment.version_id, w.parameter.word]]"


def test_a_deployment_node_serves_and_hands_on_its_version(mind: PipelineMind) -> None:
    step = "- step: {name: tell, image: x, command: 'tell {parameters}', parameters: [{name: word}]}\n"
    tell = "{name: w, type: execution, step: tell}"
    mind.push(step + config(f"[{A}, {DEPLOY}, {tell}]", TO_D))
    mind.end("a", outputs={"m.bin": b"1"})
    [build] = mind.waiting()
    assert (build.kind, mind.states()["d"]) == ("build", "started")
    mind.finish(build)
    with mind.ports.ledger.read() as connection:
        [version] = connection.execute(select(tables.deployment_versions))
    assert (version.state, version.cluster, version.node) == ("serving", "local", "d")
    assert mind.of("w").spec["parameters"] == {"word": version.id}
    mind.end("w")
    assert mind.ended() == ("complete", RunState.SUCCESS)


def test_a_deployment_that_fails_is_the_nodes_error(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {DEPLOY}]", "[['a.output.*.bin', d.file.serve.model]]")
    mind.end("a", outputs={"m.bin": b"1"})
    mind.finish(mind.waiting()[0], "error", reason="disk full")
    assert mind.ended() == ("error", RunState.FAILURE)
    assert mind.last.reason.startswith("d failed: #2 did not build the endpoint serve: disk full")


@pytest.mark.parametrize(
    ("outputs", "words"),
    [({}, "no output of a matches *.bin"), ({"1.bin": b"", "2.bin": b""}, "2 outputs of a match *.bin")],
)
def test_a_deployment_needs_exactly_one_file(
    mind: PipelineMind, outputs: dict[str, bytes], words: str
) -> None:
    mind.start(f"[{A}, {DEPLOY}]", "[['a.output.*.bin', d.file.serve.model]]")
    mind.end("a", outputs=outputs)
    assert mind.ended() == ("error", RunState.FAILURE)
    assert words in mind.last.reason


OTHER = "{name: d, type: deployment, deployment: other, endpoints: []}"


def test_a_deployment_that_nothing_describes_is_made_on_the_only_cluster(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {OTHER}]", "[['a.dependency.x', d.dependency.x]]")
    mind.end("a")
    with mind.ports.ledger.read() as connection:
        [version] = connection.execute(select(tables.deployment_versions))
    assert (version.deployment, version.cluster) == ("other", "local")


def test_a_deployment_without_a_place_is_an_error_that_says_what_to_add_before_anything_starts(
    mind: PipelineMind,
) -> None:
    mind.ports = replace(mind.ports, clusters={**mind.ports.clusters, "far": mind.cluster})
    mind.start(f"[{A}, {OTHER}]", "[['a.dependency.x', d.dependency.x]]")
    assert mind.last.state is RunState.FAILURE
    assert "there is no deployment other" in mind.last.reason
    assert "defaults: {target: NAME}" in mind.last.reason
    assert "clusters here: local, far" in mind.last.reason
    assert mind.executions() == []


def test_a_cluster_that_is_not_there_is_said_before_anything_starts(mind: PipelineMind) -> None:
    item = "- deployment: {name: other, defaults: {target: far}}\n"
    mind.push(item + config(f"[{A}, {OTHER}]", "[['a.dependency.x', d.dependency.x]]"))
    assert "on the cluster far, which this installation does not have" in mind.last.reason
    assert mind.executions() == []


def test_a_node_runs_the_code_and_step_of_its_own_commit(mind: PipelineMind) -> None:
    old = mind.start(f"[{A}]")
    mind.end("a")
    mind.person.git("tag", "-a", "before", "-m", "Before", old)
    mind.person.git("push", "--quiet", "origin", "before")
    named = [
        with_(f"{{name: {name}, type: execution, step: make}}", f"commit: '{commit}'")
        for name, commit in (("full", old), ("short", old[:8]), ("tag", "before"))
    ]
    newer = "{name: now, type: execution, step: make}"
    sha = mind.push(config(f"[{', '.join(named)}, {newer}]").replace("python make.py", "python newer.py"))
    specs = {row.node: row.spec for row in mind.waiting()}
    for name in ("full", "short", "tag"):
        assert (specs[name]["commit"], specs[name]["commands"]) == (old, ["python make.py --size=1"])
        assert mind.entry(name)["commit"] == old
        assert specs[name]["archive"] != specs["now"]["archive"]
    assert (specs["now"]["commit"], specs["now"]["commands"]) == (sha, ["python newer.py --size=1"])


def test_a_commit_that_is_not_there_fails_its_node_before_anything_starts(mind: PipelineMind) -> None:
    mind.start(f"[{with_(A, 'commit: nowhere')}, {B}]")
    assert mind.ended() == ("error", RunState.FAILURE)
    assert "a failed: there is no commit nowhere in this repository" in mind.last.reason
    assert mind.executions() == []


def test_a_commit_that_was_never_judged_fails_its_node(mind: PipelineMind) -> None:
    first = mind.person.git("rev-list", "--max-parents=0", "HEAD")
    mind.start(f"[{with_(A, f'commit: {first}')}]")
    assert "which was never judged here" in mind.last.reason or "cannot be used" in mind.last.reason
    assert mind.last.state is RunState.FAILURE
