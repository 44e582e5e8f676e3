"""A web side for agents' tests: the agents' API and the objects of a folder store over real HTTP, state in memory.

It refuses what the contract in schemas/messages/claim.py does not allow. Troubles can be put in the way of any path.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from schemas import codec
from schemas.errors import Refused
from schemas.messages.claim import (
    Address,
    AddressesAnswer,
    AddressesRequest,
    Claim,
    ClaimRequest,
    Fault,
    Finish,
    Manifest,
    Order,
    RenewAnswer,
    Renewed,
    RenewRequest,
    ResolvedInput,
    StatusDetail,
)
from schemas.messages.job import Job
from schemas.messages.result import Result
from stores import keys

TOKEN = "the-agents-own-token"


@dataclass
class Held:
    """An attempt as the ledger would have it."""

    job: Job
    state: str = "waiting"
    order: Order = Order.GO_ON
    manifest: Manifest | None = None
    digest: str = ""
    claims: int = 0
    details: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


class AgentWeb:
    """`held` by attempt id; `objects` by (store, key). Change both under no lock: tests are one thread."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.held: dict[str, Held] = {}
        self.objects: dict[tuple[str, str], bytes] = {}
        self.secrets: dict[str, str] = {}
        self.renewed: list[RenewRequest] = []
        self.calls: list[str] = []
        self.interval = 0.2
        self.drain = False
        self.troubles: list[Callable[[str, str], tuple[int, bytes] | None]] = []
        self.address = ""

    def add(self, job: Job, archive: bytes) -> Held:
        """An attempt that waits to be claimed, with its snapshot in the store."""
        self.objects["system", job.archive.key] = archive
        self.held[job.attempt] = Held(job)
        return self.held[job.attempt]

    def result(self, held: Held) -> Result:
        """The stored result of an attempt."""
        return codec.read(
            Result, self.objects["system", keys.result(held.job.execution, held.job.attempt_number)]
        )

    def object_names(self, prefix: str) -> list[str]:
        """Keys that begin with a prefix, in every store."""
        return sorted(key for _, key in self.objects if key.startswith(prefix))

    @contextmanager
    def serve(self) -> Iterator["AgentWeb"]:
        """Over HTTP, on a port of its own."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """One request."""
        path = unquote(urlsplit(target).path)
        self.calls.append(f"{method} {path}")
        for trouble in list(self.troubles):
            answered = trouble(method, path)
            if answered:
                return answered
        if path.startswith("/objects/"):
            return self._object(method, path, headers, body)
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return _fault(401, "this token is not known")
        try:
            return self._api(path, body)
        except Refused as error:
            return _fault(400, error.message)

    def _object(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        store, key = path.removeprefix("/objects/").split("/", 1)
        if method == "GET":
            data = self.objects.get((store, key))
            return (200, data) if data is not None else _fault(404, f"nothing is stored at {key}")
        if headers.get("If-None-Match") == "*" and (store, key) in self.objects:
            return _fault(412, "it is there already")
        self.objects[store, key] = body
        return 204, b""

    def _api(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/agent/v1/renew":
            return self._renew(codec.read(RenewRequest, body))
        attempt, _, verb = path.removeprefix("/agent/v1/attempts/").partition("/")
        held = self.held.get(attempt)
        if held is None:
            return _fault(404, "there is no such attempt")
        if verb == "claim":
            return self._claim(held, codec.read(ClaimRequest, body))
        if held.state not in ("claimed", "running"):
            return _fault(409, f"this attempt is {held.state}")
        match verb:
            case "manifest":
                held.manifest, held.state = codec.read(Manifest, body), "running"
                return 204, b""
            case "addresses":
                return self._addresses(held, codec.read(AddressesRequest, body))
            case "detail":
                held.details.append(codec.read(StatusDetail, body).status_detail)
                return 204, b""
            case "finish":
                held.digest = codec.read(Finish, body).digest
                held.done.set()
                return 204, b""
        return _fault(404, "there is no such call")

    def _claim(self, held: Held, request: ClaimRequest) -> tuple[int, bytes]:
        if held.state not in ("waiting", "claimed", "running"):
            return _fault(409, f"this attempt is {held.state}")
        if held.digest:
            return _fault(409, "this attempt cannot be claimed again: its result is there")
        held.claims += 1
        held.state = "claimed" if held.state == "waiting" else held.state
        archive = self._address("GET", held.job.archive.key, "system", request.shares_folder)
        return _said(Claim(held.job.attempt, 60.0, dict(self.secrets), (archive,), self._earlier(held)))

    def _earlier(self, held: Held) -> tuple[ResolvedInput, ...] | None:
        job = held.job
        said = {
            each.job.attempt_number: each.manifest.inputs
            for each in self.held.values()
            if each.manifest
            and each.job.execution == job.execution
            and each.job.attempt_number < job.attempt_number
        }
        return said[max(said)] if said else None

    def _renew(self, request: RenewRequest) -> tuple[int, bytes]:
        self.renewed.append(request)
        renewed = []
        for attempt in request.attempts:
            held = self.held.get(attempt)
            mine = held is not None and held.state in ("claimed", "running")
            renewed.append(Renewed(attempt, 60.0, held.order if held and mine else Order.LOST))
        return _said(RenewAnswer(tuple(renewed), self.interval, self.drain))

    def _addresses(self, held: Held, request: AddressesRequest) -> tuple[int, bytes]:
        job = held.job
        readable = {("system", job.archive.key)} | {
            (d.store, d.key) for each in job.inputs for d in each.data
        }
        if job.build:
            readable |= {(d.store, d.key) for d in job.build.files.values()}
        places = keys.written_by(job.execution, job.attempt_number)
        writable = {"system": places["system"], job.upload_store: places["artifacts"]}
        for wanted in request.objects:
            may = (wanted.store, wanted.key) in readable if wanted.method == "GET" else any(
                wanted.key == own or (own.endswith("/") and wanted.key.startswith(own)) for own in writable.get(wanted.store, ())
            )  # fmt: skip
            if not may:
                return _fault(403, f"{wanted.method} {wanted.key} in {wanted.store} is not this attempt's")
        addresses = tuple(
            self._address(w.method, w.key, w.store, request.shares_folder) for w in request.objects
        )
        return _said(AddressesAnswer(addresses, 600.0))

    def _address(self, method: Any, key: str, store: str, shares_folder: bool) -> Address:
        headers = {"If-None-Match": "*"} if method == "PUT" and key.startswith("results/") else {}
        if shares_folder and self.folder:
            return Address(method, key, (self.folder / store / key).as_uri(), store, headers)
        return Address(
            method,
            key,
            f"{self.address}/objects/{store}/{quote(key, safe='/')}?signed={uuid.uuid4()}",
            store,
            headers,
        )


def fails(
    times: int, start: str, status: int, body: bytes = b"", method: str = ""
) -> Callable[[str, str], Any]:
    """A trouble: the first `times` requests (of a method) for paths that begin with `start` are answered so."""
    left = iter(range(times))

    def trouble(asked: str, path: str) -> tuple[int, bytes] | None:
        if path.startswith(start) and method in ("", asked) and next(left, None) is not None:
            return status, body
        return None

    return trouble


def _said(message: object) -> tuple[int, bytes]:
    return 200, codec.write(message)


def _fault(status: int, words: str) -> tuple[int, bytes]:
    return status, codec.write(Fault(words))


def _handler(web: AgentWeb) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data = web.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server finds them by these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
            """Quiet."""

    return Handler


def as_json(data: bytes) -> Any:
    """Parsed JSON."""
    return json.loads(data)
