"""`luotsi retry` and `luotsi promote`: what a person means by their words, and what the controller answers."""

import json
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from controller.pulls import wishes
from ledger import inbox
from ledger.database import open_ledger
from ledger.tables import audit, executions
from ledger.tables import inbox as inbox_table
from luotsi import cli
from schemas.states import RunState
from tests.builders.mind import Mind
from tests.builders.pipeline_mind import A, B, PipelineMind
from tests.builders.registry_talk import CONFIG, RegistryTalk


@dataclass
class Door:
    """The verbs over a mind's ledger."""

    mind: Mind
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, wait: str = "0") -> tuple[int, str]:
        """Exit code, and all that was said."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main([*arguments, "--wait", wait, "--settings", str(self.folder / "luotsi.yaml")])
        said = self.capsys.readouterr()
        return int(caught.value.code or 0), said.out + said.err

    def wish(self, *arguments: str) -> str:
        """What the controller answers to a verb, in its next turn."""
        code, out = self(*arguments)
        assert (code, out) == (0, "The wish is kept; the controller has not answered yet.\n")
        with self.mind.ports.ledger.read() as connection:
            [row] = inbox.unhandled(connection)
        self.mind.turns()
        with self.mind.ports.ledger.read() as connection:
            outcome = connection.execute(select(inbox_table.c.outcome).where(inbox_table.c.id == row.id))
            return str(outcome.scalar_one())


def door(mind: Mind, folder: Path, capsys: pytest.CaptureFixture[str]) -> Door:
    address = f"sqlite:///{folder}/ledger.sqlite"
    (folder / "luotsi.yaml").write_text(f"ledger: {address}\nredis: redis://127.0.0.1:1/0\n")
    return Door(mind, folder, capsys)


@pytest.fixture
def pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Door:
    """A pipeline of two nodes that has failed."""
    mind = PipelineMind(tmp_path)
    mind.start(f"[{A}, {B}]")
    mind.end("a", "error")
    mind.turns()
    for row in mind.waiting():
        mind.finish(row, "stopped")
    assert mind.run().state is RunState.FAILURE
    return door(mind, tmp_path, capsys)


@pytest.mark.parametrize("what", ["1", "#2", "=1", "go"])
def test_the_whole_run_begins_again_by_any_of_its_names(pipeline: Door, what: str) -> None:
    sha = pipeline.mind.run().sha
    assert pipeline.wish("retry", what) == f"go at {sha[:7]} begins again: round 2"
    assert (pipeline.mind.run().round, len(pipeline.mind.waiting())) == (2, 2)
    assert pipeline.wish("retry", what) == f"not done: go at {sha[:7]} is still running"
    with pipeline.mind.ports.ledger.read() as connection:
        [row] = connection.execute(select(audit)).all()
    assert (row.what, row.subject) == ("retry", pipeline.mind.run().id)


def test_a_trigger_is_meant_at_the_commit_that_is_named(pipeline: Door) -> None:
    first = pipeline.mind.run().sha
    pipeline.mind.push("- step: { name: x, image: i, command: c }\n")
    assert pipeline.wish("retry", "go", "--commit", first[:8]) == f"go at {first[:7]} begins again: round 2"
    code, out = pipeline("retry", "go", "--commit", "0000000")
    assert (code, "there is no run of go at 0000000" in out) == (2, True)


@pytest.mark.parametrize("what", ["99", "=99", "!1", "other", "#x", "=", ""])
def test_what_is_not_there_is_said_and_nothing_is_asked(pipeline: Door, what: str) -> None:
    code, out = pipeline("retry", what)
    assert (code, "there is no run of" in out) == (2, True)
    with pipeline.mind.ports.ledger.read() as connection:
        assert inbox.unhandled(connection) == []


@pytest.mark.parametrize(("again", "words"), [(False, "begins again: round 2"), (True, "is still running")])
def test_the_answer_is_waited_for(pipeline: Door, again: bool, words: str) -> None:
    """What was not done ends with an error."""
    if again:
        pipeline.wish("retry", "go")
    opened = open_ledger(f"sqlite:///{pipeline.folder}/ledger.sqlite")
    answered = threading.Event()

    def answer() -> None:
        while not answered.is_set():
            with opened.read() as connection:
                rows = inbox.unhandled(connection)
            for row in rows:
                wishes.act(pipeline.mind.ports, row)
                answered.set()

    controller = threading.Thread(target=answer)
    controller.start()
    code, out = pipeline("retry", "go", wait="60")
    answered.set()
    controller.join()
    opened.close()
    assert (code, words in out) == (int(again), True)


@pytest.fixture
def stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[RegistryTalk, Door]:
    made = RegistryTalk(tmp_path)
    return made, door(made.mind, tmp_path, capsys)


def test_a_stage_gets_the_latest_version_or_the_one_that_is_named(stage: tuple[RegistryTalk, Door]) -> None:
    shop, ask = stage
    shop.mind.push(CONFIG, a="1")
    shop.train()
    shop.mind.person.tag("churn@v1.1.0")
    shop.mind.turns()
    assert ask.wish("promote", "churn", "prod").startswith(
        "the tag churn#prod#1 is pushed; it asks for v1.1.0"
    )
    shop.train()
    said = ask.wish("promote", "churn", "prod", "--version", "v1.0.0")
    assert said.startswith("the tag churn#prod#2 is pushed; it asks for v1.0.0")
    assert shop.serving()[-1] == ("prod", "churn#prod#2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("chrn", "prod"), "shop has no version of chrn. It has versions of: churn."),
        (("churn", "prod", "--version", "v2.0.0"), "there is no version v2.0.0 of churn. There are: v1.0.0."),
        (("churn", "moon"), "the model churn has no stage moon. Add it under `stages`."),
        (("churn", "sealed"), "the stage sealed requires a signed tag"),
    ],
)
def test_what_cannot_be_promoted_is_answered(
    stage: tuple[RegistryTalk, Door], arguments: tuple[str, ...], words: str
) -> None:
    shop, ask = stage
    assert ask.wish("promote", *arguments).startswith(f"not done: {words}")
    assert shop.tags() == ["refs/tags/churn@v1.0.0"]


def test_a_repository_that_is_not_watched_is_said(stage: tuple[RegistryTalk, Door]) -> None:
    code, out = stage[1]("promote", "churn", "prod", "--repository", "other")
    assert (code, "there is no repository other" in out) == (2, True)
    assert "one of: shop" in out


def test_a_build_is_no_runs(stage: tuple[RegistryTalk, Door]) -> None:
    shop, ask = stage
    shop.say("/promote churn prod")
    with shop.mind.ports.ledger.read() as connection:
        number = connection.execute(
            select(executions.c.number).where(executions.c.kind == "build")
        ).scalar_one()
    code, out = ask("retry", str(number))
    assert (code, "belongs to no run" in out) == (2, True)


def test_a_wish_that_cannot_be_read_is_over_and_says_why(pipeline: Door) -> None:
    mind = pipeline.mind
    for number, body in enumerate(({"run": "none", "who": "ada"}, {})):
        with mind.ports.ledger.write() as connection:
            inbox.receive(connection, "retry", "ada", str(number), json.dumps(body).encode(), mind.now)
    mind.turns()
    with mind.ports.ledger.read() as connection:
        assert inbox.unhandled(connection) == []
        outcomes = connection.scalars(select(inbox_table.c.outcome)).all()
    assert all(outcome.startswith("not done: internal: ") for outcome in outcomes)
