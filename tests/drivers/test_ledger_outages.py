"""A ledger that is away, full or locked in the middle of an item is no verdict on the item: the turn is taken again later."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from controller import isolate, loop
from ledger import agents, migrations
from ledger.database import Ledger, open_ledger
from ledger.outages import is_outage
from ledger.tables import metadata, verdicts
from tests.builders.mind import ENVIRONMENT, Mind
from tests.parts.postgres import Postgres

CONFIG = """
- step: { name: train, image: python:3.12, command: python train.py }
- trigger: { name: train, when: { push: {} }, run: { step: train } }
"""
STRIDE = 5
"""Every so manyth statement of a turn is where the outage comes."""


@contextmanager
def ended(number: int) -> Iterator[list[str]]:
    """The server ends the connection at the statement with this number, as when it is stopped. What it was is told."""
    said: list[str] = []
    left = number

    def end(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            said.append(statement)
            of_driver = connection.connection.driver_connection
            assert isinstance(of_driver, psycopg.Connection)
            address = connection.engine.url.set(drivername="postgresql").render_as_string(False)
            with psycopg.connect(address, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", [of_driver.info.backend_pid])

    event.listen(Engine, "before_cursor_execute", end)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", end)


@contextmanager
def refused(ledger: Ledger, number: int, how: Callable[[Any], None]) -> Iterator[None]:
    """From the writing transaction with this number on, their connections to SQLite are treated so."""
    left = number

    def begin(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        nonlocal left
        left -= statement == "BEGIN IMMEDIATE"
        if statement == "BEGIN IMMEDIATE" and left <= 0:
            how(connection.connection.driver_connection)

    event.listen(ledger.engine, "before_cursor_execute", begin)
    try:
        yield
    finally:
        event.remove(ledger.engine, "before_cursor_execute", begin)


def standing(folder: Path, ledger: Ledger) -> Mind:
    """The controller's parts around this ledger."""
    mind = Mind(folder)
    mind.ports = replace(mind.ports, ledger=ledger)
    loop.prepare(mind.ports)
    with ledger.write() as connection:
        agents.ensure_agent(connection, ENVIRONMENT, "agent-1", "sha256:" + "a" * 64, mind.now)
    mind.turns()
    return mind


def pushed(mind: Mind, number: int) -> str:
    """A commit that takes pages of the file: its message is long."""
    sha = mind.person.commit({"valohai.yaml": CONFIG, "n": str(number)}, "x" * 19_000)
    mind.person.push()
    return sha


def failed(mind: Mind) -> list[str]:
    """What a turn fails of; nothing if it does not."""
    try:
        loop.act(mind.ports, {"shop"})
    except SQLAlchemyError as error:
        return [str(error)]
    return []


def check(mind: Mind, sha: str) -> None:
    """It was judged, and its run goes on, as if nothing had been; and no row of the ledger speaks of a bug."""
    mind.turns()
    with mind.ports.ledger.read() as connection:
        assert connection.scalars(select(verdicts.c.state).where(verdicts.c.sha == sha)).all() == ["success"]
        for table in metadata.sorted_tables:
            assert "internal:" not in repr(connection.execute(select(table)).all()), table.name
    assert [run.state for run in mind.runs() if run.sha == sha] == ["running"]
    assert len([row for row in mind.waiting() if row.sha == sha]) == 1
    mind.finish(next(row for row in mind.waiting() if row.sha == sha))


def test_a_server_that_ends_a_connection_blames_no_item(tmp_path: Path, postgres: Postgres) -> None:
    ledger = open_ledger(postgres.fresh())
    migrations.upgrade(ledger)
    mind = standing(tmp_path, ledger)
    met: list[str] = []
    for number in itertools.count(1, STRIDE):
        sha = pushed(mind, number)
        with ended(number) as said:
            met += said if failed(mind) else []
        check(mind, sha)
        if not said:
            break
    ledger.close()
    assert len(met) > 10, met


def lock(connection: Any) -> None:
    """Somebody else writes, and nobody has the time to wait."""
    connection.execute("PRAGMA busy_timeout=0")


def fill(connection: Any) -> None:
    """The disk takes no page more."""
    connection.execute("PRAGMA max_page_count=1")


@pytest.mark.parametrize(("how", "words"), [(lock, "database is locked"), (fill, "disk is full")])
def test_a_file_that_is_locked_or_full_blames_no_item(
    tmp_path: Path, how: Callable[[Any], None], words: str
) -> None:
    file = tmp_path / "ledger.sqlite"
    ledger = open_ledger(f"sqlite:///{file}")
    migrations.upgrade(ledger)
    (tmp_path / "mind").mkdir()
    mind = standing(tmp_path / "mind", ledger)
    met: list[str] = []
    for number in range(1, 12):
        sha = pushed(mind, number)
        other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

        def treat(connection: Any, other: sqlite3.Connection = other) -> None:
            how(connection)
            if how is lock and not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        with refused(ledger, number, treat):
            met += failed(mind)
        other.close()
        ledger.engine.dispose()  # the pragmas are the connection's
        check(mind, sha)
    ledger.close()
    assert len(met) > 2
    assert all(words in error for error in met), met


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM nothing", "SELECT 1 +", "INSERT INTO commits (sha) VALUES (NULL)"]
)
def test_what_is_wrong_with_a_statement_is_no_outage(ledger: Ledger, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught, ledger.write() as connection:
        connection.execute(text(statement))
    assert not is_outage(caught.value)
    blamed: list[str] = []

    def act(item: str) -> bool:
        raise caught.value

    assert isolate.each(["one", "two"], act, lambda item, bug: blamed.append(item)) == 0
    assert blamed == ["one", "two"]
    assert isolate.instead(lambda: act("one"), lambda bug: True)


def test_an_outage_passes_by_every_handler() -> None:
    def act(item: str) -> bool:
        raise DBAPIError("select", {}, Exception("gone"), connection_invalidated=True)

    calls: list[Callable[[], object]] = [
        lambda: isolate.each(["one"], act, lambda item, bug: pytest.fail("it was blamed")),
        lambda: isolate.instead(lambda: act("one"), lambda bug: pytest.fail("it was blamed")),
        lambda: isolate.every([lambda: act("one"), lambda: pytest.fail("the ledger is asked again")]),
    ]
    for call in calls:
        with pytest.raises(DBAPIError):
            call()
