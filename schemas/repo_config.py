"""What a commit's `valohai.yaml` says, as values: the official config object plus our two kinds of item."""

from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.values import Problem


@dataclass(frozen=True, slots=True)
class PushRule:
    """Glob patterns over branch names (`main`, `release/*`)."""

    branches: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    """A cron line in a time zone, on one branch."""

    cron: str
    timezone: str = "UTC"
    branch: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """The events that fire a trigger; None where the trigger does not name that kind."""

    push: PushRule | None = None
    pull_request_targets: tuple[str, ...] | None = None
    tag_names: tuple[str, ...] | None = None
    schedule: ScheduleRule | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a trigger runs. `parameters` and `inputs` override the step's or pipeline's defaults."""

    kind: Literal["step", "pipeline", "task"]
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Concurrency:
    """`group` is a template over {trigger}, {ref}, {pull-request}."""

    group: str
    replace: Literal["queued", "all", "none"] = "queued"


@dataclass(frozen=True, slots=True)
class Expectation:
    """`[node.]METRIC OP EXPRESSION`, parsed. `expression` is the source text of the right side, already checked."""

    text: str
    node: str | None
    metric: str
    operator: Literal[">=", "<=", ">", "<", "==", "!="]
    expression: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """The rule that turns events into runs; its name is the check's name."""

    name: str
    when: When
    target: Target
    paths: tuple[str, ...] = ()
    concurrency: Concurrency | None = None
    reuse: bool = False
    reads: tuple[str, ...] = ()
    expect: tuple[Expectation, ...] = ()
    base_required: bool = False
    required: bool = True
    every_commit: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model comes from: an output of a step, or of a pipeline's node."""

    output: str
    step: str | None = None
    pipeline: str | None = None
    node: str | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Smoke:
    """A request that a new endpoint must answer: `post` names a file of the repository, `expect` an HTTP status."""

    post: str | None = None
    expect: int = 200


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a stage is served and what a promotion to it needs."""

    name: str
    cluster: str = "local"
    replicas: int = 1
    require: tuple[str, ...] = ()
    smoke: Smoke | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the registry, as the repository describes it."""

    name: str
    source: ModelSource
    endpoint: str | None = None
    file: str | None = None
    stages: dict[str, Stage] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Unusable:
    """A trigger or model that counts as not there, because it, or what it builds on, has an error. `reason` says which."""

    kind: Literal["trigger", "model"]
    name: str
    line: int
    reason: str
    target: tuple[str, str] = ("", "")
    """Kind and name of what a trigger would run, as far as they can be read."""


@dataclass(frozen=True, slots=True)
class RepoConfig:
    """A judged `valohai.yaml`. `valohai` is the official library's `Config`; None where it could not be built.

    `problems` holds errors and warnings; a trigger whose own parts are sound is in `triggers` even when another item of the
    file is broken, if it does not depend on it. The others are `unusable`.
    """

    valohai: Any
    triggers: tuple[Trigger, ...] = ()
    models: tuple[Model, ...] = ()
    problems: tuple[Problem, ...] = ()
    unusable: tuple[Unusable, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the file has no error (warnings allowed)."""
        return not any(problem.severity == "error" for problem in self.problems)
