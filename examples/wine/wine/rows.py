"""What a request for predictions may hold: JSON in, rows of measurements out, or a BadRequest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

MOST_ROWS = 1000
HIGHEST = 1_000_000


class BadRequest(ValueError):
    """The request is wrong; the message says where, for the person who sent it."""


def read(body: bytes, features: Sequence[str]) -> list[list[float]]:
    """The rows of `{"rows": [row, ...]}` or `{"row": row}`.

    A row is a list of the measurements in the table's order, or an object that names them.
    """
    found = _found(body)
    if not 1 <= len(found) <= MOST_ROWS:
        raise BadRequest(f"rows: a request has 1 to {MOST_ROWS} rows; this one has {len(found)}")
    return [_row(row, features, f"rows[{number}]") for number, row in enumerate(found)]


def _found(body: bytes) -> list[Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    if isinstance(content, dict) and set(content) == {"row"}:
        return [content["row"]]
    if isinstance(content, dict) and set(content) == {"rows"} and isinstance(content["rows"], list):
        return content["rows"]
    raise BadRequest('the body is neither {"rows": [row, ...]} nor {"row": row}')


def _row(row: Any, features: Sequence[str], place: str) -> list[float]:
    if isinstance(row, dict):
        row = _in_order(row, features, place)
    if not isinstance(row, list):
        raise BadRequest(f"{place}: a row is a list of numbers, or an object that names them")
    if len(row) != len(features):
        raise BadRequest(f"{place}: a row has {len(features)} numbers; this one has {len(row)}")
    return [_number(value, f"{place}.{name}") for name, value in zip(features, row)]


def _in_order(row: dict[str, Any], features: Sequence[str], place: str) -> list[Any]:
    missing = [name for name in features if name not in row]
    if missing:
        raise BadRequest(f"{place}: missing {', '.join(missing)}")
    unknown = sorted(set(row) - set(features))
    if unknown:
        raise BadRequest(f"{place}: unknown {', '.join(unknown)[:200]}")
    return [row[name] for name in features]


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadRequest(f"{place}: not a number")
    if not 0 <= value <= HIGHEST:
        raise BadRequest(f"{place}: a measurement lies between 0 and {HIGHEST}")
    return float(value)
