"""The least that a delivery needs, for the bench to compare with: HMAC over the body, JSON, one committed row, an answer."""

import hashlib
import hmac
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from typing import Any

_SECRET = os.environ.get("BENCH_SECRET", "").encode()
_LOCAL = threading.local()


def application(
    environ: dict[str, Any], start: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """A WSGI function. One connection to the database a thread."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    signature = "sha256=" + hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, environ["HTTP_X_HUB_SIGNATURE_256"]):
        start("401 Unauthorized", [])
        return [b"{}"]
    said = json.loads(body)
    kept = json.dumps([said["ref"], said["before"], said["after"], said["repository"]["id"]])
    rows = _database()
    rows.execute("BEGIN IMMEDIATE")
    rows.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?)", (environ["HTTP_X_GITHUB_DELIVERY"], kept))
    rows.execute("COMMIT")
    start("202 Accepted", [("Content-Type", "application/json")])
    return [b'{"new": true}']


def _database() -> sqlite3.Connection:
    if not hasattr(_LOCAL, "rows"):
        _LOCAL.rows = sqlite3.connect(os.environ["BENCH_LEDGER"], isolation_level=None, timeout=30)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            _LOCAL.rows.execute(f"PRAGMA {pragma}")
        _LOCAL.rows.execute("CREATE TABLE IF NOT EXISTS inbox (delivery TEXT PRIMARY KEY, body TEXT)")
    rows: sqlite3.Connection = _LOCAL.rows
    return rows
