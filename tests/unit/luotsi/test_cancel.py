"""`luotsi cancel`: what a number means, and what is asked of the controller."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import inbox, migrations
from ledger.database import Ledger, open_ledger
from luotsi import cli
from tests.builders.ledger_rows import Rows


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with an execution #1, a task !1 and a pipeline =1 that go on, and a task !2 that has ended."""
    (tmp_path / "luotsi.yaml").write_text(
        f"ledger: sqlite:///{tmp_path}/ledger.sqlite\nredis: redis://127.0.0.1:1/0\n"
    )
    opened = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    migrations.upgrade(opened)
    rows = Rows(opened)
    of = rows.repository("wine")
    sha = rows.commit(of, "Tune", 100)
    run = rows.run(of, sha, "running")
    rows.task(of, run, [{"lr": 1}], state="started")
    rows.task(of, run, [{"lr": 1}], finished_at=rows.now)
    rows.pipeline(of, run, {"train": "started"})
    rows.execution(of, sha, "started", run_id=run)
    yield opened
    opened.close()


def cancel(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["cancel", *arguments, "--settings", str(folder / "luotsi.yaml")])
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out + said.err


def asked(ledger: Ledger) -> list[dict[str, str]]:
    with ledger.read() as connection:
        return [json.loads(row.body) for row in inbox.unhandled(connection) if row.kind == "cancel"]


@pytest.mark.parametrize(
    ("number", "kind"), [("1", "execution"), ("#1", "execution"), ("!1", "task"), ("=1", "pipeline")]
)
def test_a_number_is_an_execution_and_with_its_mark_a_task_or_a_pipeline(
    number: str, kind: str, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = cancel(capsys, tmp_path, number)
    assert (code, "is asked to stop" in out) == (0, True)
    assert [set(body) for body in asked(ledger)] == [{kind, "who"}]


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        ("!2", 0, "!2 has ended already: complete."),
        ("!9", 2, "there is no task !9"),
        ("9", 2, "there is no execution #9"),
        ("=9", 2, "there is no pipeline =9"),
        ("*1", 2, "*1 is not the number of an execution, a task or a pipeline"),
        ("!²", 2, "is not the number"),
    ],
)
def test_what_cannot_be_stopped_is_said(
    number: str, code: int, words: str, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out = cancel(capsys, tmp_path, number)
    assert (found, words in " ".join(out.split())) == (code, True), out
    assert not asked(ledger)
