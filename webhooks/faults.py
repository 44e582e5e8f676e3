"""Errors become answers: a status and a `Fault` as JSON. What nobody foresaw is logged, and told as nothing more than that."""

import math

import structlog
from flask import Blueprint, Response, request
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException

from schemas import codec, plain_text
from schemas.errors import ConfigError, Gone, LuotsiError, Refused, Stalled, Waiting
from schemas.messages.claim import Fault

_STATUS: dict[type[LuotsiError], int] = {
    ConfigError: 400,
    Refused: 403,
    Gone: 404,
    Stalled: 503,
    Waiting: 503,
}

AWAY = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
"""What the ledger raises when it is not to be had: locked for long, full, or gone. It may be the next time."""

TRY_AGAIN = 5
"""Seconds after which that is worth a try."""

LOGGED = 250
"""Characters of what a sender chose that stand in the log."""

log = structlog.get_logger()


class Fail(LuotsiError):
    """An error that knows its status."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


def install(blueprint: Blueprint) -> None:
    """Answer every error of the blueprint's routes."""
    blueprint.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The answer to an error."""
    if isinstance(error, HTTPException):
        return _fault(error.code or 500, error.description or error.name)
    if isinstance(error, AWAY):
        log.error("the ledger cannot be had", path=shown(request.path), reason=str(error))
        response = _fault(503, "the ledger cannot be had at present", "Try again in a moment.")
        response.headers["Retry-After"] = str(TRY_AGAIN)
        return response
    if not isinstance(error, LuotsiError):
        # The path only: a query may be signed, and headers hold tokens.
        log.error("request failed", method=request.method, path=shown(request.path), exc_info=error)
        return _fault(500, "an error of ours; it is in the log of the web side")
    status = error.status if isinstance(error, Fail) else _STATUS.get(type(error), 500)
    response = _fault(status, error.message, error.hint)
    if isinstance(error, Waiting):
        response.headers["Retry-After"] = str(math.ceil(error.after))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def shown(text: str) -> str:
    """What a sender chose, as the log may show it: not at any length, and without what a terminal would obey."""
    return plain_text.visible(text[:LOGGED])


def said(message: object, status: int = 200) -> Response:
    """A message as an answer. Nobody on the way may keep it: it can hold secrets and signed addresses."""
    body = codec.write(message)
    return Response(body, status, {"Cache-Control": "no-store"}, mimetype="application/json")


def _fault(status: int, message: str, hint: str = "") -> Response:
    return said(Fault(_plain(message), _plain(hint)), status)


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
