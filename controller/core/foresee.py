"""What an event would start, what not, and why: decided by the very functions that decide it later, with nothing recorded.

What a pipeline's node gets from nodes before it is not known yet. It is stood in for: a file by the edge that brings it, a
metadata value by its name in <> (`schemas.commands.StandIn`), which no check of types and limits is asked about.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from controller.core import grants, schedule, triggers
from controller.core.events import Comment, PullRequest, Push, Tagged
from controller.core.given import given_of
from controller.core.pipelines import actions
from controller.core.pipelines.edges import Finished
from controller.core.pipelines.nodes import given_to
from controller.core.plan import Facts, Given, Planned, lookup, plan_step
from controller.core.serving.deploying import plan_deployment
from controller.core.standins import Source, file, finished, source, sources, unknown
from controller.core.tasks import expand
from controller.core.triggers import Answer, Decision
from schemas.errors import ConfigError
from schemas.messages.job import Archive
from schemas.reads import chooser, no_file
from schemas.repo_config import RepoConfig, Trigger

NOWHERE = Archive("", f"sha256:{'0' * 64}", 0)
SHOWN = 3
"""Children of a task that are spelled out."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The clock asks for the head of a branch. `now`: from when on the next fire is looked for."""

    branch: str
    now: datetime


Event = Push | PullRequest | Tagged | Comment | Scheduled


@dataclass(frozen=True, slots=True)
class World:
    """What is known around the config. `changed`: paths, None when nobody knows, so that no path filter holds back."""

    created: datetime
    message: str = ""
    changed: frozenset[str] | None = None
    default_branch: str = "main"
    environments: tuple[str, ...] | None = None
    """Names and ids of the installation's environments; None: not known, so that any will do."""
    groups: tuple[str, ...] | None = None
    limits: Mapping[str, grants.Limits] = field(default_factory=dict)
    """Of groups, as the settings have them."""
    origin: grants.Origin | None = None
    """Where the code comes from: None where nothing has limits."""
    stores: tuple[str, ...] | None = None
    codes: Mapping[str, Any] = field(default_factory=dict)
    """Official configs by the `commit` that a pipeline's node names."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Of those commits the ones that are not there, each with the reason."""
    paths: tuple[bytes, ...] | None = None
    """Files of the commit; None: not known."""


@dataclass(frozen=True, slots=True)
class Children:
    """A task's executions. `sets` are the values of the first few; a Bayesian task has none before its first round."""

    type: str
    count: int
    names: tuple[str, ...]
    sets: tuple[Mapping[str, Any], ...]
    at_once: int | None


@dataclass(frozen=True, slots=True)
class Work:
    """One execution, task or deployment that would be created. `problem`: why it could not be."""

    name: str
    kind: str
    after: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    """What comes in, as pairs of an edge's two ends."""
    step: str = ""
    image: str = ""
    environment: str | None = None
    commands: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    on_error: str = ""
    approval: bool = False
    children: Children | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One trigger's answer, and what it would start, in an order in which it could run."""

    trigger: str
    line: int
    answer: Answer
    reason: str
    target: tuple[str, str]
    works: tuple[Work, ...] = ()
    expect: tuple[str, ...] = ()
    """What the metrics must fulfil for the commit to pass."""
    required: bool = True
    concurrency: str = ""
    """The group that its run would be in, as the file has it, and what it would end there."""
    problem: str = ""
    """Why nothing could be planned at all; of one that is skipped, the error in the file that keeps it from counting."""

    @property
    def ok(self) -> bool:
        """Whether all that it would start could be planned."""
        return not self.problem and not any(work.problem for work in self.works)


def foresee(config: RepoConfig, event: Event, world: World) -> tuple[Foreseen, ...]:
    """Every trigger's answer, in the file's order. Never raises for what the linter lets pass."""
    sound = [_foreseen(config, decision, event, world) for decision in _decisions(config, event, world)]
    unusable = [
        Foreseen(one.name, one.line, Answer.SKIPPED, "", one.target, problem=one.reason)
        for one in config.unusable
        if one.kind == "trigger"
    ]
    return tuple(sorted(sound + unusable, key=lambda one: one.line))


def _decisions(config: RepoConfig, event: Event, world: World) -> list[Decision]:
    match event:
        case Push():
            return triggers.on_push(config.triggers, event, world.message, world.changed)
        case PullRequest():
            return triggers.on_pull_request(config.triggers, event, world.message, world.changed)
        case Tagged():
            return triggers.on_tag(config.triggers, event)
        case Comment():
            return triggers.on_comment(config.triggers, event)
        case Scheduled():
            return [_on_schedule(trigger, event, world) for trigger in config.triggers]


