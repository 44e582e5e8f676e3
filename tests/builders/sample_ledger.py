"""A ledger as it looks after a morning's work: everything that pages show is in it at least once."""

from dataclasses import dataclass

from stores.port import Store
from tests.builders.ledger_rows import Execution, Repository, Rows, log_records
from tests.builders.sample_pipelines import Releases, fill_releases

BROKEN = """\
- step:
    name: train
    image: python:3.12-slim
    command: python train.py
    parameters:
      - name: epochs
        type: integr
- trigger:
    name: train
    when:
      push: { branches: [main] }
    run: { step: trian }
"""

PROBLEMS = (
    {
        "path": "valohai.yaml", "line": 7, "column": 15, "severity": "error",
        "message": "integr is not a type of a parameter", "hint": "Did you mean integer?",
    },
    {
        "path": "valohai.yaml", "line": 12, "column": 18, "severity": "error",
        "message": "there is no step named trian", "hint": "Did you mean train?",
    },
)  # fmt: skip

PICTURE = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 180" width="320" height="180">
<path d="M20 20V150H300" fill="none" stroke="#555"/>
<path d="M20 40C60 120 120 138 300 142" fill="none" stroke="#1d5fc4" stroke-width="2"/></svg>"""

TRACEBACK = (
    ("status", "image python:3.12-slim is here: sha256:1f2e3d4"),
    ("status", "starting: python train.py --epochs 200"),
    "Training on 106 wines, validating on 36; 36 are held out.",
    '{"epoch": 1, "loss": 1.0986, "accuracy": 0.3889}',
    '{"epoch": 2, "loss": NaN, "accuracy": 0.3889}',
    ("stderr", "\x1b[33mRuntimeWarning: overflow encountered in exp\x1b[0m"),
    ("stderr", "Traceback (most recent call last):"),
    ("stderr", '  File "train.py", line 81, in <module>'),
    ("stderr", "    main()"),
    ("stderr", '  File "train.py", line 62, in train'),
    ("stderr", "    sys.exit(f'The loss is not a number in epoch {epoch}.')"),
    ("stderr", "\x1b[1;31mSystemExit: The loss is not a number in epoch 2.\x1b[0m"),
    ("status", "the command ended with exit code 1 after 4 s"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The parts of the sample that tests name."""

    repository: Repository
    trained: Execution
    """The newest complete training, with metrics, outputs and a final log."""
    running: Execution
    failed: Execution
    waiting: Execution
    run: str
    sha: str
    broken: str
    model: str
    picture: str
    tuning: str
    """A run of a task."""
    task: int
    trial: Execution
    """The best execution of the task."""
    releases: Releases
    """Another repository, with pipelines that release."""


def fill(rows: Rows, system: Store, artifacts: Store) -> Sample:
    """Write the sample."""
    wine = rows.repository("wine")
    rows.repository("forecast/energy", address="https://robot:s3cr3t@git.example.org/forecast/energy.git")
    rows.repository(
        "churn",
        address="ssh://git@git.example.org/churn.git",
        trouble="git.example.org does not answer: connection timed out. It is tried again every minute.",
        trouble_since=rows.ago(1500),
        looked_at=rows.ago(1500),
    )
    agent = rows.agent()
    rows.agent("agent-2", slots=2, free_slots=0, runtime="process (no isolation)")
    rows.agent("gpu-1", "gpu-large", slots=1, free_slots=0, renewed_at=rows.ago(720), runtime="docker 28.5.2")
    earlier = _first_training(rows, wine, agent, system)
    sha, run, trained, model, picture = _training(rows, wine, agent, earlier, system, artifacts)
    _serve(rows, wine, sha, trained, model)
    failed = _failure(rows, wine, agent, system)
    broken = rows.commit(wine, "Rename the step", 900, "failure", PROBLEMS, BROKEN, author="Eero Niemi")
    rows.commit(wine, "Fix a typo in the README", 1200, ref="refs/heads/docs")
    running, waiting = _present(rows, wine, agent)
    tuning, task, trial = _tuning(rows, wine, agent)
    releases = fill_releases(rows, artifacts)
    return Sample(
        wine, trained, running, failed, waiting, run, sha, broken, model, picture, tuning, task, trial, releases,
    )  # fmt: skip


