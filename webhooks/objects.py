"""Signed objects of folder stores: GET (with ranges) and PUT (whole or not at all), for who holds an address.

Nothing of a path is believed before its signature is; the key is decoded once, by the server, and then checked as it is.
"""

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import wrap_file

from schemas.errors import Stalled
from stores import keys, signed
from stores.folder import FolderStore
from stores.signed import Target
from webhooks.bodies import Bodies
from webhooks.faults import Fail
from webhooks.parts import WebParts

PIECE = 256 * 1024
"""Bytes that are sent at once."""


class Objects:
    """`/objects/<store>/<key>?method=…&expires=…&signature=…`."""

    def __init__(self, parts: WebParts, bodies: Bodies) -> None:
        self._parts = parts
        self._bodies = bodies

    def route(self, blueprint: Blueprint) -> None:
        """Register the route. Slashes are not merged: a path is what was signed, or it is nothing."""
        for method, view in (("GET", self.get), ("PUT", self.put)):
            blueprint.add_url_rule(
                "/objects/<store>/<path:key>",
                f"object_{method}",
                view,
                methods=[method],
                merge_slashes=False,
                strict_slashes=True,
            )

    def get(self, store: str, key: str) -> Response:
        """The bytes, or a range of them. They are somebody's output: no browser may take them for a page of ours."""
        folder, _ = self._signed(Target("GET", store, key))
        file, meta = folder.open(key)
        response = Response(wrap_file(request.environ, file, PIECE), direct_passthrough=True)
        response.content_type = "application/octet-stream"
        response.content_length = meta.size
        response.set_etag(meta.etag)
        response.headers["Content-Disposition"] = "attachment"
        response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, no-store"
        try:
            response.make_conditional(request, accept_ranges=True, complete_length=meta.size)
        except HTTPException:  # a range that is not there
            file.close()
            raise
        return response

    def put(self, store: str, key: str) -> Response:
        """Store the body; 412 when it is to be absent and is not. The length must be said: a body that ends early must
        not pass for a whole one."""
        folder, target = self._signed(Target("PUT", store, key))
        size = request.content_length
        if size is None:
            raise Fail(411, "the length of the object is not said", "Send Content-Length.")
        absent = target.absent or request.headers.get("If-None-Match", "").strip() == "*"
        if absent and folder.head(key) is not None:
            raise _there(key)
        try:
            stored = folder.receive(key, self._bodies.large(size), absent)
        except Stalled as error:
            raise Fail(507, error.message, error.hint) from error
        if not stored:
            raise _there(key)
        return Response(status=200)

    def _signed(self, asked: Target) -> tuple[FolderStore, Target]:
        target = signed.check(
            self._parts.objects_secret, asked, request.args.to_dict(), self._parts.clock().timestamp()
        )
        keys.check(asked.key)
        folder = self._parts.stores.get(asked.store)
        if not isinstance(folder, FolderStore):
            raise Fail(404, f"there is no folder store {asked.store}")
        return folder, target


def _there(key: str) -> Fail:
    return Fail(412, f"the object is there already: {key}")
