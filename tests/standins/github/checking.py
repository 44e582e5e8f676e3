"""Buttons of checks: "Re-run", for a run or for all of an app's, and those that a run brought itself."""

from typing import Any

from tests.standins.github.model import Account, CheckRun, CheckSuite, Repository
from tests.standins.github.views import checks
from tests.standins.github.world import World


def rerequest_run(world: World, where: Repository, actor: Account, run: CheckRun) -> None:
    """The suite waits again; the run is as it was until its app writes it, as the documentation says."""
    run.suite.asked, run.suite.updated_at = True, world.clock.now()
    _tell_of_run(world, where, actor, run, "rerequested", {})


def rerequest_suite(world: World, where: Repository, actor: Account, suite: CheckSuite) -> None:
    suite.asked, suite.updated_at = True, world.clock.now()
    view = checks.suite(world.webhooks.links, where, world.bare(where), suite)
    world.webhooks.emit("check_suite", "rerequested", actor, {"check_suite": view}, where, only=suite.app)


def press(world: World, where: Repository, actor: Account, run: CheckRun, identifier: str) -> None:
    _tell_of_run(
        world, where, actor, run, "requested_action", {"requested_action": {"identifier": identifier}}
    )


def _tell_of_run(
    world: World, where: Repository, actor: Account, run: CheckRun, action: str, more: dict[str, Any]
) -> None:
    view = checks.delivered_run(world.webhooks.links, where, world.bare(where), run)
    world.webhooks.emit("check_run", action, actor, {"check_run": view, **more}, where, only=run.suite.app)
