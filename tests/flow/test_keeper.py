"""Deliveries that come together are kept together, each on its own merits."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from ledger.database import Ledger
from tests.builders.statements import written
from tests.flow.web_side import WebSide
from tests.parts.process import until
from webhooks.keeper import Keeper

MANY = 12


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


def together(ledger: Ledger, keeper: Keeper, rows: list[tuple[str, str]]) -> list[bool | Exception]:
    """What came of rows that all came while another writer had the ledger."""

    def keep(row: tuple[str, str]) -> bool | Exception:
        try:
            return keeper.keep(*row, b"{}")
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(len(rows) + 1) as pool:
        with ledger.write():
            first = pool.submit(keeper.keep, "first", "1", b"{}")
            until(lambda: keeper._written and not keeper._waiting)
            waiting = [pool.submit(keep, row) for row in rows]
            until(lambda: len(keeper._waiting) == len(rows))
        assert first.result()
        return [each.result() for each in waiting]


def test_those_that_wait_are_one_transaction(web: WebSide) -> None:
    keeper = Keeper(web.ledger, lambda: web.now)
    with written(web.ledger) as said:
        assert together(web.ledger, keeper, [("hub", str(n)) for n in range(MANY)]) == [True] * MANY
    assert said.count("BEGIN IMMEDIATE") == 3, "the other writer's, the first one's, and that of all others"
    assert len(web.received()) == 1 + MANY


def test_a_replay_among_them_is_one_row(web: WebSide) -> None:
    keeper = Keeper(web.ledger, lambda: web.now)
    found = together(web.ledger, keeper, [("hub", "same")] * MANY)
    assert (found.count(True), found.count(False)) == (1, MANY - 1)
    assert len(web.received()) == 2
    assert keeper.keep("hub", "same", b"{}") is False


def test_a_row_that_cannot_be_kept_is_its_senders_trouble_alone(web: WebSide) -> None:
    keeper = Keeper(web.ledger, lambda: web.now)
    found = together(web.ledger, keeper, [("\ud800", "bad"), *(("hub", str(n)) for n in range(MANY))])
    assert isinstance(found[0], UnicodeError)
    assert found[1:] == [True] * MANY
    assert len(web.received()) == 1 + MANY


def test_more_than_one_transaction_takes_go_into_the_next(web: WebSide) -> None:
    keeper = Keeper(web.ledger, lambda: web.now, together=5)
    assert together(web.ledger, keeper, [("hub", str(n)) for n in range(MANY)]) == [True] * MANY
    assert len(web.received()) == 1 + MANY


class Locked(Ledger):
    """A ledger that another process keeps locked. It counts how often it was waited for, and lets that end when it may."""

    def __init__(self) -> None:
        self.waited = 0
        self.goes_on = threading.Event()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.waited += 1
        self.goes_on.wait()
        raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
        yield


def test_a_ledger_that_is_locked_is_waited_for_once_for_all(web: WebSide) -> None:
    ledger = Locked()
    keeper = Keeper(ledger, lambda: web.now)
    with ThreadPoolExecutor(1 + MANY) as pool:
        first = pool.submit(keeper.keep, "first", "1", b"{}")
        until(lambda: ledger.waited)
        others = [pool.submit(keeper.keep, "hub", str(number), b"{}") for number in range(MANY)]
        until(lambda: len(keeper._waiting) == MANY)
        ledger.goes_on.set()
        assert all(isinstance(each.exception(), OperationalError) for each in (first, *others))
    assert ledger.waited == 2
