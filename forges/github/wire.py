"""One call to GitHub and its answer, with every way in which that fails said in our errors.

What is sent and what comes back is bounded: in size, in time, in redirects. Only the one site that the settings name is
spoken to: a redirect or a next page that leads elsewhere would carry the token there.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError, SSLError
from urllib3.response import BaseHTTPResponse

from forges.github import faults, reading
from forges.github.pace import Pace
from schemas.errors import LuotsiError, Stalled, Waiting
from schemas.values import Secret

VERSION = "2022-11-28"
"""Of GitHub's API: https://docs.github.com/rest/about-the-rest-api/api-versions."""
LARGEST = 32 * 1024 * 1024
"""Bytes of an answer, unpacked."""
MOST_HOPS = 3
AGAIN = 15.0
"""Seconds until another try where GitHub did not answer."""
_CHUNK = 64 * 1024
_REDIRECTS = {301, 302, 307, 308}
_PERMANENT = {301, 308}


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub said. `headers` have lower-case names; `moved`: it was found at `url` for good, and asked for elsewhere."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    moved: bool = False

    def json(self) -> Any:
        """The body's value. Raises `Refused` where it is none."""
        return reading.json_of(self.body, "GitHub's answer")


class Wire:
    """To one site. `api` is its address without a slash at the end. Safe between threads."""

    def __init__(
        self,
        api: str,
        seconds: float = 20.0,
        ca: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.api = api
        self.clock = clock
        self._seconds = seconds
        self._pool = urllib3.PoolManager(
            maxsize=4,
            retries=False,
            timeout=urllib3.Timeout(connect=min(5.0, seconds), read=seconds),
            ca_certs=ca,
        )

    def call(
        self,
        method: str,
        path: str,
        login: Secret,
        pace: Pace,
        body: Any = None,
        etag: str = "",
    ) -> Answer:
        """Ask for `path` (below the API's address, or a full address there). The answer is 2xx or 304; all else is raised."""
        url, moved, for_good = self.here(path), False, True
        for _ in range(MOST_HOPS + 1):
            pace.check(self.clock())
            answer = self._ask(method, url, login, body, etag)
            pace.heard(answer.status, answer.headers, answer.body, self.clock())
            if answer.status in _REDIRECTS:
                url = self.here(answer.headers.get("location", ""), url)
                moved = for_good = for_good and answer.status in _PERMANENT
                continue
            if 200 <= answer.status < 300 or answer.status == 304:
                return replace(answer, url=url, moved=moved)
            asked = f"{method} {urlsplit(url).path}"
            raise self._fault(asked, answer, login)
        raise Stalled(f"GitHub leads {method} {path} in a circle", "Look at the address of the repository.")

    def here(self, address: str, base: str = "") -> str:
        """The full address. Raises `Stalled` for one that is not the site's own."""
        url = (
            self.api + address if address.startswith("/") and not base else urljoin(base or self.api, address)
        )
        home, there = urlsplit(self.api), urlsplit(url)
        same = (home.scheme, home.netloc) == (there.scheme, there.netloc)
        if not address or not same or not there.path.startswith(home.path) or ".." in there.path.split("/"):
            raise Stalled(
                f"GitHub leads to another site ({there.hostname or 'nowhere'}), which is not given the token",
                "Check the address of the API in the settings.",
            )
        return url

    def _fault(self, asked: str, answer: Answer, login: Secret) -> LuotsiError:
        said = faults.message(answer.body).replace(login.reveal().removeprefix("Bearer "), "***")
        return faults.fault(asked, answer.status, answer.headers, said)

    def _ask(self, method: str, url: str, login: Secret, body: Any, etag: str) -> Answer:
        headers = {
            "Authorization": login.reveal(),
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
            "User-Agent": "luotsi",
            "Accept-Encoding": "gzip",
        }
        if etag:
            headers["If-None-Match"] = etag
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(_clean(body), allow_nan=False).encode()
        end = time.monotonic() + 3 * self._seconds
        try:
            response = self._pool.request(
                method, url, body=data, headers=headers, preload_content=False, redirect=False
            )
            try:
                return Answer(response.status, _headers(response), _read(response, end))
            finally:
                response.release_conn()
        except (HTTPError, OSError) as error:
            raise _unreachable(error, urlsplit(url).hostname or "") from error


def _headers(response: BaseHTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _read(response: BaseHTTPResponse, end: float) -> bytes:
    pieces, size = [], 0
    for piece in response.stream(_CHUNK, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST or time.monotonic() > end:
            response.close()  # what is left is not wanted: the connection cannot be used again
            raise Waiting("GitHub's answer is larger or slower than an answer of its is", AGAIN)
    return b"".join(pieces)


def _unreachable(error: Exception, host: str) -> LuotsiError:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, SSLError):
        return Stalled(
            f"the certificate of {host} is not one that this machine trusts",
            "Name its authority's file in the forge's setting `ca`.",
        )
    if isinstance(reason, NameResolutionError):
        return Waiting(f"the name {host} is not known to this machine's network", AGAIN)
    return Waiting(f"{host} does not answer ({type(reason).__name__})", AGAIN)


def _clean(value: Any) -> Any:
    """The value as UTF-8 can spell it: GitHub answers 400 to anything else."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
