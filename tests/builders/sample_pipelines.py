"""A repository with two projects in which pipelines release: retries, a task, an approval, deployments, names for data."""

from dataclasses import dataclass
from typing import Any

from stores.port import Store
from tests.builders.ledger_rows import Execution, Repository, Rows

RULE: dict[str, Any] = {
    "target": {"kind": "pipeline", "name": "release"},
    "expect": [],
    "required": True,
    "concurrency": {"group": "release-main", "replace": "queued"},
}

NODES: dict[str, dict[str, Any]] = {
    "prepare": {"state": "complete"},
    "train": {"state": "complete", "on_error": "retry"},
    "tune": {"type": "task", "step": "train", "state": "started"},
    "audit": {"waits": True, "reason": 'waits for approval: luotsi approve "=3/audit"'},
    "compare": {},
    "serve": {"type": "deployment", "step": ""},
}
EDGES = [
    ["prepare", "train"],
    ["prepare", "tune"],
    ["train", "audit"],
    ["train", "compare"],
    ["tune", "compare"],
    ["compare", "serve"],
    ["audit", "serve"],
]


@dataclass(frozen=True, slots=True)
class Releases:
    """The parts that tests name."""

    repository: Repository
    below: Repository
    """The project in `models/eu`."""
    going: str
    """The run whose pipeline =3 goes on and waits for a person."""
    broken: str
    """The run whose pipeline =2 failed, with a skipped node."""
    shipped: str
    """The run whose pipeline =1 deployed."""
    retried: Execution
    """The second try of train in =3."""
    talking: Execution
    """A running execution that says what it does."""
    replaced: str
    serving: str
    """The version of the deployment that serves."""


def graph(nodes: dict[str, dict[str, Any]], edges: list[list[str]]) -> dict[str, Any]:
    """A graph as the controller stores it."""
    plain = {"type": "execution", "state": "created", "on_error": "stop-all"}
    entries = [{"name": name, "step": name, **plain, **said} for name, said in nodes.items()]
    return {"nodes": entries, "edges": edges, "reuse": False}


def fill_releases(rows: Rows, artifacts: Store) -> Releases:
    """Write the sample."""
    of = rows.repository("lab/penguins")
    below = rows.project(of, "models/eu")
    agent = rows.agent("agent-7", slots=1, free_slots=0)
    shipped, serving = _shipped(rows, of, agent, artifacts)
    broken = _broken(rows, of, agent)
    going, retried, talking = _going(rows, of, agent)
    replaced = _events(rows, of, below, agent)
    return Releases(of, below, going, broken, shipped, retried, talking, replaced, serving)


def _shipped(rows: Rows, of: Repository, agent: str, artifacts: Store) -> tuple[str, str]:
    sha = rows.commit(of, "Tell three kinds of penguins apart", 7000)
    run = rows.run(
        of,
        sha,
        trigger="release",
        seconds=6990,
        rule=RULE,
        event="tag",
        ref="refs/tags/v1.0",
        occurrence="v1.0",
    )
    nodes = {"train": {"state": "complete"}, "serve": {"type": "deployment", "step": "", "state": "complete"}}
    pipeline = rows.pipeline(
        of, run, {"train": "complete"}, name="release", state="complete", finished_at=rows.ago(6700),
        graph=graph(nodes, [["train", "serve"]]),
    )  # fmt: skip
    trained = rows.execution(
        of, sha, run_id=run, pipeline_id=pipeline, node="train", agent=agent, seconds=6980
    )
    model = rows.output(trained, "penguin.json", b'{"weights": [1]}' * 40, artifacts)
    table = rows.output(trained, "measurements.csv", b"bill,flipper\n39.1,181\n" * 90, artifacts)
    rows.dataset(trained, "v1", [table], created_at=rows.ago(6880))
    rows.dataset(
        trained, "2", [table, model], ["checked", "newest"], tags=["islands"], created_at=rows.ago(6870)
    )
    rows.candidate(trained, 1, [model], note="The first with flipper length.", tags=["small"])
    rows.file_alias(trained, "penguin-best", model)
    rows.version(trained, sha, model, "penguin", "v1.0.0", registered_at=rows.ago(6500))
    build = rows.execution(
        of, sha, kind="build", step="penguin-api", seconds=6880, took=11, run_id=run, pipeline_id=pipeline, node="serve",
        built={"kind": "image", "reference": "registry.example.org/penguin", "digest": "sha256:" + "4e" * 32},
    )  # fmt: skip
    endpoint = {
        "predict": {
            "files": {"model": {}},
            "address": "http://127.0.0.1:8081/lab/penguins/penguin-api/20300314.0/predict/",
            "kind": "image",
            "digest": "sha256:" + "4e" * 32,
            "running_digest": "sha256:" + "4e" * 32,
            "execution": build.id,
        }
    }
    serving = rows.deployment(
        of, pipeline, sha, leading=["prod", "stable"], deployment="penguin-api", endpoints=endpoint,
        reason="penguin-api 20300314.0 serves predict", created_at=rows.ago(6890),
    )  # fmt: skip
    return run, serving


