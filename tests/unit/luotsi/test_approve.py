"""`luotsi approve`: lists what waits, and lets one node begin through the inbox."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from ledger import inbox, migrations, tables
from ledger.approvals import Waiting
from ledger.database import Ledger, open_ledger
from luotsi import cli
from luotsi.verbs.approve import chosen
from schemas.errors import ConfigError
from tests.builders.ledger_rows import NOW, Rows


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "luotsi.yaml"
    file.write_text(
        f"ledger: sqlite:///{tmp_path / 'ledger.sqlite'}\nredis: redis://127.0.0.1:1/0\nrepositories: []\n"
    )
    return file


@pytest.fixture
def ledger(tmp_path: Path, settings: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrations.upgrade(opened)
    rows = Rows(opened)
    for name in ("shop", "other"):
        repository = rows.repository(name)
        sha = rows.commit(repository)
        rows.pipeline(
            repository, rows.run(repository, sha, "running"), {"train": "complete", "deploy": "created"}
        )
    with opened.write() as connection:
        for row in connection.execute(select(tables.pipelines)).all():
            nodes = [{**node, "waits": node["name"] == "deploy"} for node in row.graph["nodes"]]
            update = tables.pipelines.update().where(tables.pipelines.c.id == row.id)
            connection.execute(update.values(graph={**row.graph, "nodes": nodes}))
    yield opened
    opened.close()


def test_without_a_node_it_lists_what_waits(
    ledger: Ledger, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "approve", "--settings", str(settings))
    assert code == 0
    assert out.count("=1/deploy") == 3
    assert 'luotsi approve "=1/deploy"' in out
    _, out, _ = run(capsys, "approve", "--json", "--repository", "shop", "--settings", str(settings))
    [said] = json.loads(out)
    assert (said["repository"], said["node"], said["number"]) == ("shop", "deploy", 1)


def test_an_approval_goes_into_the_inbox_with_the_persons_name(
    ledger: Ledger, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "approve", "=1/deploy", "--settings", str(settings))
    assert code == 2
    assert "waits in several places" in err
    assert "other" in err
    assert "shop" in err
    run(capsys, "approve", "1/deploy", "--repository", "shop", "--settings", str(settings))
    with ledger.read() as connection:
        [row] = inbox.unhandled(connection)
        body: dict[str, Any] = json.loads(row.body)
        [pipeline] = connection.execute(select(tables.pipelines.c.id).limit(1)).all()
    assert (row.kind, body["node"], body["pipeline"]) == ("approve", "deploy", pipeline.id)
    assert body["who"] == row.source


def test_what_was_approved_waits_no_more(
    ledger: Ledger, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ledger.write() as connection:
        for row in connection.execute(select(tables.pipelines.c.id)).all():
            connection.execute(
                insert(tables.approvals).values(
                    id=row.id, pipeline_id=row.id, node="deploy", who="ada", approved_at=NOW
                )
            )
    _, out, _ = run(capsys, "approve", "--settings", str(settings))
    assert out == "Nothing waits for approval.\n"
    code, _, err = run(capsys, "approve", "=1/deploy", "--settings", str(settings))
    assert code == 2
    assert "no node deploy of a pipeline =1 waits for approval" in err


def waiting(node: str, number: int = 3) -> Waiting:
    return Waiting("shop", "shop", "id", number, "p", node, "a" * 40, "train")


@pytest.mark.parametrize(
    ("text", "node"),
    [("=3/deploy", "deploy"), ("3/deploy", "deploy"), ("=3/to the shop/now", "to the shop/now")],
)
def test_a_node_is_named_by_its_pipelines_number(text: str, node: str) -> None:
    assert chosen([waiting("x"), waiting(node), waiting(node, 4)], text).node == node


@pytest.mark.parametrize(
    "text", ["deploy", "#3/deploy", "=3", "=3/", "=/deploy", "=x/deploy", "=3/other", "=03x/a"]
)
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen([waiting("deploy")], text)
    assert "=3/deploy" in caught.value.hint
