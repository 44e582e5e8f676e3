"""A ledger with history is brought to today's shape, and nothing of it is lost: in SQLite tables are made anew for that."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger import migrations
from ledger.database import Ledger, open_ledger
from schemas.errors import Stalled

REPOSITORY = "0e0e0e0e-0000-4000-8000-000000000001"
PROJECT = "0f0f0f0f-0000-4000-8000-000000000001"
RUN = "0b0b0b0b-0000-4000-8000-000000000001"
NOW = "2030-01-02T03:04:05.000000Z"
ROWS = (
    f"INSERT INTO repositories (id, name, address, forge, default_branch, added_at) VALUES ('{REPOSITORY}', 'shop', '/srv/shop.git', 'bare', 'main', '{NOW}')",
    f"INSERT INTO projects (id, repository_id, root, name, executions_numbered, pipelines_numbered, tasks_numbered) VALUES ('{PROJECT}', '{REPOSITORY}', '', 'shop', 0, 0, 0)",
    f"INSERT INTO runs (id, repository_id, project_id, trigger, sha, trust, occurrence, event, ref, state, reason, round, rule, created_at) VALUES ('{RUN}', '{REPOSITORY}', '{PROJECT}', 'train', '{'a' * 40}', 'trusted', '', 'push', 'refs/heads/main', 'success', 'complete', 1, '{{}}', '{NOW}')",
    f"INSERT INTO pipelines (id, run_id, project_id, round, number, name, state, graph, created_at) VALUES ('0c0c0c0c-0000-4000-8000-000000000001', '{RUN}', '{PROJECT}', 1, 1, 'p', 'complete', '{{}}', '{NOW}')",
    f"INSERT INTO statuses (repository_id, sha, context, state, description, url, final, written_at) VALUES ('{REPOSITORY}', '{'a' * 40}', 'luotsi/train', 'success', 'complete', '', 1, '{NOW}')",
)


def upgraded_to(ledger: Ledger, revision: str) -> None:
    config = migrations._config()
    with ledger.reshape() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_ledger_with_rows_is_brought_to_todays_shape(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    upgraded_to(ledger, "0002")
    with ledger.write() as connection:
        for row in ROWS:
            connection.execute(text(row))
    migrations.upgrade(ledger)
    with ledger.read() as connection:
        for table in ("repositories", "projects", "runs", "pipelines", "statuses"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1, table
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    with pytest.raises(DBAPIError), ledger.write() as connection:
        connection.execute(text(ROWS[-1].replace(REPOSITORY, RUN)))  # references are watched again
    ledger.close()


def test_rows_that_refer_to_nothing_stop_it_and_nothing_is_changed(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    upgraded_to(ledger, "0002")
    with (
        pytest.raises(Stalled, match="refer to nothing, the first in statuses"),
        ledger.reshape() as connection,
    ):
        connection.execute(text(ROWS[-1]))
    with ledger.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM statuses")).scalar() == 0
    ledger.close()
