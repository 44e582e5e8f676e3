"""What agents say in tests: good bodies of every call, and how addresses are asked for."""

from typing import Any

from ledger.attempts import AttemptRow
from tests.flow.web_side import ONE, WebSide

MANIFEST: dict[str, Any] = {
    "image": "python:3.11",
    "image_digest": f"sha256:{'1' * 64}",
    "runtime": "docker 20.10",
}
FINISH = {"digest": f"sha256:{'2' * 64}"}
RENEW: dict[str, Any] = {
    "attempts": [],
    "free_slots": 1,
    "slots": 2,
    "runtime": "docker 20.10",
    "host": "h",
    "version": "0.1",
}


def ask(
    web: WebSide, row: AttemptRow, *wanted: dict[str, str], token: str = ONE, shares: bool = False
) -> Any:
    body = {"objects": list(wanted), "shares_folder": shares}
    return web.call(token, f"attempts/{row.id}/addresses", body)


def put(key: str, store: str = "system") -> dict[str, str]:
    return {"method": "PUT", "key": key, "store": store}


def get(key: str, store: str = "system") -> dict[str, str]:
    return {"method": "GET", "key": key, "store": store}
