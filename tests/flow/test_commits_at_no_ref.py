"""Commits that came and went before anybody looked: named by deliveries or by the forge, fetched by their ids, judged."""

from pathlib import Path

import pytest
from sqlalchemy import select

from controller.watching import coverage
from forges.port import Delivery
from ledger import gauges, inbox, observations, tables
from schemas import codec
from tests.builders.covered import covered, judged
from tests.builders.pull_mind import PullMind, pull_mind
from tests.parts.github_description import GitHubDescription

CONFIG = """
- step: { name: train, image: "python:3.12", command: python train.py }
- trigger:
    name: train
    when: { push: { branches: ["**"] }, pull-request: {} }
    run: { step: train }
"""


def pushed_about(mind: PullMind) -> list[str]:
    """A branch that is pushed twice, forced and deleted; a fork's that moved on; the commits."""
    there, repo = mind.site.there, mind.site.repo
    main = there.head()
    found = [there.bob.push(repo, "long", {"l.txt": f"{number}"}) for number in (1, 2)]
    found.append(there.bob.push(repo, "long", {"l.txt": "3"}, onto=main))
    there.bob.push_ref(repo, "refs/heads/long", None)
    fork = there.eve.fork(repo)
    found.append(there.eve.push(fork, "fix", {"e.txt": "1"}))
    there.eve.open_pull_request(repo, "fix", source=fork)
    found.append(there.eve.push(fork, "fix", {"e.txt": "2"}))
    return found


def test_what_came_and_went_while_the_controller_was_down_gets_its_verdict(mind: PullMind) -> None:
    mind.land(CONFIG)
    mind.site.github.post.lose(13)
    shas = pushed_about(mind)
    mind.later(3600)
    mind.later(700)  # some are lost again when they are sent again
    states = judged(mind)
    assert {sha: states.get(sha) for sha in shas} == dict.fromkeys(shas, "success")
    assert coverage.ratio([covered(mind)]) == 1.0


@pytest.mark.parametrize("hooked", [True, False], ids=["lost without a trace", "no hook"])
def test_what_a_branch_was_at_is_found_by_asking_where_no_delivery_ever_comes(
    github_description: GitHubDescription, tmp_path: Path, hooked: bool
) -> None:
    """Of a fork only the head that is there when it is asked: nobody tells of the ones before."""
    with pull_mind(tmp_path, str(github_description.address), hooked=hooked) as mind:
        mind.land(CONFIG)
        mind.later(700)
        mind.site.github.post.lose(1000, trace=False)
        *branch, first, last = pushed_about(mind)
        mind.later(700)
        states = judged(mind)
        assert {sha: states.get(sha) for sha in (*branch, last)} == dict.fromkeys((*branch, last), "success")
        assert first not in states
        assert coverage.ratio([covered(mind)]) == 1.0


def test_pushes_at_once_lose_nothing(mind: PullMind) -> None:
    mind.land(CONFIG)
    shas = pushed_about(mind)
    mind.turns()
    states = judged(mind)
    assert {sha: states.get(sha) for sha in shas} == dict.fromkeys(shas, "success")
    assert all(run.ref.startswith("refs/pull/") for run in mind.runs() if run.sha in shas)


def test_a_commit_that_the_forge_gives_out_no_more_is_owed_until_people_are_told_what_to_do(
    mind: PullMind,
) -> None:
    mind.land(CONFIG)
    there, repo = mind.site.there, mind.site.repo
    sha = there.bob.push(repo, "long", {"l.txt": "1"})
    there.bob.push_ref(repo, "refs/heads/long", None)
    there.bob.bare(repo).git("reflog", "expire", "--expire=now", "--all")
    there.bob.bare(repo).git("gc", "--quiet", "--prune=now")
    mind.turns()
    assert sha not in judged(mind)
    assert [one.sha for one in covered(mind).missing] == [sha]
    with mind.ports.ledger.read() as connection:
        assert gauges.coverage(connection) < 1
    mind.later(700)
    with mind.ports.ledger.read() as connection:
        (said,) = connection.scalars(
            select(tables.verdicts.c.summary).where(tables.verdicts.c.sha == sha)
        ).all()
    assert "forced or deleted before Luotsi could fetch it" in said
    assert "push the commit again" in said
    assert coverage.ratio([covered(mind)]) == 1.0
    with mind.ports.ledger.read() as connection:
        assert gauges.coverage(connection) == 1
    sha_again = there.bob.push(repo, "long", {"l.txt": "1"})
    mind.turns()
    assert judged(mind)[sha_again] == "success"


def test_a_delivery_alone_makes_no_commit_one_of_a_branch(mind: PullMind) -> None:
    """Whoever has the hook's secret could else call a fork's commit ours."""
    mind.land(CONFIG)
    there = mind.site.there
    fork = there.eve.fork(mind.site.repo)
    there.eve.push(fork, "fix", {"e.txt": "1"})
    pull = there.eve.open_pull_request(mind.site.repo, "fix", source=fork)
    named = Delivery(
        "forged",
        "push",
        "refs/heads/main",
        "0" * 40,
        pull.head_sha,
        repository_id=mind.site.repository_id,
    )
    mind.site.github.post.lose(100)
    with mind.ports.ledger.write() as connection:
        inbox.receive(connection, "delivery", f"{inbox.FORGE}github", named.id, codec.write(named), mind.now)
    mind.turns()
    assert judged(mind)[pull.head_sha] == "success"
    with mind.ports.ledger.read() as connection:
        seen = observations.ref_of(connection, mind.repository_id(), pull.head_sha)
    assert seen == "refs/luotsi/named/heads/main"
