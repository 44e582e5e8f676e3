"""The agents' API. Who asks is known by the token alone; an id in a body or a path is never believed over it.

It checks and records; what an attempt's word is worth, the ledger's fence says (409), and later the controller.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, request

from ledger import agents, attempts, manifests
from schemas import codec, status_detail
from schemas.errors import Refused, Stalled
from schemas.messages.claim import (
    Address,
    AddressesAnswer,
    AddressesRequest,
    Claim,
    ClaimRequest,
    Finish,
    Manifest,
    Order,
    RenewAnswer,
    Renewed,
    RenewRequest,
    StatusDetail,
    Wanted,
)
from webhooks import rights
from webhooks.bodies import MIB, Bodies
from webhooks.faults import Fail, said
from webhooks.gate import Gate
from webhooks.parts import WebParts
from webhooks.rights import Rights

MANIFEST_LIMIT = 16 * MIB
"""Bytes: a manifest names every input file, and a data set has many. Every other body has at most one MiB.

It bounds the answer to a later attempt's claim too, which names the same files."""

MOST_AT_ONCE = 1000
"""Attempts in a renewal, objects in a request for addresses."""

MOST_SLOTS = 100_000
MOST_CPUS = 100_000
MOST_MEMORY = 1_000_000_000
"""MB."""

MOST_DEVICES = 1000
"""Kinds of devices, and devices of a kind."""

