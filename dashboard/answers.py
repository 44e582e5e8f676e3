"""How every page is answered: as HTML or as its JSON twin, with headers that let nothing foreign run.

A view returns an `Answer`; what is in `data` is what both faces say, `drawn` is for the HTML alone. Jinja escapes what
others wrote; control characters, which escaping leaves alone, are drawn once over the whole page.
"""

import dataclasses
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask import Response, make_response, render_template, request

from dashboard.safe import visible, without_userinfo
from schemas import moments
from schemas.codec import Json

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of the pages. What is not one of our own files does not load, and no markup can run or restyle anything."""

FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Of files that others wrote: shown alone, they can run nothing and belong to no origin."""

_PACKED = ("text/html", "application/json", "text/css", "text/javascript", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: its template, what it says, and what only the HTML shows."""

    template: str
    data: Mapping[str, Any]
    drawn: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


def respond(answer: Answer, now: datetime, as_json: bool = False) -> Response:
    """The answer in the face that was asked for: `.json`, `?format=json` or an Accept header that prefers it."""
    if as_json or wants_json():
        body = json.dumps(
            {"now": plain(now), **{key: plain(value) for key, value in answer.data.items()}}, indent=2
        )
        response = Response(body + "\n", answer.status, content_type="application/json")
    else:
        context = {**answer.data, **answer.drawn, "now": now, "twin": _twin()}
        response = make_response(visible(render_template(answer.template, **context)), answer.status)
    if answer.status == 200 and request.method in ("GET", "HEAD"):
        response.add_etag()
        response.make_conditional(request)
    return response


def wants_json() -> bool:
    """Whether the request asks for JSON by its address, its query or its Accept header."""
    if request.path.endswith(".json") or request.args.get("format") == "json":
        return True
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"], default="text/html") == "application/json"


def _twin() -> str:
    """The address of this page's JSON."""
    arguments = {**request.args.to_dict(), "format": "json"}
    return "?" + "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in arguments.items())


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def plain(value: Any) -> Json:
    """A value of ours as JSON: moments as text, NaN as null, and no user name or password in any address."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str):
        return without_userinfo(value)
    if isinstance(value, datetime):
        return moments.to_text(value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {member.name: plain(getattr(value, member.name)) for member in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def finish(response: Response) -> Response:
    """The headers of every answer of the dashboard, and compression for what is text and whole."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.endpoint == "dashboard.static" and "v" in request.args and response.status_code == 200:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    headers.setdefault("Cache-Control", "no-cache")
    response.vary.update(["Accept", "Accept-Encoding"])
    return _packed(response)


def _packed(response: Response) -> Response:
    wanted = request.accept_encodings["gzip"] > 0 and response.mimetype in _PACKED
    if not wanted or response.is_streamed or response.direct_passthrough or response.status_code != 200:
        return response
    body = response.get_data()
    if len(body) > 1400 and "Content-Encoding" not in response.headers:
        response.set_data(gzip.compress(body, compresslevel=5, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        tag, _ = response.get_etag()
        if tag:
            # The packed bytes are another representation, so their tag is weak (RFC 9110, section 8.8.3).
            response.set_etag(tag, weak=True)
    return response
