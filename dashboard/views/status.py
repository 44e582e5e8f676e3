"""Whether this dashboard works, for machines that watch it."""

from flask import Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dashboard.parts import DashboardParts
from schemas import moments


def status(parts: DashboardParts) -> Response:
    """200 when the ledger answers, else 503. Redis carries live logs only, so without it the rest still works."""
    ledger, redis = _ledger(parts), _redis(parts)
    body = {
        "ok": ledger == "ok",
        "name": parts.name,
        "now": moments.to_text(parts.now()),
        "ledger": ledger,
        "redis": redis,
    }
    response = jsonify(body)
    response.status_code = 200 if ledger == "ok" else 503
    response.headers["Cache-Control"] = "no-store"
    return response


def _ledger(parts: DashboardParts) -> str:
    try:
        with parts.ledger.read() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError:
        return "unreachable"
    return "ok"


def _redis(parts: DashboardParts) -> str:
    if parts.redis is None:
        return "none"
    try:
        parts.redis.ping()
    except (RedisError, OSError):
        return "unreachable"
    return "ok"
