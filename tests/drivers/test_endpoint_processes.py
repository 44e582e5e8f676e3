"""Endpoints that are plain processes: where they listen, what is said of those that do not heed it, and how they end."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller.inference import clusters, proc
from controller.inference.port import Cluster
from tests.builders import endpoints
from tests.drivers.cluster_contract import Make, gone, only, settle
from tests.drivers.test_cluster_local import QUICK, make_with, upstreams

ON_ALL = "LUOTSI_HOST=0.0.0.0 exec python3 serve.py"


@pytest.fixture
def shelf() -> endpoints.Shelf:
    return endpoints.Shelf()


@pytest.fixture
def make(shelf: endpoints.Shelf, tmp_path: Path) -> Make:
    return make_with(shelf, tmp_path, None)


@pytest.fixture
def cluster(tmp_path: Path, shelf: endpoints.Shelf) -> Iterator[Cluster]:
    settings = {"folder": tmp_path / "cluster", "gateway": "http://127.0.0.1:8090", **QUICK}
    cluster = clusters.load("local", "local", settings, shelf.stream)
    yield cluster
    for observed in cluster.observe():
        gone(cluster, observed.name)


def test_an_endpoint_listens_on_loopback_alone(cluster: Cluster, make: Make, tmp_path: Path) -> None:
    reason = settle(cluster, make())[-1].reason
    [upstream] = upstreams(tmp_path)
    assert proc.listening(upstream.port) == ("127.0.0.1",)
    assert "LUOTSI_HOST" not in reason + only(cluster).detail


def test_one_that_others_reach_past_the_gateway_is_named(cluster: Cluster, make: Make) -> None:
    said = "It listens on 0.0.0.0, where others reach it past the gateway"
    assert said in settle(cluster, make(command=ON_ALL))[-1].reason
    assert said in only(cluster).detail


SLOW_TO_LEAVE = """
python3 - <<'END'
import os, runpy, signal, threading
def leave(*_):
    threading.Event().wait(0.5)
    open("@LEFT@", "w").close()
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
runpy.run_path("serve.py")
END
echo "the server has ended"
"""


def test_a_shell_that_waits_for_the_server_gives_it_the_time_to_leave(
    cluster: Cluster, make: Make, tmp_path: Path
) -> None:
    settle(cluster, make(command=SLOW_TO_LEAVE.replace("@LEFT@", str(tmp_path / "left"))))
    gone(cluster, only(cluster).name)
    assert (tmp_path / "left").exists()


@pytest.mark.parametrize(
    ("family", "address", "exposed"),
    [
        (socket.AF_INET, "127.0.0.2", False),
        (socket.AF_INET, "0.0.0.0", True),
        (socket.AF_INET6, "::1", False),
        (socket.AF_INET6, "::ffff:127.0.0.1", False),
        (socket.AF_INET6, "::", True),
    ],
)
def test_addresses_are_read_as_the_kernel_holds_them(family: int, address: str, *, exposed: bool) -> None:
    if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("this kernel has no IPv6")
    with closing(socket.socket(family)) as listener:
        if address == "::ffff:127.0.0.1":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, 0))
        port = listener.getsockname()[1]
        assert proc.listening(port) == ()
        listener.listen()
        assert proc.listening(port) == (address,)
        assert proc.exposed(port) == ((address,) if exposed else ())
