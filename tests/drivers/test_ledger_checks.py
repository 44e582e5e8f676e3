"""What checks read of runs, over PostgreSQL and over SQLite: the same answers."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from ledger import check_facts, migrations, runs
from ledger.database import Ledger, open_ledger
from ledger.runs import RunRow
from ledger.tables import runs as table
from tests.builders.ledger_rows import Rows
from tests.builders.sample_ledger import fill
from tests.fakes.memory_store import MemoryStore
from tests.parts.postgres import Postgres


def filled(address: str) -> Ledger:
    ledger = open_ledger(address)
    migrations.upgrade(ledger)
    fill(Rows(ledger), MemoryStore("system"), MemoryStore("artifacts"))
    return ledger


def facts(connection: Connection, run: RunRow) -> dict[str, Any]:
    """Everything that a check reads of one run."""
    own = check_facts.parts(connection, run, "own", 8)
    open_ = check_facts.parts(connection, run, "open", 20)
    tried = check_facts.tried(connection, run) or ()
    return {
        "ending": check_facts.ending(connection, run.id),
        "seen": check_facts.first_seen_on(connection, run.repository_id, run.sha),
        "count": check_facts.count(connection, run),
        "own": own,
        "broken": check_facts.parts(connection, run, "broken", 2),
        "open": open_,
        "sweeps": check_facts.sweeps(connection, run, 4),
        "tried": sorted(tried, key=repr),
        "earlier": [each.id for each in check_facts.earlier(connection, run)],
        "measured": check_facts.measured(connection, run.id),
        "base": check_facts.base_run(connection, run, run.sha),
        "files": check_facts.files(connection, [part.reused_id or part.id for part in own], 7),
        "logs": [check_facts.last_log(connection, part.id) for part in own],
        "machines": [
            sorted(check_facts.machines(connection, part.environment_id), key=repr) for part in open_
        ],
        "ahead": [check_facts.ahead(connection, part, run) for part in open_],
    }


def everything(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.read() as connection:
        ids = connection.scalars(select(table.c.id).order_by(table.c.id)).all()
        return [facts(connection, runs.by_id(connection, id)) for id in ids]


def test_both_databases_know_the_same_of_every_run(tmp_path: Path, postgres: Postgres) -> None:
    lite, big = filled(f"sqlite:///{tmp_path}/ledger.sqlite"), filled(postgres.fresh())
    known = everything(lite)
    assert everything(big) == known
    empty = {name for name in known[0] if not any(each[name] for each in known)}
    assert empty <= {"broken"}, "the sample has something of everything else"
    lite.close()
    big.close()
