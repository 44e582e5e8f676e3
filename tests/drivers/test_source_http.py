"""Web addresses as inputs, against a real server on loopback, and what an agent never asks for anybody."""

import socket
from collections.abc import Iterator

import pytest

from agent.sources import http
from agent.sources.port import Access, Source
from schemas.errors import Refused, Waiting
from tests.builders.web_files import WebFile, WebFiles
from tests.drivers.source_contract import SourceContract, read


class WebShop:
    def __init__(self, web: WebFiles, is_trusted: bool = True) -> None:
        self.web = web
        self.source: Source = http.connect(Access(is_trusted=is_trusted))

    def put(self, path: str, data: bytes) -> None:
        self.web.files[f"/{path}"] = WebFile(data, etag=f'"{hash(data)}"')

    def uri(self, path: str) -> str:
        return self.web.url(f"/{path}")


@pytest.fixture
def web() -> Iterator[WebFiles]:
    with WebFiles().serve() as web:
        yield web


class TestHttp(SourceContract):
    @pytest.fixture
    def shop(self, web: WebFiles) -> WebShop:
        return WebShop(web)

    def test_a_login_in_the_address_is_sent_and_never_shown(self, shop: WebShop) -> None:
        shop.web.files["/f"] = WebFile(b"mine", login="ann:se/cré t@")
        [found] = shop.source.find(shop.web.url("/f", login="ann:se%2Fcr%C3%A9%20t%40"))
        assert read(shop.source, found) == b"mine"
        assert found.shown == shop.web.url("/f")
        with pytest.raises(Refused, match="401") as caught:
            read(shop.source, shop.source.find(shop.web.url("/f", login="ann:wrong"))[0])
        assert "wrong" not in str(caught.value)

    def test_a_login_does_not_follow_to_another_host(self, shop: WebShop) -> None:
        with WebFiles({"/f": WebFile(b"theirs")}).serve() as other:
            shop.web.files["/f"] = WebFile(location=other.url("/f"))
            [found] = shop.source.find(shop.web.url("/f", login="ann:secret"))
            assert read(shop.source, found) == b"theirs"
            assert set(other.logins) == {""}
        assert all(login for login in shop.web.logins)

    def test_a_server_that_knows_only_get(self, shop: WebShop) -> None:
        shop.web.files["/f"] = WebFile(b"here", etag='"1"', knows_head=False)
        [found] = shop.source.find(shop.uri("f"))
        assert (found.size, found.version) == (None, "")
        with shop.source.open(found) as opened:
            assert (opened.size, opened.version, b"".join(opened.pieces)) == (4, '"1"', b"here")

    @pytest.mark.parametrize("etag", ["", 'W/"weak"', '""', "bare"])
    def test_only_a_strong_tag_is_a_version(self, shop: WebShop, etag: str) -> None:
        shop.web.files["/f"] = WebFile(b"here", etag=etag)
        assert shop.source.find(shop.uri("f"))[0].version == ""

    def test_a_body_that_is_cut_short_is_no_file(self, shop: WebShop) -> None:
        shop.web.files["/f"] = WebFile(b"x" * 5000, cut=100)
        with pytest.raises(Waiting, match="cannot be read"):
            read(shop.source, shop.source.find(shop.uri("f"))[0])

    def test_a_circle_is_refused(self, shop: WebShop) -> None:
        shop.web.files["/f"] = WebFile(location="/f")
        with pytest.raises(Refused, match="redirected without end"):
            read(shop.source, shop.source.find(shop.uri("f"))[0])

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://"])
    def test_no_redirect_leads_out_of_the_web(self, shop: WebShop, location: str) -> None:
        shop.web.files["/f"] = WebFile(location=location)
        with pytest.raises((Refused, Waiting)):
            read(shop.source, shop.source.find(shop.uri("f"))[0])

    def test_a_busy_server_is_waited_for(self, shop: WebShop) -> None:
        shop.web.files["/f"] = WebFile(status=503)
        with pytest.raises(Waiting, match="503"):
            read(shop.source, shop.source.find(shop.uri("f"))[0])

    def test_the_name_is_the_hosts_where_the_path_has_none(self, shop: WebShop) -> None:
        assert shop.source.find(f"{shop.web.address}/?q=/x/y")[0].path == "127.0.0.1"

    @pytest.mark.parametrize(
        "uri", ["http://[", "http://h:99999999/", "http:///x", "https://h:x/", "http://h/%ff"]
    )
    def test_what_is_no_address_is_refused(self, shop: WebShop, uri: str) -> None:
        with pytest.raises(Refused, match="is not an address"):
            shop.source.find(uri)

    def test_the_query_is_not_told(self, shop: WebShop) -> None:
        shop.web.files["/f"] = WebFile(status=500)
        [found] = shop.source.find(shop.uri("f") + "?signature=hush")
        with pytest.raises(Waiting) as caught:
            read(shop.source, found)
        assert "hush" not in str(caught.value)


class TestWhomNobodyReaches:
    def test_untrusted_runs_do_not_reach_the_agents_own_machine(self, web: WebFiles) -> None:
        shop = WebShop(web, is_trusted=False)
        shop.put("f", b"secret")
        for host in ("127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"):
            uri = shop.uri("f").replace("127.0.0.1", host)
            with pytest.raises(Refused, match="agent's own machine"):
                read(shop.source, shop.source.find(uri)[0])
        assert web.asked == []

    @pytest.mark.parametrize(
        "peer", ["169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254"]
    )
    def test_nobody_reaches_the_metadata_service(self, peer: str) -> None:
        class Peer(socket.socket):
            def getpeername(self) -> tuple[str, int]:
                return (peer, 80)

        with Peer() as opened, pytest.raises(Refused, match="own rights"):
            http._checked(opened, True)

    def test_others_are_reached(self) -> None:
        class Peer(socket.socket):
            def getpeername(self) -> tuple[str, int]:
                return ("93.184.216.34", 80)

        with Peer() as opened:
            assert http._checked(opened, False) is opened