def _tuning(rows: Rows, wine: Repository, agent: str) -> tuple[str, int, Execution]:
    """A grid over two parameters on a branch; one of its executions failed, the fourth is the best."""
    sha = rows.commit(wine, "Search for a better learning rate", 2600, ref="refs/heads/tune")
    sets = [{"learning_rate": rate, "batch": batch} for rate in (0.001, 0.01, 0.1) for batch in (16, 32)]
    run = rows.run(
        wine, sha, seconds=2590, trigger="tune", ref="refs/heads/tune",
        rule={"target": {"kind": "task", "name": "sweep"}, "expect": ["accuracy >= 0.9"], "required": True},
    )  # fmt: skip
    identity, number = rows.task(
        wine,
        run,
        sets,
        created_at=rows.ago(2590),
        finished_at=rows.ago(2400),
        reason="!1 sweep: 5 of 6 complete, 1 failed, best accuracy 0.97 with learning_rate 0.01, batch 32",
    )
    accuracies = (0.91, 0.93, 0.95, 0.97, None, 0.88)
    made = []
    for place, accuracy in enumerate(accuracies):
        child = rows.execution(
            wine, sha, "error" if accuracy is None else "complete", 2580, 30 + place, run_id=run, agent=agent,
            task_id=identity, child=place, reason="exit code 1" if accuracy is None else "",
        )  # fmt: skip
        rows.set_metadata(
            child, {} if accuracy is None else {"epoch": 20, "accuracy": accuracy, "loss": 1 - accuracy}
        )
        made.append(child)
    return run, number, made[3]


def _first_training(rows: Rows, wine: Repository, agent: str, system: Store) -> str:
    sha = rows.commit(wine, "Classify wines with a small network", 9000)
    run = rows.run(wine, sha, seconds=8990, gate=_gate(0.951, None, None))
    pipeline = rows.pipeline(wine, run, {"train": "complete"}, state="complete", finished_at=rows.ago(8890))
    done = rows.execution(
        wine, sha, run_id=run, pipeline_id=pipeline, node="train", agent=agent, seconds=8980
    )
    assert done.attempt is not None
    rows.set_metadata(done, rows.training(done.attempt, best=0.951))
    rows.store_log(done, log_records(["Training on 106 wines."]), system)
    return sha


def _training(
    rows: Rows, wine: Repository, agent: str, base: str, system: Store, artifacts: Store
) -> tuple[str, str, Execution, str, str]:
    sha = rows.commit(wine, "Train a little longer, and decay the weights", 1800)
    run = rows.run(wine, sha, seconds=1795, gate=_gate(0.962, 0.951, base))
    pipeline = rows.pipeline(
        wine, run, {"train": "complete", "evaluate": "complete"}, state="complete", finished_at=rows.ago(1650)
    )
    trained = rows.execution(
        wine, sha, run_id=run, pipeline_id=pipeline, node="train", agent=agent, seconds=1790,
    )  # fmt: skip
    assert trained.attempt is not None
    metadata = rows.training(trained.attempt)
    rows.set_metadata(trained, metadata)
    epochs = [
        f'{{"epoch": {n}, "loss": {1 / n:.6f}, "accuracy": {0.962 - 0.5 / n:.6f}}}' for n in range(1, 201)
    ]
    lines: list[str | tuple[str, str]] = [("status", "starting: python train.py --epochs 200")]
    lines += [
        "Training on 106 wines, validating on 36; 36 are held out.",
        *epochs,
        "Wrote model.json and training.svg.",
    ]
    rows.store_log(trained, log_records(lines, rows.ago(1780)), system)
    model = rows.output(trained, "model.json", b'{"weights": []}' * 900, artifacts)
    picture = rows.output(trained, "training.svg", PICTURE, artifacts)
    evaluated = rows.execution(
        wine, sha, run_id=run, pipeline_id=pipeline, node="evaluate", step="evaluate", agent=agent, seconds=1700, took=12,
    )  # fmt: skip
    rows.set_metadata(evaluated, {"accuracy": 0.962, "f1": 0.958})
    rows.store_log(evaluated, log_records(['{"accuracy": 0.962, "f1": 0.958}']), system)
    return sha, run, trained, model, picture


