"""The registry's state against GTO itself, over random histories of annotated tags in real repositories."""

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import gto.api
import pygit2
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from controller.core.serving.promote import Accepted, Facts, judge, registry_state
from controller.core.serving.registry import RegistryState
from controller.core.serving.tags import Action, ParsedTag, Tag, parse_tag, spell

START = 1_900_000_000
NOW = datetime.fromtimestamp(START, UTC) + timedelta(days=1)
MODELS = ("churn", "models/eu:churn")

Step = tuple[Action, str, int, str, str, int]
"""Action, model, commit, version, stage, seconds after the start."""

steps = st.tuples(
    st.sampled_from(
        [*[Action.REGISTER, Action.ASSIGN] * 3, Action.DEREGISTER, Action.UNASSIGN, Action.DEPRECATE]
    ),
    st.sampled_from(MODELS),
    st.integers(0, 2),
    st.sampled_from(["v0.1.0", "v0.2.0-rc.1", "v0.2.0", "v0.10.0"]),
    st.sampled_from(["prod", "staging"]),
    st.integers(0, 6),
)


def _name(step: Step, number: int) -> str:
    action, model, _, version, stage, _ = step
    takes_version, takes_stage = "register" in action, "assign" in action
    return spell(
        ParsedTag(action, model, version if takes_version else "", stage if takes_stage else "", number)
    )


def _commits(repository: pygit2.Repository, seconds: list[int]) -> list[pygit2.Oid]:
    tree = repository.TreeBuilder().write()
    made: list[pygit2.Oid] = []
    for number, second in enumerate(seconds):
        who = pygit2.Signature("Ada", "ada@example.org", START + second, 60)
        head = "refs/heads/main"
        made.append(repository.create_commit(head, who, who, f"commit {number}", tree, made[-1:]))
    return made


def _observed(repository: pygit2.Repository, history: list[Step], seconds: list[int]) -> list[Tag]:
    commits = _commits(repository, seconds)
    return [
        Tag(
            name=_name(step, number),
            tag_object=f"{number:040x}",
            target=str(commits[step[2]]),
            annotated=True,
            tagged_at=datetime.fromtimestamp(START + step[5], UTC),
            committed_at=datetime.fromtimestamp(START + seconds[step[2]], UTC),
        )
        for number, step in enumerate(history, start=1)
    ]


def _tag(repository: pygit2.Repository, tags: list[Tag]) -> None:
    for tag in tags:
        assert tag.tagged_at is not None
        who = pygit2.Signature("Ada", "ada@example.org", int(tag.tagged_at.timestamp()), 120)
        repository.create_tag(tag.name, pygit2.Oid(hex=tag.target), pygit2.enums.ObjectType.COMMIT, who, "m")


def _ours(state: RegistryState) -> dict[str, Any]:
    return {
        name: {
            "latest": model.latest,
            "stages": {stage: pointer.version.version for stage, pointer in model.stages.items()},
            "assigned": {stage: set(pointer.assigned) for stage, pointer in model.stages.items()},
            "active": not model.deprecated,
            "registered": {name for name, version in model.versions.items() if version.registered},
        }
        for name, model in state.items()
    }


def _stages(shown: dict[str, Any]) -> dict[str, str]:
    return {stage: version for stage, version in shown["stage"].items() if version}


def _theirs(path: str) -> dict[str, Any]:
    shown = gto.api.show(path, deprecated=True)
    every = gto.api.show(path, deprecated=True, versions_per_stage=-1)
    return {
        name: {
            "latest": model["version"],
            "stages": _stages(model),
            "assigned": {stage: set(names.split(", ")) for stage, names in _stages(every[name]).items()},
            "active": model["active"],
            "registered": {
                version["version"]
                for version in gto.api.show(path, name=name, deprecated=True, registered_only=True)
                if version["is_active"] and not version["discovered"]
            },
        }
        for name, model in shown.items()
    }


def _step(action: Action, commit: int, word: str, second: int) -> Step:
    return (
        action,
        "churn",
        commit,
        word if "register" in action else "",
        word if "assign" in action else "",
        second,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=14), st.lists(st.integers(0, 8), min_size=3, max_size=3))
@example(  # undoing falls back to the version before
    [
        _step(Action.REGISTER, 0, "v0.1.0", 0),
        _step(Action.REGISTER, 1, "v0.2.0", 1),
        _step(Action.ASSIGN, 0, "prod", 2),
        _step(Action.ASSIGN, 1, "prod", 3),
        _step(Action.UNASSIGN, 1, "prod", 4),
    ],
    [0, 0, 0],
)
@example(  # two versions assigned in one second, the higher registered first
    [
        _step(Action.REGISTER, 1, "v0.2.0", 0),
        _step(Action.REGISTER, 0, "v0.1.0", 1),
        _step(Action.ASSIGN, 0, "prod", 5),
        _step(Action.ASSIGN, 1, "prod", 5),
    ],
    [0, 0, 0],
)
@example(  # an assignment without a version, undone; and one that is registered later
    [
        _step(Action.ASSIGN, 0, "prod", 1),
        _step(Action.UNASSIGN, 0, "prod", 2),
        _step(Action.ASSIGN, 1, "staging", 3),
        _step(Action.REGISTER, 1, "v0.1.0", 4),
    ],
    [0, 0, 0],
)
@example(  # deprecated, but the commit is dated later
    [_step(Action.REGISTER, 0, "v0.1.0", 0), (Action.DEPRECATE, "churn", 0, "", "", 5)], [6, 7, 8]
)
def test_the_state_is_gtos(history: list[Step], seconds: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = pygit2.init_repository(folder, initial_head="main")
        decisions = judge(_observed(repository, history, seconds), Facts(), NOW)
        accepted = [tag for tag, decision in decisions if isinstance(decision, Accepted)]
        _tag(repository, accepted)
        kinds = Counter(parsed.action.value for tag in accepted if (parsed := parse_tag(tag.name)))
        event(f"{min(kinds['assign'], 3)} assigned, {min(kinds['unassign'] + kinds['deregister'], 2)} undone")
        assert _ours(registry_state(reversed(accepted))) == _theirs(folder)


def test_no_tags_no_models() -> None:
    assert registry_state([]) == {}
