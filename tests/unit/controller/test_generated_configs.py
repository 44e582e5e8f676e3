"""Properties over whole configs: reading never raises, planning raises at most a `ConfigError`, and is the same every time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.core.events import Comment, PullRequest, Push, Tagged
from controller.core.foresee import Event, Scheduled, World, foresee
from controller.core.pipelines.edges import Finished
from controller.core.pipelines.graph import graph_of
from controller.core.pipelines.nodes import given_to, plan_node
from controller.core.plan import Facts, Given, plan_step
from controller.core.tasks import expand
from schemas.errors import ConfigError
from schemas.messages.job import Archive, DatumFile
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from schemas.values import RefName, Sha
from tests.builders.generated_config import Items, broken_files, files, written

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
DATUM = DatumFile("d" * 32, "model.pkl", "artifacts/m", 1, "sha256:" + "0" * 64)
FACTS = Facts(
    project="p",
    project_name="shop",
    commit="c" * 40,
    archive=Archive("a", "sha256:" + "0" * 64, 1),
    created=NOW,
    groups={"team": {"T": "1"}},
    resolve=lambda uri: (DATUM,),
)
LEFT = Finished(
    outputs=(DATUM,),
    metadata={"best": 2, "accuracy": 0.5},
    spec={"parameters": {"lr": 1}, "inputs": [], "environment_variables": {}},
    facts={"id": "1", "version_id": "2"},
)
EVENTS: list[Event] = [
    Push(RefName("refs/heads/main"), "main", Sha("c" * 40), None, (Sha("b" * 40),)),
    Push(RefName("refs/heads/odd"), "odd", Sha("c" * 40), Sha("a" * 40)),
    Tagged(RefName("refs/tags/v1"), "v1", Sha("c" * 40)),
    PullRequest(7, "c" * 40, "refs/heads/main", "a" * 40),
    Comment("1", 7, "c" * 40, "/train", "ada", may_write=True),
    Scheduled("main", NOW),
]
GENERATED = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def attempt(call: Any, *arguments: Any) -> object:
    """The answer, or the words of a `ConfigError`. Anything else is raised."""
    try:
        return call(*arguments)
    except ConfigError as error:
        return str(error) or "a ConfigError without words"


def plans(config: RepoConfig) -> dict[str, object]:
    """Everything in a file that can be planned, planned: steps, tasks, graphs, nodes with and without what came before."""
    official = config.valohai
    found: dict[str, object] = {}
    for name in official.steps:
        found[f"step {name}"] = attempt(plan_step, official, name, Given(), FACTS)
        fan = Given(parameters={"lr": [1, 2]})
        found[f"fan {name}"] = attempt(expand.plan_fan, official, name, fan, "seed")
    for name in official.tasks:
        found[f"task {name}"] = attempt(expand.plan_task, official, name, Given(), "seed")
    for name, pipeline in official.pipelines.items():
        found[f"graph {name}"] = attempt(graph_of, pipeline, official)
        for node in pipeline.nodes:
            for left in (True, False):
                before: Mapping[str, Finished] = {one.name: LEFT for one in pipeline.nodes} if left else {}
                plan = {"execution": plan_node, "task": given_to}.get(node.type)
                rest = (before, Given(), FACTS) if plan is plan_node else (before, Given())
                if plan is not None:
                    found[f"node {node.name} {left}"] = attempt(plan, official, name, node.name, *rest)
    return found


def sound(config: RepoConfig, text: bytes) -> None:
    """What every verdict keeps, whatever the file."""
    lines = text.decode().splitlines()
    for problem in config.problems:
        assert problem.line <= len(lines) + 1, problem
        assert problem.message
        assert not problem.message.startswith(("the official lint stumbled", "the schema cannot")), problem
        assert problem.rule, problem
    names = [trigger.name for trigger in config.triggers]
    assert len(names) == len(set(names))
    assert parse_config(text).problems == config.problems


@GENERATED
@given(files())
def test_what_a_team_could_have_written_is_planned_and_always_in_the_same_way(items: Items) -> None:
    text = written(items)
    config = parse_config(text)
    sound(config, text)
    first = plans(config)
    assert first == plans(config)
    assert first == plans(parse_config(text))


@GENERATED
@given(broken_files())
def test_what_is_broken_is_read_and_its_sound_rest_is_planned(items: Items) -> None:
    text = written(items)
    config = parse_config(text)
    sound(config, text)
    if config.valohai is not None:
        assert plans(config) == plans(config)


@GENERATED
@given(st.one_of(files(), broken_files()), st.sampled_from(EVENTS), st.booleans())
def test_what_an_event_would_start_is_foreseen_and_always_in_the_same_way(
    items: Items, event: Event, known: bool
) -> None:
    config = parse_config(written(items))
    world = World(NOW, changed=frozenset({"src/a.py"}) if known else None)
    if config.valohai is None:
        return
    first = foresee(config, event, world)
    assert first == foresee(config, event, world)
    unusable = [one.name for one in config.unusable if one.kind == "trigger"]
    assert sorted(one.trigger for one in first) == sorted(
        [*(trigger.name for trigger in config.triggers), *unusable]
    )


@GENERATED
@given(files())
def test_what_the_linter_lets_a_trigger_start_can_be_planned(items: Items) -> None:
    """Every step, task and node has the values that it needs, but for variables: those may be the installation's."""
    config = parse_config(written(items))
    let_pass = {trigger.name for trigger in config.triggers}
    for one in foresee(config, EVENTS[0], World(NOW)):
        if one.trigger not in let_pass:
            continue
        problems = [one.problem, *(work.problem for work in one.works)]
        # How many values an edge brings, nobody knows before.
        later = ("environment variable", "takes a single one", "Only a single value")
        assert not [text for text in problems if text and not any(one in text for one in later)], problems
