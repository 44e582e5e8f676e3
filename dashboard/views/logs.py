"""Logs: a window of lines as a page, all of it as text, and what comes now as server-sent events."""

from collections.abc import Iterable, Iterator
from itertools import chain

from flask import Response, request, stream_with_context
from werkzeug.exceptions import BadRequest, NotFound, ServiceUnavailable

from dashboard import events as following
from dashboard import live, logs
from dashboard.answers import Answer
from dashboard.logs import Window
from dashboard.parts import DashboardParts
from dashboard.views import places
from ledger.pages import execution as pages_execution
from ledger.pages.execution import AttemptLine
from queues.streams import LogStreams
from schemas import log_lines
from schemas.errors import LuotsiError
from stores.port import Store

PAGE_BUDGET = 600_000
"""Characters of one window on the log's own page: 2,000 lines of ordinary length."""


def window_of(parts: DashboardParts, attempt: AttemptLine | None, around: int | None = None) -> Window:
    """The lines to show of an attempt: never an error, but a window that says what is the matter."""
    if attempt is None or attempt.claimed_at is None:
        return Window()
    try:
        if attempt.log is not None:
            return logs.final_window(
                _system(parts), str(attempt.log["key"]), int(attempt.log["lines"]), around
            )
        if parts.redis is None:
            return Window(trouble="There is no Redis here, so the log is shown when it is final.")
        stream = LogStreams(parts.redis)
        records, place = live.everything(stream, attempt.environment_id, attempt.id, logs.WINDOW)
        return logs.live_window(records, place.position)
    except LuotsiError as error:
        return Window(trouble=str(error))


def _system(parts: DashboardParts) -> Store:
    store = parts.stores.get("system")
    if store is None:
        raise NotFound("The store with the logs cannot be reached from here.")
    return store


def page(parts: DashboardParts, repository: str, number: int) -> Answer:
    """A window of the log: around `?line=`, else its end; of `?attempt=`, else of the current one."""
    around = _whole(request.args.get("line"))
    with parts.ledger.read() as connection:
        of, inside, found = places.execution(connection, repository, number)
        attempts = pages_execution.attempts_of(connection, found.id)
    attempt = _chosen(attempts, number)
    window = logs.fitted(window_of(parts, attempt, around), PAGE_BUDGET)
    data = {
        "repository": of,
        "project": inside,
        "number": number,
        "step": found.step,
        "state": found.state,
        "attempt": attempt.number if attempt else None,
        "lines": [logs.to_json(line) for line in window.lines],
        "last": window.last,
        "earlier": window.earlier,
        "later": window.later,
        "trouble": window.trouble,
    }
    return Answer(
        "log.html", data, {"window": window, "is_live": found.finished_at is None, "attempts": attempts}
    )


def text(parts: DashboardParts, repository: str, number: int) -> Response:
    """The whole log as text, to keep: of `?attempt=`, else of the current attempt."""
    with parts.ledger.read() as connection:
        _, _, found = places.execution(connection, repository, number)
        attempts = pages_execution.attempts_of(connection, found.id)
    attempt = _chosen(attempts, number)
    body = _begun(logs.as_text(_records(parts, attempt)))
    response = Response(body, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="execution-{number}.log"'
    return response


def _records(parts: DashboardParts, attempt: AttemptLine | None) -> Iterator[bytes]:
    if attempt is None:
        return
    if attempt.log is not None:
        yield from logs.final_records(_system(parts), str(attempt.log["key"]))
    elif parts.redis is not None:
        stream, place = LogStreams(parts.redis), live.Place()
        while batch := live.read(stream, attempt.environment_id, attempt.id, place):
            yield from (log_lines.encode(record) for record in batch)


def _begun(pieces: Iterator[bytes]) -> Iterable[bytes]:
    """The same pieces, the first one taken, so that what is missing is an error page and not a torn download."""
    first = next(pieces, b"")
    return chain([first], pieces)


def events(parts: DashboardParts, repository: str, number: int) -> Response:
    """The log as it comes. `Last-Event-ID`, else `?after=`, says where the browser is."""
    reader = following.resume(request.headers.get("Last-Event-ID") or request.args.get("after", ""))
    with parts.ledger.read() as connection:
        _, _, found = places.execution(connection, repository, number)
    if not parts.live.acquire(blocking=False):
        raise ServiceUnavailable("Very many live logs are open. This one can be opened again in a moment.")
    body = stream_with_context(following.follow(parts, found.id, reader))
    response = Response(body, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(parts.live.release)
    return response


def _chosen(attempts: tuple[AttemptLine, ...], number: int) -> AttemptLine | None:
    wanted = _whole(request.args.get("attempt"))
    if wanted is None:
        return attempts[0] if attempts else None
    found = next((attempt for attempt in attempts if attempt.number == wanted), None)
    if found is None:
        raise NotFound(f"Execution #{number} has no attempt {wanted}.")
    return found


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest("A line or an attempt is a whole number.")
    return int(text)