def _broken(rows: Rows, of: Repository, agent: str) -> str:
    sha = rows.commit(of, "Leave out those with missing bills", 4000)
    reason = "#5 evaluate failed 3 times: exit code 1"
    run = rows.run(
        of,
        sha,
        "failure",
        3990,
        trigger="release",
        rule=RULE,
        reason=reason,
        concurrency_group="release-main",
    )
    nodes: dict[str, dict[str, Any]] = {
        "train": {"state": "complete"},
        "evaluate": {"state": "error", "on_error": "retry", "reason": "exit code 1", "tries": 3},
        "report": {"state": "skipped", "reason": "evaluate failed"},
        "serve": {"type": "deployment", "step": "", "state": "error"},
    }
    edges = [["train", "evaluate"], ["evaluate", "report"], ["train", "serve"]]
    pipeline = rows.pipeline(
        of, run, {"train": "complete"}, name="release", state="error", finished_at=rows.ago(3500),
        graph=graph(nodes, edges),
    )  # fmt: skip
    common: dict[str, Any] = {"run_id": run, "pipeline_id": pipeline, "agent": agent}
    rows.execution(of, sha, node="train", seconds=3980, **common)
    for place in range(3):
        rows.execution(
            of,
            sha,
            "error",
            3880 - 60 * place,
            8,
            node="evaluate",
            step="evaluate",
            reason="exit code 1 after 8 s",
            **common,
        )
    rows.deployment(
        of, pipeline, sha, "failed", "20300314.1", ["canary"], deployment="penguin-api", created_at=rows.ago(3600),
        reason="the endpoint predict does not serve: it ended with exit code 3 after 2 s",
    )  # fmt: skip
    return run


def _going(rows: Rows, of: Repository, agent: str) -> tuple[str, Execution, Execution]:
    sha = rows.commit(of, "Weigh by island", 320)
    run = rows.run(
        of, sha, "running", 310, trigger="release", rule=RULE, concurrency_group="release-main",
        reason='!1 tune is running, audit waits for approval: luotsi approve "=3/audit"',
    )  # fmt: skip
    pipeline = rows.pipeline(of, run, {"train": "complete"}, name="release", graph=graph(NODES, EDGES))
    common: dict[str, Any] = {"run_id": run, "pipeline_id": pipeline, "agent": agent}
    rows.execution(of, sha, node="prepare", step="prepare", seconds=305, took=20, **common)
    rows.execution(
        of,
        sha,
        "error",
        280,
        30,
        node="train",
        reason="exit code 137 after 30 s: it ran out of memory",
        **common,
    )
    spec = {
        "commands": ["python train.py"],
        "parameters": {"epochs": 40},
        "environment_variables": {"OMP_NUM_THREADS": "2"},
        "variable_groups": ["tracking", "warehouse"],
        "mounts": [
            {"source": "/data/penguins", "destination": "/mnt/penguins", "readonly": True, "type": ""}
        ],
        "resources": {
            "cpu_min": 2,
            "cpu_max": 4,
            "memory_min": 0,
            "memory_max": 8192,
            "devices": {"nvidia.com/gpu": 1},
        },
        "time_limit": 7200.0,
        "no_output_timeout": 600.0,
        "stop_condition": "loss < 0.01",
        "upload_store": "frankfurt",
        "creator_name": "Aino Virtanen",
        "notes": ["`icon` of the step is ignored"],
    }
    retried = rows.execution(
        of, sha, seconds=240, took=60, node="train", spec=spec, status_detail="validated on 68 penguins", **common,
    )  # fmt: skip
    sets = [{"learning_rate": rate} for rate in (0.001, 0.01, 0.1)]
    task, _ = rows.task(
        of, run, sets, name="tune", node="tune", pipeline_id=pipeline, state="started", created_at=rows.ago(270),
        reason="1 of 3 complete, 1 running",
    )  # fmt: skip
    child: dict[str, Any] = {**common, "task_id": task}
    first = rows.execution(of, sha, seconds=268, took=90, child=0, node="tune", **child)
    rows.set_metadata(first, {"accuracy": 0.94})
    talking = rows.execution(
        of, sha, "started", 160, child=1, node="tune", status_detail="epoch 18 of 40, 3 min left", reason="an agent has taken it",
        **child,
    )  # fmt: skip
    rows.execution(
        of, sha, "queued", 150, child=2, node="tune", run_id=run, pipeline_id=pipeline, task_id=task
    )
    return run, retried, talking


def _events(rows: Rows, of: Repository, below: Repository, agent: str) -> str:
    """Runs that other events than a push asked for, one that another took the place of, and those of the second project."""
    sha = rows.commit(of, "Plot bills against flippers", 500, ref="refs/heads/plots")
    newest = rows.commit(below, "Learn the European penguins", 120)
    rows.run(
        of, sha, trigger="check", seconds=480, event="pull-request", pull_request=7, ref="refs/pull/7/head", trust="untrusted",
        reason="#9 test complete",
    )  # fmt: skip
    rows.run(
        of,
        sha,
        "neutral",
        470,
        trigger="ask",
        event="comment",
        pull_request=7,
        occurrence="comment-812",
        ref="refs/heads/plots",
    )
    rows.run(
        of,
        sha,
        trigger="nightly",
        seconds=460,
        event="schedule",
        occurrence="2030-03-14T02:30:00.000000+00:00",
    )
    replaced = rows.run(
        of, sha, "cancelled", 450, trigger="release", rule=RULE, concurrency_group="release-main",
        reason=f"replaced by {newest[:7]}",
    )  # fmt: skip
    run = rows.run(below, newest, seconds=110, reason="#1 train complete")
    pipeline = rows.pipeline(
        below, run, {"train": "complete", "test": "complete"}, state="complete", finished_at=rows.ago(40)
    )
    rows.execution(
        below,
        newest,
        run_id=run,
        pipeline_id=pipeline,
        node="train",
        step="train-eu",
        agent=agent,
        seconds=100,
        took=30,
    )
    rows.execution(
        below,
        newest,
        run_id=run,
        pipeline_id=pipeline,
        node="test",
        step="test-eu",
        agent=agent,
        seconds=60,
        took=8,
    )
    return replaced
