"""The S3 store against an S3 server on loopback (moto's: it checks no signatures, which is why forged ones are not
tested here, and it knows conditions on writes)."""

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import Refused, Stalled, Waiting
from schemas.values import Secret
from stores import s3
from stores.s3 import S3BucketStore, connect
from tests.drivers.store_contract import StoreContract
from tests.parts.s3_server import S3Server


def settings(server: S3Server, bucket: str) -> dict[str, object]:
    return {
        "bucket": bucket,
        "endpoint": server.address,
        "region": server.region,
        "access_key_id": server.access_key,
        "secret_access_key": Secret(server.secret_key),
        "allow_http": True,
    }


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3_server: S3Server) -> S3BucketStore:
        return connect("s3", settings(s3_server, s3_server.fresh()))

    def test_an_address_serves_somebody_without_our_key(self, store: S3BucketStore) -> None:
        key = "outputs/x/1/d/a%20b%2F%2E%2E/%0A"
        put = store.address("PUT", key, 60, shares_folder=True, absent=True)
        assert send(put.url, b"signed", put.headers) == 200
        assert send(put.url, b"again", put.headers) == 412
        assert store.get(key) == b"signed"
        with urllib.request.urlopen(store.address("GET", key, 60, shares_folder=True).url) as answer:
            assert answer.read() == b"signed"

    def test_an_address_lasts_a_week_at_most(self, store: S3BucketStore) -> None:
        assert "X-Amz-Expires=604800" in store.address("GET", "key", 1e12, shares_folder=False).url

    def test_takes_the_machines_key_when_the_settings_have_none(
        self, s3_server: S3Server, store: S3BucketStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-machines-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        store.put("key", b"x")
        mine = {
            name: value
            for name, value in settings(s3_server, store._errors.bucket).items()
            if "access_key" not in name
        }
        other = connect("s3", mine)
        assert other.get("key") == b"x"
        assert "the-machines-key" in other.address("GET", "key", 60, shares_folder=False).url

    def test_more_than_goes_at_once_is_still_not_replaced(self, store: S3BucketStore, tmp_path: Path) -> None:
        large = tmp_path / "large"
        with large.open("wb") as file:
            file.truncate(s3.AT_ONCE + 1)
        assert store.put("large", large, absent=True)
        assert (store.head("large") or pytest.fail("not there")).size == s3.AT_ONCE + 1
        assert not store.put("large", large, absent=True)

    def test_a_missing_bucket_is_said(self, s3_server: S3Server) -> None:
        store = connect("artifacts", settings(s3_server, "nobody-made-this"))
        for call in (lambda: store.put("k", b""), lambda: store.get("k"), lambda: list(store.list(""))):
            with pytest.raises(Stalled, match="no bucket nobody-made-this"):
                call()

    def test_the_bucket_may_be_in_the_hosts_name(self, s3_server: S3Server) -> None:
        host = {**settings(s3_server, "bucket"), "path_style": False, "endpoint": "https://s3.invalid"}
        url = connect("s3", host).address("GET", "a/b", 60, shares_folder=False).url
        assert url.startswith("https://bucket.s3.invalid/a/b?")


def send(url: str, data: bytes, headers: dict[str, str]) -> int:
    # Without a type, urllib says that it sends a form, and moto then reads it as one.
    kind = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=data, headers=headers | kind, method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that answers everything with one status, in S3's words."""

    status, code = 403, "AccessDenied"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  the names are http.server's

    def log_message(self, *words: object) -> None:
        """Quiet."""


@pytest.fixture
def refusing() -> Iterator[type[Refusing]]:
    """The handler of a server at `.address`; a test sets status and code."""

    class Mine(Refusing):
        address = ""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    Mine.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Mine
    server.shutdown()
    thread.join()
    server.server_close()


KEY = {
    "bucket": "bucket",
    "region": "eu-north-1",
    "access_key_id": "a",
    "secret_access_key": "b",
    "allow_http": True,
}


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (403, "AccessDenied", Stalled, "refuses our credentials"),
        (403, "SignatureDoesNotMatch", Stalled, "refuses our credentials"),
        (400, "ExpiredToken", Stalled, "refuses our credentials"),
        (401, "Unauthorized", Stalled, "refuses our credentials"),
        (400, "InvalidRequest", Stalled, "refuses"),
        (507, "XMinioStorageFull", Stalled, "Insufficient Storage"),
        (501, "NotImplemented", Waiting, "does not answer"),
    ],
)
def test_what_the_server_refuses_is_said(
    refusing: type[Refusing], status: int, code: str, error: type[Exception], words: str
) -> None:
    refusing.status, refusing.code = status, code
    store = connect("artifacts", {**KEY, "endpoint": refusing.address})  # type: ignore[attr-defined]
    with pytest.raises(error, match=words):
        store.put("key", b"x")
    with pytest.raises(error, match=words):
        store.get("key")
    with pytest.raises(error, match=words):
        list(store.list(""))


def test_a_server_that_is_not_there_is_waited_for() -> None:
    store = connect("artifacts", {**KEY, "endpoint": "http://127.0.0.1:9"})
    with pytest.raises(Waiting, match="the store artifacts does not answer") as caught:
        store.get("key")
    assert caught.value.after > 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bucket": ""}, "no bucket"),
        ({"secret_access_key": None}, "half a key"),
        ({"allow_http": False}, "not encrypted"),
    ],
)
def test_settings_that_cannot_work_are_said(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(Stalled, match=words):
        connect("artifacts", {**KEY, "endpoint": "http://127.0.0.1:9", **wrong})


def test_refusing_a_key_needs_no_server() -> None:
    with pytest.raises(Refused):
        connect("artifacts", {**KEY, "endpoint": "http://127.0.0.1:9"}).get("../x")
