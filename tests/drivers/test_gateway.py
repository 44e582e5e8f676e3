"""The gateway in its own process, before real endpoints: what it passes on, what it says itself, and a takeover under load."""

import http.client
import itertools
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controller.inference import clusters, routes
from controller.inference.port import ServingState
from controller.inference.routes import Route, Upstream
from tests.builders import endpoints
from tests.builders.gateways import Answer, RunningGateway, running
from tests.drivers.cluster_contract import gone, settle
from tests.drivers.test_cluster_local import QUICK, make_with
from tests.parts.docker_engine import DockerEngine
from tests.parts.process import PATIENCE

DIGEST = f"sha256:{'a' * 64}"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; `X-Do` asks for more."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = b""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        do = self.headers.get("X-Do", "")
        if do == "break":
            self.close_connection = True
            return
        if do == "stream":
            self.stream()
            return
        said = {
            "method": self.command,
            "path": self.path,
            "length": len(body),
            "headers": dict(self.headers.items()),
        }
        content = b"" if self.command == "HEAD" else json.dumps(said).encode()
        self.send_response(int(self.headers.get("X-Status", "200")))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Connection", "X-Inner")
        self.send_header("X-Inner", "mine")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = handle_any  # noqa: N815 - http.server's names

    def stream(self) -> None:
        """Two pieces; the second only after the client has seen the first."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.server.seen.wait(PATIENCE)  # type: ignore[attr-defined]
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass


@contextmanager
def echo() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def route(*ports: int, prefix: str = endpoints.PREFIX, name: str = "shop/churn/prod") -> Route:
    upstreams = tuple(Upstream(f"i{port}", "127.0.0.1", port) for port in ports)
    return Route(name, prefix, "churn", "prod", "v1.0.0", DIGEST, upstreams, since=1.0, changed=1.0)


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    with echo() as server:
        yield server


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway") / "routes.json"


@pytest.fixture(scope="module")
def gateway(file: Path) -> Iterator[RunningGateway]:
    with running(file, file.parent, "HTTP_X_LEAK=secret", "HTTP_PROXY=http://proxy.example") as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def routed(file: Path, server: ThreadingHTTPServer) -> int:
    port: int = server.server_address[1]
    routes.write(file, [route(port)])
    return port


def test_passes_path_query_and_body_on(gateway: RunningGateway) -> None:
    answer = gateway.ask("POST", f"{endpoints.PREFIX}/a%20b//c/../d%C3%A4?x=1&y=%2F", b"z" * 200_000)
    said = answer.json()
    assert said["path"] == f"{endpoints.PREFIX}/a%20b//c/../d%C3%A4?x=1&y=%2F"
    assert (said["method"], said["length"]) == ("POST", 200_000)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_passes_every_method_on(gateway: RunningGateway, method: str) -> None:
    answer = gateway.ask(method, endpoints.PREFIX)
    assert answer.status == 200
    assert method == "HEAD" or answer.json()["method"] == method


def test_a_body_without_a_length_is_passed_on(gateway: RunningGateway) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    connection.request("POST", endpoints.PREFIX, body=iter([b"x" * 70_000, b"y"]), encode_chunked=True)
    assert json.loads(connection.getresponse().read())["length"] == 70_001
    connection.close()


def test_headers_are_ours_theirs_and_nobody_elses(gateway: RunningGateway) -> None:
    asked = {
        "X-VH-Prefix": "/forged",
        "Connection": "X-Hop",
        "X-Hop": "1",
        "Proxy": "http://evil.example",
        "X-Mine": "kept",
        "X-Forwarded-For": "192.0.2.1",
        "Content-Type": "text/plain",
        "Host": "models.example",
    }
    answer = gateway.ask("POST", endpoints.PREFIX, b"1", asked)
    sent = {name.lower(): value for name, value in answer.json()["headers"].items()}  # type: ignore[attr-defined]
    assert sent["x-vh-prefix"] == endpoints.PREFIX
    assert (sent["x-mine"], sent["content-type"], sent["host"]) == ("kept", "text/plain", "models.example")
    assert sent["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert not {"x-hop", "proxy", "x-leak", "user-agent"} & set(sent)
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert answer.header("x-inner") == ""


def test_an_answer_streams_as_it_comes(gateway: RunningGateway, server: ThreadingHTTPServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
    connection.request("GET", endpoints.PREFIX, headers={"X-Do": "stream"})
    answer = connection.getresponse()
    assert answer.read(5) == b"first"
    server.seen.set()  # type: ignore[attr-defined]
    assert answer.read() == b"second"
    connection.close()


def test_status_codes_are_the_endpoints(gateway: RunningGateway) -> None:
    for status in (404, 302, 500):
        assert gateway.ask("POST", endpoints.PREFIX, b"1", {"X-Status": str(status)}).status == status


@pytest.mark.parametrize("path", ["/shop", "/shop/churn/prod/predictor", "/shop/churn/prod", "/%ff", "//"])
def test_other_paths_lead_nowhere(gateway: RunningGateway, path: str) -> None:
    answer = gateway.ask("POST", path, b"1")
    assert answer.status == 404
    assert answer.json() == {
        "error": "No model is served under this path.",
        "hint": "GET / lists what is served.",
    }


def test_the_longest_prefix_wins(gateway: RunningGateway, file: Path, routed: int) -> None:
    inner = route(routed, prefix=f"{endpoints.PREFIX}/inner", name="shop/inner/prod")
    routes.write(file, [route(routed), inner])
    sent = gateway.ask("POST", f"{endpoints.PREFIX}/inner/x", b"1").json()["headers"]
    assert sent["x-vh-prefix"] == f"{endpoints.PREFIX}/inner"  # type: ignore[index]


def test_an_alias_leads_to_the_same_and_is_what_the_endpoint_hears(
    gateway: RunningGateway, file: Path, routed: int
) -> None:
    one = replace(route(routed), aliases=("/shop/churn/live/predict",))
    routes.write(file, [one])
    for prefix in one.prefixes:
        sent = gateway.ask("POST", f"{prefix}/x", b"1").json()["headers"]
        assert sent["x-vh-prefix"] == prefix  # type: ignore[index]


def test_while_an_alias_moves_the_later_one_has_it(gateway: RunningGateway, file: Path, routed: int) -> None:
    alias = "/shop/churn/live/predict"
    old = replace(
        route(free_port(), name="shop/churn/a", prefix="/shop/churn/a/predict"), aliases=(alias,), since=1.0
    )
    new = replace(
        route(routed, name="shop/churn/b", prefix="/shop/churn/b/predict"), aliases=(alias,), since=2.0
    )
    routes.write(file, [old, new])
    assert gateway.ask("POST", alias, b"1").status == 200


def test_the_top_lists_what_is_served(gateway: RunningGateway) -> None:
    listed = gateway.ask("GET", "/").json()["routes"]
    assert isinstance(listed, list)
    [said] = listed
    assert said["prefix"] == endpoints.PREFIX
    assert (said["model"], said["stage"], said["version"], said["digest"]) == (
        "churn",
        "prod",
        "v1.0.0",
        DIGEST,
    )
    assert (said["replicas"], "upstreams" in said) == (1, False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_replica_that_refuses_is_passed_over(gateway: RunningGateway, file: Path, routed: int) -> None:
    routes.write(file, [route(free_port(), routed, free_port())])
    assert {gateway.ask("POST", endpoints.PREFIX, b"12345").json()["length"] for _ in range(9)} == {5}


def test_no_replica_is_unavailable_and_says_when_to_ask_again(gateway: RunningGateway, file: Path) -> None:
    for nobody in (route(free_port()), route()):
        routes.write(file, [nobody])
        answer = gateway.ask("POST", endpoints.PREFIX, b"1")
        assert (answer.status, answer.header("retry-after")) == (503, "2")
        assert "churn v1.0.0 at prod" in str(answer.json()["error"])


def test_an_endpoint_that_breaks_off_is_a_bad_gateway(gateway: RunningGateway) -> None:
    answer = gateway.ask("POST", endpoints.PREFIX, b"1", {"X-Do": "break"})
    assert answer.status == 502
    assert "broke off" in str(answer.json()["error"])


def test_a_broken_routes_file_leaves_what_was_served(gateway: RunningGateway, file: Path) -> None:
    assert gateway.ask("POST", endpoints.PREFIX, b"1").status == 200
    file.write_text('{"version": 1, "routes": [{"pre')
    assert gateway.ask("POST", endpoints.PREFIX, b"1").status == 200


def load(gateway: RunningGateway, stop: threading.Event, answers: list[Answer]) -> None:
    for number in itertools.count():
        if stop.is_set():
            return
        answers.append(gateway.ask("POST", endpoints.PREFIX, json.dumps({"n": number}).encode()))


@contextmanager
def loaded(gateway: RunningGateway, threads: int = 3) -> Iterator[list[Answer]]:
    """Requests from several clients without a pause, while the block runs; gives what was answered so far."""
    stop, answers = threading.Event(), list[Answer]()
    clients = [threading.Thread(target=load, args=(gateway, stop, answers)) for _ in range(threads)]
    for client in clients:
        client.start()
    try:
        yield answers
    finally:
        stop.set()
        for client in clients:
            client.join()


def models(answers: list[Answer]) -> list[object]:
    return [answer.json()["model"] for answer in answers if answer.status == 200]


def more(answers: list[Answer], count: int = 20) -> None:
    """Return when that many further requests were answered."""
    pause, wanted = threading.Event(), len(answers) + count
    while len(answers) < wanted:
        pause.wait(0.02)


def take_over(folder: Path, engine: DockerEngine | None) -> None:
    """Three versions and back, with requests all the while: every one is answered, by a version that was wanted."""
    shelf = endpoints.Shelf()
    settings = {"folder": folder / "cluster", "engine": engine.address if engine else None, **QUICK}
    cluster = clusters.load("local", "local", settings, shelf.stream)
    make = make_with(shelf, folder, engine)
    versions = [make(model=name, version=f"v{name}.0.0", replicas=2) for name in ("1", "2", "3")]
    settle(cluster, versions[0])
    try:
        with running(folder / "cluster" / "routes.json", folder) as gateway:
            with loaded(gateway) as answers:
                for wanted in (*versions[1:], versions[0]):
                    more(answers)
                    assert settle(cluster, wanted)[-1].state is ServingState.SERVING
                more(answers)
            assert Counter(answer.status for answer in answers) == {200: len(answers)}
            assert set(models(answers)) == {"1", "2", "3"}
            assert {answer.json()["prefix"] for answer in answers} == {endpoints.PREFIX}
            assert models(answers)[-1] == "1"
            gone(cluster, versions[0].name)
            assert gateway.ask("POST", endpoints.PREFIX, b"1").status == 404
    finally:
        gone(cluster, versions[0].name)


def test_a_takeover_under_load_loses_no_request(tmp_path: Path) -> None:
    take_over(tmp_path, None)


def test_a_takeover_of_containers_under_load_loses_no_request(
    tmp_path: Path, docker_engine: DockerEngine
) -> None:
    take_over(tmp_path, docker_engine)


def test_a_version_that_fails_under_load_is_not_noticed(tmp_path: Path) -> None:
    shelf = endpoints.Shelf()
    cluster = clusters.load("local", "local", {"folder": tmp_path / "cluster", **QUICK}, shelf.stream)
    make = make_with(shelf, tmp_path, None)
    good, bad = make(model="good"), make(model="bad", version="v2.0.0", command="python3 serve.py 500")
    settle(cluster, good)
    try:
        with running(tmp_path / "cluster" / "routes.json", tmp_path) as gateway:
            with loaded(gateway) as answers:
                assert settle(cluster, bad)[-1].state is ServingState.FAILED
                more(answers)
            assert {answer.status for answer in answers} == {200}
            assert set(models(answers)) == {"good"}
    finally:
        gone(cluster, good.name)
