"""Opens the ledger and hands out connections. One writer at a time in SQLite, no I/O inside a transaction.

`read()` is for pages and questions; in SQLite its connection cannot write at all. `write()` is one transaction that
commits at the end of the block or leaves nothing behind.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from schemas import moments
from schemas.errors import Stalled

log = structlog.get_logger()

BUSY_MILLISECONDS = 30_000


class Ledger:
    """An open ledger. Safe to share between threads; give each process its own."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        self._writer = writer
        self._reader = reader

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction. Do all I/O before or after it: in SQLite every other writer waits."""
        with self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; writing through it is an error of the database itself."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def reshape(self) -> Iterator[Connection]:
        """One transaction for migrations. SQLite changes a table by making it anew, while other rows refer to the old one:
        their references are not watched meanwhile, and are all checked before it is committed.
        """
        sqlite = self._writer.dialect.name == "sqlite"
        with self._writer.connect() as connection:
            if sqlite:  # it has no effect inside a transaction
                connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    yield connection
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if sqlite else []
                    if broken:
                        raise Stalled(
                            f"the ledger has {len(broken)} rows that refer to nothing, the first in {broken[0][0]}",
                            "Nothing was changed. Restore it from a backup.",
                        )
            finally:
                if sqlite:
                    connection.connection.cursor().execute("PRAGMA foreign_keys=ON")

    def now(self) -> datetime:
        """The ledger's clock, by which leases are judged: the server's in PostgreSQL, the machine's in SQLite."""
        if self._reader.dialect.name == "sqlite":
            return moments.now()
        with self.read() as connection:
            answer: datetime = connection.execute(select(func.now())).scalar_one()
        return answer

    @property
    def engine(self) -> Engine:
        """The writing engine, for migrations."""
        return self._writer

    def close(self) -> None:
        """Give all connections back."""
        self._writer.dispose()
        self._reader.dispose()


def open_ledger(address: str, read_only: bool = False) -> Ledger:
    """Open `sqlite:////path/ledger.sqlite` or `postgresql://user@host/name`. Raises `Stalled` when it cannot be reached.

    With `read_only` both engines are the reading one: the dashboard's whole process cannot change anything.
    """
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise Stalled(
            f"the ledger's address is not a database URL: {address}", "Use sqlite:////path or postgresql://…"
        ) from error
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            if read_only and not Path(url.database).exists():
                raise Stalled(f"there is no ledger yet at {url.database}", "`luotsi up` makes it.")
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            Path(url.database).touch(mode=0o600)
        engines = (_sqlite(url, read_only=False), _sqlite(url, read_only=True))
    else:
        engines = (
            create_engine(url, pool_pre_ping=True),
            create_engine(url, pool_pre_ping=True, execution_options={"postgresql_readonly": True}),
        )
    writer, reader = engines
    ledger = Ledger(reader if read_only else writer, reader)
    try:
        with writer.connect():
            pass
    except OperationalError as error:
        raise Stalled(
            f"the ledger cannot be opened: {error.orig}", "Look at `ledger` in the settings."
        ) from error
    if read_only:
        # It was for the first look only; nothing may hold a connection that can write.
        writer.dispose()
    return ledger


def _json(text: str) -> Any:
    """A JSON value. SQLite keeps any text: what is none becomes an object that is nothing's, and its neighbours are read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        log.error("the ledger holds something else where JSON should be", held=text[:40])
        return {"unreadable": text[:100]}


def _sqlite(url: Any, read_only: bool) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_MILLISECONDS / 1000}, json_deserializer=_json)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # SQLAlchemy's own BEGIN handling is switched off so that writers can begin IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
