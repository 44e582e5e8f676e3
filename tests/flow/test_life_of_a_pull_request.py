"""The life of a pull request, whole: from a stranger's fork to what serves, with every refusal on the way."""

from ledger import registry
from ledger.executions import ExecutionRow
from schemas.states import PromotionState
from tests.builders.mind import ENVIRONMENT
from tests.builders.pull_mind import OUTSIDE, PullMind
from tests.builders.served import served
from tests.standins.github.model import Pull

CONFIG = served(
    when="{ push: { branches: [main] }, pull-request: { targets: [main] } }",
    more='expect: ["accuracy >= base - 0.01"]',
)


def only(mind: PullMind) -> ExecutionRow:
    (execution,) = mind.waiting()
    return execution


def end(mind: PullMind, accuracy: float, text: str) -> None:
    """The one execution that waits ends with a model of this accuracy."""
    mind.finish(only(mind), outputs={"model.pkl": text.encode()}, metadata={"accuracy": accuracy})


def check(mind: PullMind, sha: str) -> str:
    return mind.shown(sha)["luotsi/train"]


def say(mind: PullMind, who: str, pull: Pull, text: str) -> str:
    """Somebody comments; the newest answer."""
    before = len(mind.site.comments(pull.number))
    getattr(mind.site.there, who).comment(pull, text)
    mind.turns()
    found = mind.site.comments(pull.number)[before + 1 :]
    assert len(found) <= 1
    return found[0] if found else ""


def refused(mind: PullMind, pull: Pull, sha: str) -> None:
    """Its author may not write, quoting is not writing, and half a commit is none."""
    assert "may not" in say(mind, "eve", pull, f"/approve {sha}")
    assert say(mind, "bob", pull, f"> /approve {sha}\n\nWhy should I?") == ""
    assert "whole commit id" in say(mind, "bob", pull, f"/approve {sha[:7]}")
    assert (check(mind, sha), mind.waiting()) == ("action_required", [])


def pushed_while_it_runs(mind: PullMind, pull: Pull, first: str) -> str:
    """What was approved was another commit: that one ends as it would, this one waits. The new head."""
    execution = only(mind)
    assert (execution.spec["trust"], execution.environment_id) == ("untrusted", OUTSIDE)
    assert check(mind, first) in ("queued", "in_progress")
    mind.claim(execution)
    second = mind.site.push_to_fork(pull.number, "print('third')\n")
    mind.turns()
    assert check(mind, second) == "action_required"
    mind.finish(execution, outputs={"model.pkl": b"second"}, metadata={"accuracy": 0.92})
    assert (check(mind, first), check(mind, second)) == ("success", "action_required")
    assert say(mind, "eve", pull, f"/approve {second}") == "", "once an hour is enough"
    assert "is not the head" in say(mind, "bob", pull, f"/approve {first}")
    assert (check(mind, second), mind.waiting()) == ("action_required", [])
    return second


def merged(mind: PullMind, pull: Pull) -> str:
    """Through the queue, where the commit is the repository's own and trusted; what was merged."""
    group = mind.site.queue(pull.number)
    mind.turns()
    assert not mind.site.queue_merges()
    assert (only(mind).spec["trust"], only(mind).environment_id) == ("trusted", ENVIRONMENT)
    end(mind, 0.95, "merged")
    assert check(mind, group) == "success"
    assert mind.site.queue_merges()
    mind.turns()
    assert mind.head() == group
    return group


def serves(mind: PullMind, sha: str) -> None:
    """Tagged: the version is what the trusted run of the merged commit made, and it serves."""
    mind.site.tag("churn@v1.0.0", sha)
    mind.site.tag("churn#prod#1", sha)
    mind.turns()
    mind.finish(only(mind))
    with mind.ports.ledger.read() as connection:
        (promotion,) = registry.promotions_of(connection, mind.repository_id())
        bound = registry.version(connection, promotion.version_id)
    assert promotion.state is PromotionState.SERVING
    maker = next(row for row in mind.executions() if row.id == bound.execution_id)
    assert (maker.spec["commit"], maker.spec["trust"]) == (sha, "trusted")
    assert mind.site.shown_deployments(sha) == [("churn/prod", "success")]


def test_the_life_of_a_pull_request(mind: PullMind) -> None:
    mind.site.require("luotsi/train")
    mind.land(CONFIG, **{"train.py": "print('first')\n"})
    end(mind, 0.90, "first")

    pull = mind.fork_pull("fix", {"train.py": "print('second')\n"})
    first = pull.head_sha
    assert (check(mind, first), mind.waiting()) == ("action_required", [])
    refused(mind, pull, first)
    assert first[:7] in say(mind, "bob", pull, f"/approve {first}")
    second = pushed_while_it_runs(mind, pull, first)

    say(mind, "bob", pull, f"/approve {second}")
    end(mind, 0.70, "worse than what it wants to replace")
    assert check(mind, second) == "failure"

    third = mind.site.push_to_fork(pull.number, "print('fourth')\n")
    mind.turns()
    say(mind, "bob", pull, f"/approve {third}")
    end(mind, 0.95, "fixed")
    assert check(mind, third) == "success"
    serves(mind, merged(mind, pull))
