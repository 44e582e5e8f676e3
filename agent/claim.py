"""The agents' API, as an agent calls it: one try a call. Who calls decides about trying again (`agent/patience.py`).

The token travels in a header only. Errors: `Waiting` when the web side is away or busy, `Stalled` when it does not know
the token, `Gone` when the attempt is another's, finished, fenced or unknown, `Refused` when it calls our words wrong.
"""

import json
from typing import TypeVar
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from schemas import codec
from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting
from schemas.messages.claim import (
    AddressesAnswer,
    AddressesRequest,
    Claim,
    ClaimRequest,
    Fault,
    Finish,
    Manifest,
    RenewAnswer,
    RenewRequest,
    StatusDetail,
)
from schemas.values import Secret

T = TypeVar("T")

MAX_ANSWER = 64 * 1024 * 1024
TIMEOUT = urllib3.Timeout(connect=5.0, read=60.0)


class Api:
    """The web side. Safe to share between threads."""

    def __init__(self, base: str, token: Secret, pool: urllib3.PoolManager) -> None:
        self._base = base.rstrip("/")
        self._token = token
        self._pool = pool

    def claim(self, attempt: str, request: ClaimRequest) -> Claim:
        """Take the attempt, or hear again what its holder was told. `Gone` when it is not ours to take."""
        return codec.read(Claim, self._attempt(attempt, "claim", request))

    def renew(self, request: RenewRequest) -> RenewAnswer:
        """The proof of life; answers with orders."""
        return codec.read(RenewAnswer, self._post("/agent/v1/renew", request))

    def manifest(self, attempt: str, manifest: Manifest) -> None:
        """Report image and inputs, before the command starts."""
        self._attempt(attempt, "manifest", manifest)

    def addresses(self, attempt: str, request: AddressesRequest) -> AddressesAnswer:
        """Signed addresses for objects of this attempt, in the order asked for."""
        return codec.read(AddressesAnswer, self._attempt(attempt, "addresses", request))

    def detail(self, attempt: str, detail: StatusDetail) -> None:
        """Hand on what the running job says of itself."""
        self._attempt(attempt, "detail", detail)

    def finish(self, attempt: str, finish: Finish) -> None:
        """Say that the result object is stored."""
        self._attempt(attempt, "finish", finish)

    def _attempt(self, attempt: str, verb: str, message: object) -> bytes:
        return self._post(f"/agent/v1/attempts/{quote(attempt, safe='')}/{verb}", message)

    def _post(self, path: str, message: object) -> bytes:
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": "application/json"}
        try:
            response = self._pool.request(
                "POST",
                self._base + path,
                body=codec.write(message),
                headers=headers,
                timeout=TIMEOUT,
                retries=False,
                preload_content=False,
            )
            with response:
                body = response.read(MAX_ANSWER + 1)
                response.drain_conn()
        except (HTTPError, OSError) as error:
            raise Waiting(
                f"the web side at {self._base} cannot be reached: {_words(error)}", after=0
            ) from error
        if response.status in (200, 201, 204) and len(body) <= MAX_ANSWER:
            return bytes(body)
        raise _fault(response.status, body, response.headers.get("Retry-After", ""), self._base)


def _fault(status: int, body: bytes, after: str, base: str) -> LuotsiError:
    try:
        fault = codec.read(Fault, body)
    except Refused:
        fault = Fault(f"the web side at {base} answered {status}")
    if status == 401:
        hint = fault.hint or "Give the agent a token that the controller's settings name for it."
        return Stalled(fault.error, hint)
    if status in (404, 409, 410):
        return Gone(fault.error, fault.hint)
    if status in (408, 425, 429) or status >= 500:
        return Waiting(fault.error, after=float(after) if after.isdecimal() else 0, hint=fault.hint)
    return Refused(fault.error, fault.hint)


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(json.dumps(str(reason)))[1:-1][:300]
