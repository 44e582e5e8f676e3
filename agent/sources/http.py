"""`http://` and `https://`: the file that an address gives. A login may stand in it; it is sent to that host only.

A strong entity tag (RFC 9110, 8.8.3) is the version. Where the agent asks, the caller's code must not reach further than
by itself: never the machine's metadata service, and for untrusted attempts not the agent's own machine.
"""

import base64
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, LocationParseError, MaxRetryError, ResponseError, URLSchemeUnknown
from urllib3.response import BaseHTTPResponse

from agent.core.placing import Found, without_login
from agent.sources.port import Access, Opened
from agent.transfer import CHUNK, TIMEOUT, answered
from schemas.errors import LuotsiError, Refused, Stalled, Waiting

METADATA = ipaddress.ip_address("fd00:ec2::254")
"""Amazon's metadata service over IPv6; every other one known has a link-local address."""

_REDIRECTS = urllib3.Retry(total=None, connect=0, read=0, redirect=5, status=0, other=0)


class HttpSource:
    """See the port. Asks by HEAD first, and does not mind a server that does not answer it."""

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._pool = pool

    def find(self, uri: str) -> list[Found]:
        """One file, always. What HEAD says of it is taken, and no more than that."""
        path = _path(uri)
        found = Found(uri, path, path.rpartition("/")[2])
        try:
            with self._asked("HEAD", uri) as response:
                return [Found(uri, path, found.below, _size(response), _version(response))]
        except LuotsiError:
            return [found]  # signed addresses and simple servers know GET only: that will say what is wrong

    @contextmanager
    def open(self, found: Found) -> Iterator[Opened]:
        """See the port."""
        with self._asked("GET", found.uri) as response:
            yield Opened(_pieces(response, found.uri), _size(response), _version(response))

    @contextmanager
    def _asked(self, method: str, uri: str) -> Iterator[BaseHTTPResponse]:
        plain, headers = _login(uri)
        with _translated(uri):
            response = self._pool.request(
                method, plain, headers=headers, timeout=TIMEOUT, retries=_REDIRECTS, preload_content=False
            )
        with response:
            if response.status != 200:
                with _translated(uri):
                    said = response.read(4096)
                error = answered(response.status, said, plain)
                # Whoever may not read it now may not in ten minutes: the login is in the address.
                raise Refused(error.message) if isinstance(error, Stalled) else error
            yield response


def connect(access: Access) -> HttpSource:
    """A pool of connections of its own: whom they reach is looked at once they are open, after names and redirects."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _checked(super()._new_conn(), access.is_trusted)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _checked(super()._new_conn(), access.is_trusted)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    pool = urllib3.PoolManager(num_pools=16, maxsize=8)
    pool.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return HttpSource(pool)


def _checked(opened: socket.socket, is_trusted: bool) -> socket.socket:
    peer = ipaddress.ip_address(opened.getpeername()[0].partition("%")[0])
    peer = getattr(peer, "ipv4_mapped", None) or peer
    if peer.is_link_local or peer == METADATA:
        opened.close()
        raise Refused(f"{peer} serves this machine's own rights: no input comes from there")
    if peer.is_loopback and not is_trusted:
        opened.close()
        raise Refused(f"{peer} is the agent's own machine, which an untrusted run does not reach")
    return opened


def _path(uri: str) -> str:
    """What names are made of: the decoded path, or the host where there is none. Raises `Refused`."""
    try:
        parsed = urlsplit(uri)
        host, _ = parsed.hostname, parsed.port
        path = unquote(parsed.path, errors="strict").strip("/")
    except ValueError as error:
        raise _no_address(uri) from error
    if parsed.scheme not in ("http", "https") or not host:
        raise _no_address(uri)
    return path or host


def _login(uri: str) -> tuple[str, dict[str, str]]:
    """The address without its login, and the login as a header, which no redirect carries to another host."""
    start, _, rest = uri.partition("://")
    place, slash, path = rest.partition("/")
    login, at, host = place.rpartition("@")
    if not at:
        return uri, {}
    encoded = base64.b64encode(unquote(login).encode()).decode()
    return f"{start}://{host}{slash}{path}", {"Authorization": f"Basic {encoded}"}


def _size(response: BaseHTTPResponse) -> int | None:
    said = response.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdecimal() else None


def _version(response: BaseHTTPResponse) -> str:
    tag = response.headers.get("ETag", "")
    return tag if len(tag) > 2 and tag.startswith('"') and tag.endswith('"') else ""


def _pieces(response: BaseHTTPResponse, uri: str) -> Iterator[bytes]:
    with _translated(uri):
        yield from response.stream(CHUNK, decode_content=False)


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    try:
        yield
    except (LocationParseError, URLSchemeUnknown) as error:
        raise _no_address(uri) from error
    except MaxRetryError as error:
        if isinstance(error.reason, ResponseError):
            raise Refused(f"{_shown(uri)} is redirected without end") from error
        raise _away(uri, error.reason or error) from error
    except (HTTPError, OSError) as error:
        raise _away(uri, error) from error


def _away(uri: str, reason: object) -> Waiting:
    return Waiting(f"{_shown(uri)} cannot be read: {str(reason)[:300]}", after=0)


def _no_address(uri: str) -> Refused:
    return Refused(f"{_shown(uri)} is not an address of the web, or leads to none")


def _shown(uri: str) -> str:
    """Without login and query: either may be a credential."""
    return without_login(uri).partition("?")[0]
