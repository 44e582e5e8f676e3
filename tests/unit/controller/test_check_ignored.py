"""What a fork's file asks for and does not get stands in the check, where its author reads it, not in a log alone."""

from pathlib import Path

from controller.checks.text import check_of
from ledger import outbox
from tests.builders.fork_mind import STEP, TRAIN, ForkMind


def summary(mind: ForkMind, sha: str) -> str:
    with mind.ports.ledger.read() as connection:
        rows = outbox.of_commit(connection, mind.repository_id(), sha)
        (row,) = [one for one in rows if one.context == "luotsi/train"]
        return check_of(mind.ports, connection, row).summary


def test_groups_and_environments_that_were_denied_are_said(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    mind.push(STEP + TRAIN)
    for execution in mind.waiting():
        mind.finish(execution)
    sha = mind.fork({"train.py": "print(1)\n"})
    mind.approve(sha)
    mind.finish(mind.waiting()[-1])
    said = summary(mind, sha)
    assert "⚠ `environment: local` is ignored: untrusted code runs in forks only." in said
    assert "⚠ The variable group keys is ignored" in said


def test_what_got_all_it_asked_for_says_nothing_of_it(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    sha = mind.push(STEP + TRAIN)
    for execution in mind.waiting():
        mind.finish(execution)
    assert "⚠" not in summary(mind, sha)
