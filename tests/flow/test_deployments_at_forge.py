"""What pipelines' deployment nodes serve, as deployments at the stand-in of GitHub: one a version, in the environment of its alias."""

from dataclasses import replace
from typing import Literal

from controller import loop
from controller.forge import showing
from controller.unchanged import Unchanged
from tests.builders.pull_mind import FORGE, PullMind
from tests.builders.statements import asked
from tests.standins.github.model import CheckRun

CONFIG = """
- step: {{ name: make, image: "python:3.12", command: python make.py }}
- endpoint:
    name: serve
    image: python:3.12
    server-command: python serve.py
    files: [{{ name: model, path: model.bin }}]
- deployment: {{ name: shop, defaults: {{ target: local }} }}
- pipeline:
    name: p
    nodes:
      - {{ name: a, type: execution, step: make }}
      - {{ name: d, type: deployment, deployment: shop, endpoints: [serve]{aliases} }}
    edges: [["a.output.*", d.file.serve.model]]
- trigger: {{ name: go, when: {{ push: {{}} }}, run: {{ pipeline: p }} }}
# {words}
"""


def made(
    mind: PullMind, words: str, aliases: str = "", build: Literal["complete", "error", ""] = "complete"
) -> str:
    """A commit whose pipeline made the files of a version, and its build."""
    sha = mind.land(CONFIG.format(words=words, aliases=aliases))
    (make,) = mind.waiting()
    mind.finish(make, outputs={"model.bin": words.encode()})
    (build_of_it,) = mind.waiting()
    if build:
        mind.finish(build_of_it, build)
    return sha


def states(mind: PullMind, sha: str) -> list[str]:
    """All states that the only deployment of a commit was ever given."""
    (one,) = [one for one in mind.site.repo.deployments.values() if one.sha == sha]
    return [status.told["state"] for status in one.statuses]


def test_a_version_is_shown_in_the_environment_of_its_alias_until_another_takes_it(mind: PullMind) -> None:
    first = made(mind, "one", ", aliases: [live, best]", build="")
    assert mind.site.shown_deployments(first) == [("shop/live", "in_progress")]
    (build,) = mind.waiting()
    mind.finish(build)
    assert mind.site.shown_deployments(first) == [("shop/live", "success")]
    (shown,) = mind.site.repo.deployments.values()
    told = shown.statuses[-1].told
    assert told["environment_url"].endswith("/serve")
    assert told["log_url"].endswith("/r/shop/deployments")
    assert told["description"].startswith("shop 20")
    second = made(mind, "two", ", aliases: [live, best]")
    assert mind.site.shown_deployments(second) == [("shop/live", "success")]
    assert states(mind, first)[:2] == ["in_progress", "success"]
    assert set(states(mind, first)[2:]) == {"inactive"}
    assert states(mind, second) == ["in_progress", "success"], "not every reason on the way is a call"


def test_a_version_without_an_alias_has_an_environment_of_its_own(mind: PullMind) -> None:
    sha = made(mind, "one")
    day = mind.now.strftime("%Y%m%d")
    assert mind.site.shown_deployments(sha) == [(f"shop/{day}.0", "success")]
    made(mind, "two", "", build="error")
    (environment,) = {name for name, state in shown(mind) if state == "failure"}
    assert environment == f"shop/{day}.1"
    assert mind.site.shown_deployments(sha) == [(f"shop/{day}.0", "success")], "it goes on serving"


def shown(mind: PullMind) -> list[tuple[str, str]]:
    found = {one.sha for one in mind.site.repo.deployments.values()}
    return [each for sha in found for each in mind.site.shown_deployments(sha)]


def test_the_same_commit_made_again_shows_what_serves_of_it(mind: PullMind) -> None:
    sha = made(mind, "one", ", aliases: [live]")
    mind.site.there.bob.rerequest(mind.site.repo, newest_check(mind, sha))
    mind.turns()
    (make,) = mind.waiting()
    mind.finish(make, outputs={"model.bin": b"again"})
    (build,) = mind.waiting()
    assert mind.site.shown_deployments(sha) == [("shop/live", "in_progress")]
    mind.finish(build, "error")
    assert mind.site.shown_deployments(sha) == [("shop/live", "success")], "the version of before serves"


def newest_check(mind: PullMind, sha: str) -> CheckRun:
    runs = [run for run in mind.site.repo.runs().values() if run.suite.head_sha == sha]
    return next(run for run in runs if run.name == "luotsi/go")


def test_what_is_shown_already_is_not_looked_at_again(mind: PullMind) -> None:
    made(mind, "one", ", aliases: [live]")
    with asked() as said:
        assert showing.show(mind.ports) == 0
    assert sum(one.startswith("SELECT") for one in said) == 3, "promotions, versions, aliases"
    mind.ports = replace(mind.ports, unchanged=Unchanged())
    calls = mind.site.calls
    loop.turn(mind.ports, set())
    assert mind.site.calls == calls, "the first turn of a process looks at everything, and says nothing twice"


def test_what_the_forge_never_heard_of_is_not_taken_back_there(mind: PullMind) -> None:
    forges = mind.ports.forges
    mind.ports = replace(mind.ports, forges={})
    first = made(mind, "one", ", aliases: [live]")
    second = made(mind, "two", ", aliases: [live]")
    mind.ports = replace(mind.ports, forges=forges)
    mind.turns()
    assert mind.site.shown_deployments(first) == []
    assert mind.site.shown_deployments(second) == [("shop/live", "success")]


def test_few_calls_are_left_to_final_words(mind: PullMind) -> None:
    mind.site.spend_budget(100)
    mind.site.api.pulls(mind.site.name)
    sha = made(mind, "one", ", aliases: [live]", build="")
    assert mind.site.shown_deployments(sha) == []
    (build,) = mind.waiting()
    mind.finish(build)
    assert mind.site.shown_deployments(sha) == [("shop/live", "success")]
    assert FORGE in mind.ports.forges
