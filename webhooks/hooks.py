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
from webhooks.faults import Fail
from webhooks.parts import WebParts

LIMIT = 25 * MIB
"""Bytes of a delivery: what the largest forge sends at most."""

IN_MEMORY = 256 * 1024
"""Bytes of an unverified body that stay in memory; the rest waits on disk, so that nobody unknown can fill the memory."""

log = structlog.get_logger()


class Hooks:
    """`POST /hooks/<repository>`."""

    def __init__(self, parts: WebParts, bodies: Bodies) -> None:
        self._parts = parts
        self._bodies = bodies

    def route(self, blueprint: Blueprint) -> None:
        """Register the route. A repository's name may have slashes."""
        blueprint.add_url_rule("/hooks/<path:repository>", "hook", self.receive, methods=["POST"])

    def receive(self, repository: str) -> tuple[Response, int]:
        """202, also for a replay, which adds no row; 401 unless it is signed; 400 when it cannot be read."""
        forge = self._parts.forge(repository)
        if forge is None:
            # The same words as for a wrong signature: who cannot sign learns nothing about what is watched here.
            raise Fail(401, "the delivery is not signed by a secret of this repository")
        try:
            delivery = self._verified(forge)
        except Fail as error:
            log.warning("delivery refused", repository=repository, status=error.status, why=str(error))
            raise
        with self._parts.ledger.write() as connection:
            new = inbox.receive(
                connection, "delivery", repository, delivery.id, codec.write(delivery), self._parts.clock()
            )
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
                raise Fail(
                    401, "the delivery is not signed by a secret of this repository", error.hint
                ) from error
            for _ in pieces:
                pass  # a forge that signs with a header alone leaves the body to us
            spool.seek(0)
            body = spool.read()
        try:
            return forge.parse(headers, body)
        except Refused as error:
            raise Fail(400, error.message, error.hint) from error


def _spooled(pieces: Iterator[bytes], spool: IO[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        spool.write(piece)
        yield piece
