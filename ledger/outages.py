"""Whether the ledger itself was away, full or busy: then nothing is said about what was just asked of it."""

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as NoConnectionError

_SQLITE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Result codes (https://www.sqlite.org/rescode.html) that tell of the file or of others that use it."""
_POSTGRESQL = ("08", "25006", "28", "3D", "40", "42501", "53", "55", "57", "58", "F0", "XX001", "XX002")
"""Beginnings of SQLSTATEs (PostgreSQL's manual, appendix A) that tell of the server, its disk, its rights or other transactions."""


def is_outage(error: BaseException) -> bool:
    """Whether the same may well go right later: no connection, no room, a lock, a server that stops or is a replica now.

    False for what is wrong with the statement or its values, which is a bug of ours or of what is kept.
    """
    if isinstance(error, (PendingRollbackError, NoConnectionError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if (state := getattr(error.orig, "sqlstate", None)) is not None:
        return str(state).startswith(_POSTGRESQL)
    if isinstance(error.orig, sqlite3.Error):
        # An extended code has the primary one in its lowest byte; errors of Python's module itself have none.
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE
    return isinstance(error, OperationalError)
