"""Asking a forge for what no delivery brought: how often, what for, and what becomes of a hook that is there no more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.forge import polling
from tests.builders.pull_mind import FORGE, PullMind, pull_mind
from tests.builders.statements import asked
from tests.parts.github_description import GitHubDescription

CONFIG = """
- step: { name: train, image: "python:3.12", command: python train.py }
- trigger: { name: train, when: { pull-request: {} }, run: { step: train } }
"""


@pytest.fixture
def mind(github_description: GitHubDescription, tmp_path: Path) -> Iterator[PullMind]:
    with pull_mind(tmp_path, str(github_description.address), "token") as made:
        yield made


def test_without_the_hook_that_somebody_deleted_the_forge_is_asked_every_minute(mind: PullMind) -> None:
    mind.land(CONFIG)
    pull = mind.pull("side", {"a": "1"})
    mind.later(700)
    assert mind.repository().hook
    mind.site.repo.hooks.clear()
    mind.later(700)
    assert (mind.repository().hook, mind.repository().deaf) == (None, None)
    mind.site.there.bob.comment(pull, "/help")
    mind.later(70)
    assert "/explain" in mind.site.comments(pull.number)[-1], "the command was heard and answered"


def test_a_hook_that_may_not_be_seen_any_more_does_not_have_comments_asked_for_again(mind: PullMind) -> None:
    mind.land(CONFIG)
    mind.later(700)
    before = mind.repository().heard_until
    given = {"contents": "read", "pull_requests": "write", "statuses": "write", "issues": "write"}
    few = mind.site.with_token(mind.site.there.ada.fine_grained_token([mind.site.repo], given))
    mind.ports = replace(mind.ports, forges={FORGE: few})
    mind.later(700)
    now = mind.repository()
    assert now.hook
    assert "/hooks/" in (now.deaf or "")
    assert before is not None
    assert now.heard_until is not None
    assert (now.heard_until - before).total_seconds() > 600


def test_a_round_in_which_nothing_is_due_asks_the_ledger_once_and_the_forge_nothing(mind: PullMind) -> None:
    mind.land(CONFIG)
    mind.later(700)
    calls = mind.site.calls
    with asked() as said:
        assert polling.ask(mind.ports) == set()
    assert len([one for one in said if "FROM repositories" in one]) == 1, said
    assert mind.site.calls == calls
