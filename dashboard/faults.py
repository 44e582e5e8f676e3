"""What could not be answered, as pages in the same voice: what is wrong, and what to do."""

import structlog
from flask import Blueprint, Response, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response as AnyResponse

from dashboard.answers import Answer, finish, respond
from dashboard.parts import DashboardParts
from dashboard.safe import without_userinfo
from schemas.errors import Gone, LuotsiError, Refused, Waiting

MACHINES = ("/agent/", "/hooks/", "/objects/", "/job/")
"""Prefixes of addresses that are no pages: their own room answers there."""

_TITLES = {
    400: "This address cannot be read",
    404: "Nothing is here",
    405: "Nothing can be changed here",
    415: "This is not shown here",
    502: "A store does not have what the ledger lists",
    503: "Not now",
}

_WORDS = {
    404: "No page has this address.",
    405: "The dashboard only reads: it answers GET and HEAD. Changes are made with git, or with the luotsi command.",
}

log = structlog.get_logger()


def install(blueprint: Blueprint, parts: DashboardParts) -> None:
    """Answer every error of the dashboard's own routes, and addresses and methods that no route has."""

    def known(error: HTTPException) -> AnyResponse:
        return _page(parts, error.code or 500, error.description or "", error)

    def ours(error: LuotsiError) -> AnyResponse:
        status = {Refused: 400, Gone: 502, Waiting: 503}.get(type(error), 503)
        return _page(parts, status, str(error))

    def ledger_gone(error: DBAPIError) -> AnyResponse:
        log.error("the ledger cannot be read", reason=str(error.orig))
        return _page(parts, 503, "The ledger cannot be read now. It is tried again with every request.")

    def bug(error: Exception) -> AnyResponse:
        log.error("a page failed", path=request.path, exc_info=error)
        return _page(parts, 500, "This page has a bug. The log of the web process has the details.")

    def elsewhere(error: HTTPException) -> AnyResponse | HTTPException:
        # No route was found, so Flask asks the application's handlers; other rooms' addresses stay theirs.
        if request.path.startswith(MACHINES) or request.blueprint not in (None, blueprint.name):
            return error
        response = known(error)
        return finish(response) if isinstance(response, Response) and request.blueprint is None else response

    blueprint.register_error_handler(HTTPException, known)
    blueprint.register_error_handler(LuotsiError, ours)
    blueprint.register_error_handler(DBAPIError, ledger_gone)
    blueprint.register_error_handler(Exception, bug)
    for code in (404, 405):
        blueprint.app_errorhandler(code)(elsewhere)


def _page(parts: DashboardParts, status: int, words: str, error: HTTPException | None = None) -> AnyResponse:
    if status in _WORDS and (error is None or words == type(error).description):
        words = _WORDS[status]
    title = _TITLES.get(status, "This did not work")
    data = {
        "status": status,
        "error": title,
        "reason": without_userinfo(words),
        "looked_for": without_userinfo(request.path),
        "ways": getattr(error, "ways", ()),
    }
    response = respond(Answer("fault.html", data, status=status), parts.now())
    if status == 405 and error is not None:
        response.headers["Allow"] = "GET, HEAD"
    if status == InternalServerError.code:
        response.headers["Cache-Control"] = "no-store"
    return response
