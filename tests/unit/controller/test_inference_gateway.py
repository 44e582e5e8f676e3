"""The gateway's own limits, called as a WSGI app: bodies that are too large, endpoints that stay silent."""

import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.inference import routes
from controller.inference.gateway import Gateway, Limits
from controller.inference.headers import answered, passed_on
from controller.inference.routes import Route, Upstream
from schemas.errors import Refused, Stalled

LIMITS = Limits(connect=1, read=0.2, body=10)
ROUTE = Route("n", "/r/m/s/e", "m", "s", "v1.0.0", f"sha256:{'a' * 64}", (), since=1.0, changed=1.0)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def gateway(tmp_path: Path, silent: int) -> Gateway:
    file = tmp_path / "routes.json"
    upstream = Upstream("i", "127.0.0.1", silent)
    routes.write(file, [Route("n", "/r/m/s/e", "m", "s", "v1.0.0", ROUTE.digest, (upstream,), 1.0, 1.0)])
    return Gateway(file, LIMITS)


def ask(gateway: Gateway, body: bytes, **more: str) -> tuple[str, dict[str, Any]]:
    said: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/r/m/s/e", "wsgi.input": io.BytesIO(body), **more}
    content = b"".join(gateway(environ, lambda status, headers: said.append(status)))
    return said[0], json.loads(content)


def test_a_body_over_the_limit_is_refused_before_it_is_read(gateway: Gateway) -> None:
    status, body = ask(gateway, b"x" * 11, CONTENT_LENGTH="11")
    assert status.startswith("413")
    assert "at most 10 bytes" in body["error"]


def test_a_body_without_a_length_is_refused_where_it_passes_the_limit(gateway: Gateway) -> None:
    status, _ = ask(gateway, b"x" * 11, HTTP_TRANSFER_ENCODING="chunked")
    assert status.startswith("413")


@pytest.mark.parametrize("length", ["-1", "1x", "+5"])
def test_a_length_that_is_no_number_is_refused(gateway: Gateway, length: str) -> None:
    assert ask(gateway, b"x", CONTENT_LENGTH=length)[0].startswith("413")


@pytest.mark.parametrize("framing", [{"CONTENT_LENGTH": "10"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_an_endpoint_that_stays_silent_is_a_timeout(gateway: Gateway, framing: dict[str, str]) -> None:
    status, body = ask(gateway, b"x" * 10, **framing)
    assert status.startswith("504")
    assert "in time" in body["error"]


def test_a_path_that_is_no_utf8_leads_nowhere(gateway: Gateway) -> None:
    assert ask(gateway, b"", PATH_INFO="/r/m/s/e/\xff")[0].startswith("404")


def test_hop_by_hop_headers_stop_here_in_both_directions() -> None:
    environ = {
        "HTTP_CONNECTION": "Keep-Alive, X-Hop",
        "HTTP_X_HOP": "1",
        "HTTP_UPGRADE": "h2c",
        "HTTP_X_STAYS": "2",
    }
    sent = passed_on(environ, "/p", has_body=False)
    assert sent["x-stays"] == "2"
    assert sent["connection"] == "close"
    assert not {"x-hop", "upgrade", "keep-alive"} & set(sent)
    given = [
        ("Connection", "x-hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "1"),
        ("Set-Cookie", "a"),
        ("Set-Cookie", "b"),
    ]
    assert answered(given) == [("Set-Cookie", "a"), ("Set-Cookie", "b")]


def test_routes_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "routes.json"
    assert routes.read(file) == routes.Routes()
    routes.write(file, [ROUTE])
    assert routes.read(file).routes == (ROUTE,)
    assert [path.name for path in file.parent.iterdir()] == ["routes.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "routes": [{}]}', '{"other": 1}'])
def test_anything_else_is_no_routes_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "routes.json"
    file.write_text(text)
    with pytest.raises(Refused, match=r"routes\.json"):
        routes.read(file)


def test_routes_that_cannot_be_written_are_a_persons_business(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Stalled, match="routes"):
        routes.write(tmp_path / "file" / "routes.json", [ROUTE])
