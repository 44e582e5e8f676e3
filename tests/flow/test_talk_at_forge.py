"""What is said to a forge in one round: one part that fails keeps no other back, and the calls that are left are this hour's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from controller import loop
from controller.forge import talk
from forges.port import Budget, ForgeApi
from tests.builders.pull_mind import FORGE, PullMind, pull_mind
from tests.flow.test_polling_at_forge import CONFIG
from tests.parts.github_description import GitHubDescription
from tests.parts.process import until

PUSHED = CONFIG.replace("pull-request: {}", "push: {}")


@pytest.fixture
def mind(github_description: GitHubDescription, tmp_path: Path) -> Iterator[PullMind]:
    with pull_mind(tmp_path, str(github_description.address)) as made:
        yield made


class Countless(dict[str, ForgeApi]):
    """Forges that cannot be listed: the ledger is asked who is due with a list of them, and deliveries are heard without."""

    def __iter__(self) -> Iterator[str]:
        raise ZeroDivisionError("a bug")


def test_a_bug_in_asking_does_not_keep_from_hearing_and_telling(mind: PullMind) -> None:
    hints: list[str] = []
    talking = talk.Talk(replace(mind.ports, forges=Countless(mind.ports.forges)), hints.append)
    sha = mind.site.push("main", "print()\n")
    mind.deliver()
    talking.start()
    try:
        until(lambda: hints == ["shop"], what="the delivery is heard")
        loop.act(mind.ports, set(hints))
        talking.wake()
        until(lambda: mind.shown(sha) == {"luotsi/config": "neutral"}, what="the check is told")
    finally:
        talking.stop()


class Spent:
    """A driver that says that few calls are left, until a moment from now."""

    def __init__(self, mind: PullMind, seconds: float) -> None:
        self._mind, self._seconds = mind, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mind.site.api, name)

    def budget(self, repository: str) -> Budget:
        return Budget(5000, 10, self._mind.now.timestamp() + self._seconds)


@pytest.mark.parametrize(("seconds", "said"), [(600, False), (-1, True)])
def test_the_calls_of_an_hour_that_is_over_hold_nothing_back(
    mind: PullMind, seconds: float, said: bool
) -> None:
    mind.ports = replace(mind.ports, forges={FORGE: cast(ForgeApi, Spent(mind, seconds))})
    sha = mind.land(PUSHED)
    assert ("luotsi/train" in mind.shown(sha)) is said
    assert mind.shown(sha)["luotsi/config"] == "success"
