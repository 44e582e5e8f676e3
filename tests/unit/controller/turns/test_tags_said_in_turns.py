"""Registry tags without effect are said at their commit, each in a check of its own; those that have their due say nothing."""

from pathlib import Path

import pytest

from tests.builders.mind import Mind
from tests.builders.served import served
from tests.unit.controller.turns.test_retrying_in_turns import retry

MODEL = served()


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    return Mind(tmp_path)


def trained(mind: Mind) -> str:
    sha = mind.push(MODEL, **{"train.py": "first"})
    (execution,) = mind.waiting()
    mind.finish(execution, outputs={"model.pkl": b"model"})
    return sha


def light(mind: Mind, name: str, sha: str) -> None:
    mind.person.git("tag", name, sha)
    mind.person.git("push", "--quiet", "origin", f"refs/tags/{name}")


def test_each_tag_without_effect_says_why_with_its_advice_whole(mind: Mind) -> None:
    sha = trained(mind)
    light(mind, "churn@v0.9.0", sha)
    for name in ("churn@v1.0.0", "churn#stag#1", "nix@v2.0.0"):
        mind.person.tag(name, sha)
    mind.turns()
    said = mind.notes(sha)
    assert said["luotsi/churn@v0.9.0"].endswith("only annotated ones count. Make it with `git tag -a`.")
    assert said["luotsi/churn#stag#1"].startswith("failure: the model churn has no stage stag")
    assert said["luotsi/nix@v2.0.0"].startswith("failure: the tagged commit")
    assert "luotsi/churn@v1.0.0" not in said, "it has what it asks for"


def test_a_tag_that_gets_its_due_says_so_where_it_said_why_not(mind: Mind) -> None:
    sha = mind.push(MODEL, **{"train.py": "first"})
    (execution,) = mind.waiting()
    mind.finish(execution, outcome="error")
    mind.person.tag("churn@v1.0.0", sha)
    mind.turns()
    assert mind.notes(sha)["luotsi/churn@v1.0.0"].startswith("failure: waits: train at")
    retry(mind, mind.run())
    (again,) = mind.waiting()
    mind.finish(again, outputs={"model.pkl": b"model"})
    mind.turns()
    assert mind.notes(sha)["luotsi/churn@v1.0.0"].startswith("success: register churn: bound")