def _on_schedule(trigger: Trigger, event: Scheduled, world: World) -> Decision:
    rule = trigger.when.schedule
    if rule is None or (rule.branch or world.default_branch) != event.branch:
        return Decision(trigger, Answer.SILENT, f"not declared for a schedule of {event.branch}")
    try:
        fire = schedule.following_fire(rule.cron, rule.timezone, event.now)
    except ConfigError as error:
        return Decision(trigger, Answer.SKIPPED, str(error))
    if fire is None:
        return Decision(trigger, Answer.SKIPPED, f"`{rule.cron}` never comes again")
    return Decision(trigger, Answer.FIRES, f"next at {fire:%Y-%m-%d %H:%M} UTC")


def _foreseen(config: RepoConfig, decision: Decision, event: Event, world: World) -> Foreseen:
    trigger = decision.trigger
    target = trigger.target
    group = trigger.concurrency
    found = Foreseen(
        trigger.name,
        trigger.line,
        decision.answer,
        decision.reason,
        (target.kind, target.name),
        expect=tuple(each.text for each in trigger.expect),
        required=trigger.required,
        concurrency=f"{group.group}, replaces {group.replace}" if group else "",
    )
    if decision.answer is not Answer.FIRES:
        return found
    planner = _Planner(config.valohai, _facts(config.valohai, world), world, trigger)
    try:
        if trigger.reads and world.paths is not None and not any(map(chooser(trigger.reads), world.paths)):
            raise no_file("it", trigger.reads)
        return replace(found, works=tuple(planner.works()))
    except ConfigError as error:
        return replace(found, problem=str(error))


def _facts(config: Any, world: World) -> Facts:
    steps = list(config.steps.values())
    named = [name for step in steps for name in step.environment_variable_groups or ()]
    stores = [step.upload_store for step in steps if step.upload_store]
    return Facts(
        project="",
        project_name="",
        commit="",
        archive=NOWHERE,
        created=world.created,
        groups={name: {} for name in (named if world.groups is None else world.groups)},
        denied=grants.refusals(world.limits, [world.origin]) if world.origin else {},
        stores=tuple(dict.fromkeys(("artifacts", *(stores if world.stores is None else world.stores)))),
        resolve=lambda uri: (file(uri, uri),),
    )