def _gate(value: float, base: float | None, base_sha: str | None) -> dict[str, object]:
    change = f" ({value - base:+.3f} against {base_sha[:7]})" if base is not None and base_sha else ""
    note = "" if base is not None else "no earlier run to compare against"
    return {
        "lines": [
            {"text": "accuracy >= 0.9", "metric": "accuracy", "value": value, "base": base, "target": 0.9, "passed": True, "note": ""},
            {
                "text": "accuracy >= base - 0.005", "metric": "accuracy", "value": value, "base": base,
                "target": None if base is None else base - 0.005, "passed": True, "note": note,
            },
        ],
        "base_sha": base_sha,
        "passed": True,
        "summary": f"accuracy {value}{change}",
    }  # fmt: skip


def _serve(rows: Rows, wine: Repository, sha: str, trained: Execution, model: str) -> None:
    rows.tag(wine, "wine@v0.1.0", sha)
    rows.tag(wine, "wine@v0.2.0", sha)
    prod, staging = rows.tag(wine, "wine#prod#2", sha), rows.tag(wine, "wine#staging#3", sha)
    rows.tag(
        wine, "wine#prod", sha, decision="refused", annotated=False, tagger="",
        reason="wine#prod is a lightweight tag, and only annotated ones count. Make it with `git tag -a`.",
    )  # fmt: skip
    first = rows.version(trained, sha, model, version="v0.1.0", registered_at=rows.ago(1500))
    second = rows.version(trained, sha, model, version="v0.2.0", registered_at=rows.ago(700))
    build = rows.execution(
        wine, sha, kind="build", step="wine#prod", seconds=680, took=9,
        built={"kind": "image", "reference": "registry.example.org/wine-predict", "digest": trained.id},
    )  # fmt: skip
    rows.promotion(wine, first, "superseded", accepted_at=rows.ago(1490), reason="v0.2.0 serves now")
    rows.promotion(
        wine, second, "serving", execution_id=build.id, accepted_at=rows.ago(690), serving_at=rows.ago(660),
        tag="wine#prod#2", tag_object=prod, reason="wine v0.2.0 serves prod. It listens beyond this machine.",
    )  # fmt: skip
    rows.promotion(
        wine, second, "waiting", "staging", accepted_at=rows.ago(30), reason="the cluster has no free machine",
        tag="wine#staging#3", tag_object=staging,
    )  # fmt: skip


def _failure(rows: Rows, wine: Repository, agent: str, system: Store) -> Execution:
    sha = rows.commit(wine, "Try a larger learning rate", 1100, author="Eero Niemi", ref="refs/heads/faster")
    reason = "train failed: exit code 1 after 4 s"
    run = rows.run(wine, sha, "failure", 1095, reason=reason, ref="refs/heads/faster")
    failed = rows.execution(
        wine, sha, "error", 1090, 4, run_id=run, agent=agent, reason="the command ended with exit code 1 after 4 s",
    )  # fmt: skip
    assert failed.attempt is not None
    rows.metrics(failed.attempt, {"epoch": [1.0, 2.0], "loss": [1.0986], "accuracy": [0.3889, 0.3889]})
    rows.gaps(failed.attempt, "loss", {3: "nan"})
    rows.set_metadata(failed, {"epoch": 2, "loss": None, "accuracy": 0.3889})
    rows.store_log(failed, log_records(TRACEBACK, rows.ago(1085)), system)
    return failed


def _present(rows: Rows, wine: Repository, agent: str) -> tuple[Execution, Execution]:
    sha = rows.commit(wine, "Standardise the measurements", 60)
    run = rows.run(wine, sha, "running", 58, reason="train is running")
    running = rows.execution(wine, sha, "started", 55, run_id=run, agent=agent)
    assert running.attempt is not None
    rows.set_metadata(running, rows.training(running.attempt, epochs=80, best=0.97))
    newest = rows.commit(wine, "Hold out a third of the wines", 20)
    waiting_run = rows.run(wine, newest, "waiting", 18)
    waiting = rows.execution(wine, newest, "queued", 16, run_id=waiting_run, environment="gpu-large")
    rows.commit(wine, "Describe the data", 2, None)
    return running, waiting
