"""Which headers a proxy passes on: all but those that belong to one connection (RFC 9110, section 7.6.1)."""

from collections.abc import Iterable, Mapping
from typing import Any

HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
OURS = {
    "x-vh-prefix",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "content-length",
    "content-type",
}
NEVER = {"proxy", "expect"}
"""`Proxy` becomes HTTP_PROXY in CGI-like endpoints; `Expect` was answered by our own server."""


def passed_on(environ: Mapping[str, Any], prefix: str, *, has_body: bool) -> dict[str, str]:
    """The headers that go to the endpoint, from a WSGI environment. `X-VH-Prefix` is always ours."""
    sent = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    dropped = HOP_BY_HOP | OURS | NEVER | _named(sent.get("connection", ""))
    headers = {name: value for name, value in sent.items() if name not in dropped}
    peer = environ.get("REMOTE_ADDR", "")
    before = sent.get("x-forwarded-for", "")
    headers["x-forwarded-for"] = f"{before}, {peer}" if before else peer
    headers["x-forwarded-proto"] = environ.get("wsgi.url_scheme", "http")
    headers["x-forwarded-host"] = sent.get("host", "")
    headers["x-vh-prefix"] = prefix
    headers["connection"] = "close"
    if has_body and environ.get("CONTENT_LENGTH"):
        headers["content-length"] = environ["CONTENT_LENGTH"]
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def answered(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of the endpoint's answer that go to the client. Repeated ones stay repeated."""
    given = list(headers)
    dropped = HOP_BY_HOP | _named(",".join(value for name, value in given if name.lower() == "connection"))
    return [(name, value) for name, value in given if name.lower() not in dropped]


def _named(connection: str) -> set[str]:
    return {name.strip().lower() for name in connection.split(",") if name.strip()}
