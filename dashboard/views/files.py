"""Outputs: a download under its own name, and pictures shown in place. Only what the ledger lists can be asked for."""

from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import NotFound, UnsupportedMediaType

from dashboard.answers import FILE_POLICY
from dashboard.parts import DashboardParts
from dashboard.safe import file_name
from dashboard.views import places
from ledger.pages import execution as pages_execution
from ledger.pages.execution import OutputLine

PICTURES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}
LARGEST_PICTURE = 4_000_000
"""Bytes above which a picture is a download only."""


def picture_type(output: OutputLine) -> str | None:
    """The media type when this output can be shown in place."""
    if output.size > LARGEST_PICTURE:
        return None
    return PICTURES.get(output.name.rsplit(".", 1)[-1].lower())


def download(parts: DashboardParts, repository: str, number: int, output: str) -> Response:
    """The bytes of one output, as a file to keep: never shown, never run."""
    found = _output(parts, repository, number, output)
    response = _answer(parts, found, "application/octet-stream")
    response.headers["Content-Disposition"] = disposition(found.name)
    return response


def picture(parts: DashboardParts, repository: str, number: int, output: str) -> Response:
    """One output as a picture. Drawings can run nothing: the policy of the answer forbids it."""
    found = _output(parts, repository, number, output)
    kind = picture_type(found)
    if kind is None:
        raise UnsupportedMediaType(f"{found.name} is not a picture that is shown here. It can be downloaded.")
    return _answer(parts, found, kind)


def disposition(name: str) -> str:
    """The header for a download under this name (RFC 6266), with a plain twin for old readers."""
    last = file_name(name)
    ascii_name = last.encode("ascii", "replace").decode().replace("?", "_").replace("\\", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(last.encode(errors='replace'), safe='')}"


def _output(parts: DashboardParts, repository: str, number: int, output: str) -> OutputLine:
    with parts.ledger.read() as connection:
        _, _, execution = places.execution(connection, repository, number)
        found = pages_execution.output(connection, execution.id, output)
    if found is None:
        raise NotFound(f"Execution #{number} has no output {output}.")
    return found


def _answer(parts: DashboardParts, found: OutputLine, content_type: str) -> Response:
    store = parts.stores.get(found.store)
    if store is None:
        raise NotFound(f"{found.name} lies in the store {found.store}, which cannot be reached from here.")
    response = Response(content_type=content_type)
    response.set_etag(found.sha256.removeprefix("sha256:"))
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    if not request.if_none_match.contains(found.sha256.removeprefix("sha256:")):
        response.content_length = found.size
        response.response = [] if request.method == "HEAD" else _begun(store.stream(found.key))
    else:
        response.status_code = 304
    return response


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, the first one taken, so that a lost object is an error page and not a torn download."""
    return chain([next(pieces, b"")], pieces)