MOST_DELIVERIES = 1_000_000_000

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class AgentsApi:
    """`/agent/v1/…`: claim, renew, manifest, addresses, detail, finish."""

    def __init__(self, parts: WebParts, bodies: Bodies) -> None:
        self._parts = parts
        self._bodies = bodies
        self._gate = Gate(parts)

    def route(self, blueprint: Blueprint) -> None:
        """Register the routes. What is no route is a `Fault` too."""
        for name, view in (
            ("claim", self.claim),
            ("manifest", self.manifest),
            ("addresses", self.addresses),
            ("detail", self.detail),
            ("finish", self.finish),
        ):
            blueprint.add_url_rule(f"/agent/v1/attempts/<attempt>/{name}", name, view, methods=["POST"])
        blueprint.add_url_rule("/agent/v1/renew", "renew", self.renew, methods=["POST"])
        blueprint.add_url_rule("/agent/<path:rest>", "no_such_call", self.unknown, methods=_METHODS)

    def claim(self, attempt: str) -> Response:
        """The compare-and-set. The holder asking again gets the same.

        409 when it is another's, over, to be stopped, or its result is there.
        """
        agent = self._gate.agent()
        asked = self._bodies.message(ClaimRequest)
        _number("delivery", asked.delivery, MOST_DELIVERIES)
        self._gate.to_claim(agent, attempt)
        now = self._parts.clock()
        with self._parts.ledger.write() as connection, _fenced():
            row = attempts.claim(
                connection, attempt, agent.id, agent.environment_id, int(asked.delivery), now
            )
            earlier = manifests.before(connection, row.execution_id, row.number)
        archive = rights.code_archive(row.spec)
        first = [self._address(Rights(row), archive, asked.shares_folder)] if archive else []
        secrets = {name: value.reveal() for name, value in self._parts.secrets(row).items()}
        kept = None if earlier is None else codec.from_json(Manifest, earlier).inputs
        return said(Claim(row.id, self._parts.lease, secrets, tuple(first), kept))

    def renew(self) -> Response:
        """Prolong what this agent holds; for each attempt asked about, what to do with it."""
        agent = self._gate.agent()
        asked = self._bodies.message(RenewRequest)
        _number("attempts", len(asked.attempts), MOST_AT_ONCE)
        _number("slots", asked.slots, MOST_SLOTS)
        _number("free_slots", asked.free_slots, MOST_SLOTS)
        _text({"runtime": asked.runtime, "host": asked.host, "version": asked.version}, 200)
        _number("cpus", asked.cpus, MOST_CPUS)
        _number("memory", asked.memory, MOST_MEMORY)
        _number("devices", len(asked.devices), MOST_DEVICES)
        _text({f"device {n}": device for n, device in enumerate(asked.devices)}, 100)
        for device, count in asked.devices.items():
            _number(device, count, MOST_DEVICES)
        self._gate.none_of_others(agent, asked.attempts)
        now, lease = self._parts.clock(), self._parts.lease
        with self._parts.ledger.write() as connection:
            agents.renewed(connection, agent.id, asked, now)
            orders = attempts.renew(connection, agent.id, asked.attempts, now)
        renewed = tuple(Renewed(each, 0.0 if order is Order.LOST else lease, order) for each, order in orders)
        return said(RenewAnswer(renewed, lease / 3, agent.drained))

    def manifest(self, attempt: str) -> Response:
        """What the environment resolved, before the command starts."""
        agent = self._gate.agent()
        told = self._bodies.message(Manifest, MANIFEST_LIMIT)
        _text({"image": told.image}, 2000)
        _text({"image_digest": told.image_digest}, 120)
        _text({"runtime": told.runtime}, 200)
        self._gate.own(agent, attempt, "manifest")
        with self._parts.ledger.write() as connection, _fenced():
            attempts.manifest(connection, attempt, agent.id, told, self._parts.clock())
        return Response(status=204)

    def addresses(self, attempt: str) -> Response:
        """Signed addresses of named objects: what the spec names to read, the attempt's own places to write."""
        agent = self._gate.agent()
        asked = self._bodies.message(AddressesRequest)
        _number("objects", len(asked.objects), MOST_AT_ONCE)
        self._gate.own(agent, attempt, "addresses")
        with self._parts.ledger.read() as connection, _fenced():
            allowed = Rights(attempts.held(connection, attempt, agent.id))
        for wanted in asked.objects:
            try:
                allowed.check(wanted)
            except Refused as error:
                what = {"method": wanted.method, "store": wanted.store[:200], "key": wanted.key[:1000]}
                raise self._gate.denied(agent, attempt, "addresses", error.message, **what) from error
        given = tuple(self._address(allowed, wanted, asked.shares_folder) for wanted in asked.objects)
        return said(AddressesAnswer(given, self._parts.address_seconds))

    def detail(self, attempt: str) -> Response:
        """What the running job says of itself, for people: one line of text."""
        agent = self._gate.agent()
        told = self._bodies.message(StatusDetail)
        _number("characters of status_detail", len(told.status_detail), status_detail.LONGEST)
        self._gate.own(agent, attempt, "detail")
        with self._parts.ledger.write() as connection, _fenced():
            attempts.detail(connection, attempt, agent.id, status_detail.clean(told.status_detail))
        return Response(status=204)

    def finish(self, attempt: str) -> Response:
        """The result object is there. Whether it is what it should be, the controller looks."""
        agent = self._gate.agent()
        told = self._bodies.message(Finish)
        self._gate.own(agent, attempt, "finish")
        with self._parts.ledger.write() as connection, _fenced():
            attempts.finish(connection, attempt, agent.id, told.digest, self._parts.clock())
        self._parts.wake()
        return Response(status=204)

    def unknown(self, rest: str) -> Response:
        """404, as a `Fault` like every other answer."""
        raise Fail(404, f"the agents' API has no call {request.method} /agent/{rest[:200]}")

    def _address(self, allowed: Rights, wanted: Wanted, shares_folder: bool) -> Address:
        store = self._parts.stores.get(wanted.store)
        if store is None:
            raise Stalled(
                f"the store {wanted.store} is not in the settings", "Give the web side the same stores."
            )
        return store.address(
            wanted.method, wanted.key, self._parts.address_seconds, shares_folder, allowed.once(wanted)
        )


@contextmanager
def _fenced() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise Fail(409, error.message, error.hint) from error


def _number(name: str, value: float, most: int) -> None:
    if not 0 <= value <= most:
        raise Fail(400, f"{name} must be between 0 and {most}")


def _text(named: dict[str, str], longest: int) -> None:
    """Text for a column: of its length, and without what a database cannot hold (NUL, half of a surrogate pair)."""
    for name, value in named.items():
        if len(value) > longest or not value.isprintable():
            raise Fail(400, f"{name} must be at most {longest} printable characters")
