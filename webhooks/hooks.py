"""Deliveries: bounded, verified, kept as one row of the inbox, and then a wake-up. What they mean, the controller decides."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO

import structlog
from flask import Blueprint, Response, jsonify, request

from forges.port import Delivery, Forge
from ledger import inbox
from schemas import codec
from schemas.errors import Refused
from webhooks.bodies import MIB, Bodies
from webhooks.faults import Fail, shown
from webhooks.keeper import Keeper
from webhooks.parts import WebParts

LIMIT = 25 * MIB
"""Bytes of a delivery: what the largest forge sends at most."""

IN_MEMORY = 256 * 1024
"""Bytes of an unverified body that stay in memory; the rest waits on disk, so that nobody unknown can fill the memory."""

UNSIGNED = "the delivery is not signed by a secret of this address"
SIGN = "Send the sender's usual header with sha256=<HMAC-SHA256 of the body>; both sides must know the same secret."
"""Said of a wrong signature and of a name that is not there: who cannot sign learns nothing about what is watched here."""

log = structlog.get_logger()


class Hooks:
    """`POST /hooks/<repository>` for plain git, and `POST /forges/<name>` for all repositories of a forge."""

    def __init__(self, parts: WebParts, bodies: Bodies) -> None:
        self._parts = parts
        self._bodies = bodies
        self._keeper = Keeper(parts.ledger, parts.clock)

    def route(self, blueprint: Blueprint) -> None:
        """Register the routes. A repository's name may have slashes; so may what stands in place of a forge's name, which
        is then refused like any other that is not there."""
        blueprint.add_url_rule("/hooks/<path:repository>", "hook", self.of_repository, methods=["POST"])
        blueprint.add_url_rule("/forges/<path:name>", "forge", self.of_forge, methods=["POST"])
        blueprint.after_request(self._count)

    def of_repository(self, repository: str) -> tuple[Response, int]:
        """202, also for a replay, which adds no row; 401 unless it is signed; 400 when it cannot be read."""
        return self._receive(self._parts.forge(repository), repository)

    def of_forge(self, name: str) -> tuple[Response, int]:
        """The same, of a forge's own deliveries. What means nothing here is answered 202 as well, and leaves no row."""
        return self._receive(self._parts.named_forge(name), f"{inbox.FORGE}{name}")

    def _receive(self, forge: Forge | None, source: str) -> tuple[Response, int]:
        try:
            if forge is None:
                raise Fail(401, UNSIGNED, SIGN)
            delivery = self._verified(forge)
        except Fail as error:
            why = shown(str(error.__cause__ or error))
            log.warning("delivery refused", source=shown(source), status=error.status, why=why)
            raise
        new = delivery.event != "other" and self._keeper.keep(source, delivery.id, codec.write(delivery))
        if new:
            self._parts.wake()
        return jsonify(delivery=delivery.id, new=new), 202

    def _verified(self, forge: Forge) -> Delivery:
        headers = {name.lower(): value for name, value in request.headers}
        with SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            pieces = _spooled(self._bodies.pieces(LIMIT, self._parts.delivery_seconds), spool)
            try:
                forge.verify(headers, pieces)
            except Refused as error:
                raise Fail(401, UNSIGNED, SIGN) from error
            for _ in pieces:
                pass  # a forge that signs with a header alone leaves the body to us
            spool.seek(0)
            body = spool.read()
        try:
            return forge.parse(headers, body)
        except Refused as error:
            raise Fail(400, error.message, error.hint) from error

    def _count(self, response: Response) -> Response:
        endpoint = (request.endpoint or "").rpartition(".")[2]
        if endpoint in ("hook", "forge"):
            self._parts.answered(f"{endpoint}s", response.status_code)
        return response


def _spooled(pieces: Iterator[bytes], spool: IO[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        spool.write(piece)
        yield piece