class _Planner:
    """Spells out what one trigger would start."""

    def __init__(self, config: Any, facts: Facts, world: World, trigger: Trigger) -> None:
        self._config = config
        self._facts = facts
        self._world = world
        self._trigger = trigger
        target = trigger.target
        self._asked = Given(parameters=target.parameters, uris=target.inputs, environment=target.environment)

    def works(self) -> Iterator[Work]:
        """All of it. Raises `ConfigError` when the target is not there."""
        target = self._trigger.target
        match target.kind:
            case "pipeline":
                yield from self._pipeline(lookup(self._config.pipelines, "pipeline", target.name))
            case "task":
                lookup(self._config.tasks, "task", target.name)
                yield self._task(Work(target.name, "task"), self._config, target.name, None, self._asked)
            case _:
                lookup(self._config.steps, "step", target.name)
                yield self._step(Work(target.name, "execution"), self._config, target.name, self._asked)

    def _step(self, work: Work, config: Any, step: str, given: Given) -> Work:
        def plan() -> Work:
            return self._filled(work, plan_step(config, step, given, self._facts), given.notes)

        return _tried(work, plan)

    def _task(self, work: Work, config: Any, task: str | None, step: str | None, given: Given) -> Work:
        def plan() -> Work:
            identity = self._trigger.name
            if task:
                made = expand.plan_task(config, task, given, identity)
            else:
                made = expand.plan_fan(config, str(step), given, identity)
            first = given_of(made["given"], expand.example(made))
            planned = plan_step(config, made["step"], first, self._facts)
            # What is drawn at random is drawn when the task is made: other values than any that could be shown here.
            sets = [] if made["type"] == "random_search" else made["sets"][:SHOWN]
            children = Children(made["type"], made["count"], tuple(made["names"]), tuple(sets), made["limit"])
            return replace(self._filled(work, planned, (*given.notes, *made["notes"])), children=children)

        return _tried(work, plan)

    def _filled(self, work: Work, planned: Planned, notes: Sequence[str]) -> Work:
        known = self._world.environments
        if planned.environment and known is not None and planned.environment not in known:
            raise ConfigError(
                f"there is no environment {planned.environment}",
                hint=f"This installation has: {', '.join(known)}.",
            )
        spec = planned.spec
        return replace(
            work,
            step=planned.step,
            image=spec["image"],
            environment=planned.environment,
            commands=tuple(spec["commands"]),
            parameters=spec["parameters"],
            inputs={each["name"]: sources(each) for each in spec["inputs"]},
            variables=spec["environment_variables"],
            notes=(*work.notes, *spec["notes"], *(note for note in notes if note not in spec["notes"])),
        )

    def _pipeline(self, pipeline: Any) -> Iterator[Work]:
        done: dict[str, Work] = {}
        for node in ordered(pipeline):
            done[node.name] = self._node(pipeline, node, done)
            yield done[node.name]

    def _node(self, pipeline: Any, node: Any, done: Mapping[str, Work]) -> Work:
        edges = [edge for edge in pipeline.edges if edge.target_node == node.name]
        work = Work(
            node.name,
            node.type,
            after=tuple(dict.fromkeys(edge.source_node for edge in edges)),
            edges=tuple((edge.source, edge.target) for edge in edges),
            on_error=node.on_error.value,
            approval=actions.say(node, "node-starting", {}, {}).approval,
        )
        before = {name: _left_by(pipeline, name, done.get(name)) for name in work.after}
        if node.type == "deployment":
            return self._deployment(work, pipeline, node, before)
        config = self._config
        commit = str(getattr(node, "commit", None) or "")
        if commit in self._world.missing:
            return replace(work, problem=self._world.missing[commit], step=node.step or "")
        if commit:
            config = self._world.codes.get(commit)
            work = replace(work, notes=(f"its step and its code are those of the commit {commit}",))
            if config is None:
                return replace(work, notes=(*work.notes, "which is not looked at here"), step=node.step or "")
        return self._execution(work, pipeline, node, before, config)

    def _execution(
        self, work: Work, pipeline: Any, node: Any, before: Mapping[str, Finished], config: Any
    ) -> Work:
        try:
            view = SimpleNamespace(pipelines=self._config.pipelines, steps=config.steps, tasks=config.tasks)
            given = given_to(view, pipeline.name, node.name, before, self._asked)
        except ConfigError as error:
            return replace(work, problem=str(error))
        if node.type == "task":
            return self._task(work, config, getattr(node, "task", None), node.step, given)
        return self._step(work, config, node.step, given)

    def _deployment(self, work: Work, pipeline: Any, node: Any, before: Mapping[str, Finished]) -> Work:
        def plan() -> Work:
            wanted = plan_deployment(self._config, pipeline.name, node.name, before)
            inputs = {
                f"{endpoint}.{name}": (source(datum.key, datum.name),)
                for endpoint, files in wanted.endpoints.items()
                for name, datum in files.items()
            }
            return replace(work, inputs=inputs, step=wanted.deployment)

        return _tried(work, plan)


def ordered(pipeline: Any) -> list[Any]:
    """The nodes in an order in which they could run: the file's own where nothing speaks against it. A circle comes last."""
    waits = {
        node.name: {e.source_node for e in pipeline.edges if e.target_node == node.name}
        for node in pipeline.nodes
    }
    left, done, found = list(pipeline.nodes), set[str](), list[Any]()
    while left:
        free = next((node for node in left if not (waits[node.name] - done - {node.name})), left[0])
        left.remove(free)
        done.add(free.name)
        found.append(free)
    return found


def _tried(work: Work, plan: Callable[[], Work]) -> Work:
    try:
        return plan()
    except ConfigError as error:
        return replace(work, problem=str(error))


def _left_by(pipeline: Any, name: str, work: Work | None) -> Finished:
    """What a node will have left; a task what its executions have, but one that searches only what its best one has."""
    if work is None or work.problem:
        return finished(pipeline, name, None, work.variables if work else {})
    if work.children is None:
        return finished(pipeline, name, work.parameters, work.variables)
    count = 1 if work.children.type == "bayesian_tpe" else work.children.count
    varied = {key: unknown(f"{name}.parameter.{key}", count) for key in work.children.names}
    return finished(pipeline, name, {**work.parameters, **varied}, work.variables, count)
