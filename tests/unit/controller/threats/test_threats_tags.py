"""Threat 11: a model's tag is moved, or deleted and made again, after it was trusted. Nothing new serves, and both commits say so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger import tables
from tests.builders.mind import Mind, built_digest
from tests.builders.served import served

MODEL = served()
VERSION, STAGE = "churn@v1.0.0", "churn#prod#1"


def forced(mind: Mind, name: str, sha: str, *kind: str) -> None:
    mind.person.git("tag", "--force", *kind, name, sha)
    mind.person.git("push", "--quiet", "--force", "origin", f"refs/tags/{name}")


def moved(mind: Mind, name: str, sha: str) -> None:
    forced(mind, name, sha, "-a", "-m", "Moved")


def made_light(mind: Mind, name: str, sha: str) -> None:
    forced(mind, name, sha)


def made_again(mind: Mind, name: str, sha: str) -> None:
    """Deleted, which a look sees, and then made again."""
    mind.person.git("push", "--quiet", "origin", f":refs/tags/{name}")
    mind.turns()
    mind.person.git("tag", "--delete", name)
    mind.person.tag(name, sha)


def trained(mind: Mind, text: str) -> str:
    sha = mind.push(MODEL, **{"train.py": text})
    (execution,) = mind.waiting()
    mind.finish(execution, outputs={"model.pkl": text.encode()})
    return sha


def facts(mind: Mind) -> list[object]:
    """All that a promotion could change: what serves, what was promoted and bound, and what was built."""
    with mind.ports.ledger.read() as connection:
        promoted = connection.execute(select(tables.promotions.c.id, tables.promotions.c.state)).all()
        bound = connection.execute(select(tables.versions.c.id, tables.versions.c.version)).all()
    return [dict(mind.cluster.served), promoted, bound, [row.id for row in mind.executions()]]


@pytest.mark.parametrize(
    ("how", "name"), [(moved, VERSION), (made_again, STAGE), (made_again, VERSION), (made_light, STAGE)]
)
def test_threat_11_a_tag_that_changed_hands_promotes_nothing_and_alarms_on_both_commits(
    tmp_path: Path, how: Callable[[Mind, str, str], None], name: str
) -> None:
    mind = Mind(tmp_path)
    first = trained(mind, "first")
    for tag in (VERSION, STAGE):
        mind.person.tag(tag, first)
    mind.turns()
    (build,) = mind.waiting()
    mind.finish(build)
    (serving,) = mind.cluster.served.values()
    assert serving.digest == built_digest(build.id), "the very bytes that were built serve"
    second = trained(mind, "second")
    before = facts(mind)
    how(mind, name, second)
    mind.turns()
    assert facts(mind) == before
    for sha in (first, second):
        assert mind.notes(sha)[f"luotsi/{name}"].startswith(f"error: {name} was "), sha
        assert "make a new tag" in mind.notes(sha)[f"luotsi/{name}"], "the advice is not cut off"
    how(mind, name, first)
    mind.turns()
    assert facts(mind) == before, "nor does it when it is put back"
    assert {call.digest for call in mind.cluster.calls} == {serving.digest}
