"""Signed objects of a folder store, served over HTTP: the exact object, or nothing."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from werkzeug.test import TestResponse

from schemas.codec import from_json
from schemas.messages.claim import Fault
from stores import keys
from tests.flow.web_side import WebSide

KEY = keys.output("execution", 1, "datum", "sub/../a b.json")
DATA = bytes(range(256)) * 40


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    made.stores["artifacts"].put(KEY, DATA)
    yield made
    made.close()


def address(
    web: WebSide, method: str = "GET", key: str = KEY, absent: bool = False, store: str = "artifacts"
) -> str:
    made = web.stores[store].address("PUT" if method == "PUT" else "GET", key, 60, False, absent)
    return made.url


def fetch(web: WebSide, url: str, headers: dict[str, str] | None = None) -> TestResponse:
    return web.client().get(url, headers=headers or {}, buffered=True)


def test_an_object_is_read_whole_or_in_ranges(web: WebSide) -> None:
    whole = fetch(web, address(web))
    assert (whole.status_code, whole.data, whole.content_length) == (200, DATA, len(DATA))
    part = fetch(web, address(web), {"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, DATA[100:200])
    rest = fetch(web, address(web), {"Range": f"bytes={len(DATA) - 5}-"})
    assert rest.data == DATA[-5:]
    assert fetch(web, address(web), {"Range": "bytes=99999999-"}).status_code == 416
    head = web.client().head(address(web), buffered=True)
    assert (head.status_code, head.content_length, head.data) == (200, len(DATA), b"")


def test_no_browser_takes_an_output_for_a_page_of_ours(web: WebSide) -> None:
    web.stores["artifacts"].put("outputs/e/1/d/page.html", b"<script>alert(1)</script>")
    answer = fetch(web, address(web, key="outputs/e/1/d/page.html"))
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_an_object_is_written_and_replaced(web: WebSide) -> None:
    for data in (b"new", b"", DATA * 100):
        # The test client leaves the length of an empty body out.
        said = {"CONTENT_LENGTH": str(len(data))}
        assert web.client().put(address(web, "PUT"), data=data, environ_overrides=said).status_code == 200
        assert web.stores["artifacts"].get(KEY) == data


def test_put_absent_writes_once(web: WebSide) -> None:
    assert (
        web.client().put(address(web, "PUT", "results/e/1.json", absent=True), data=b"1").status_code == 200
    )
    assert (
        web.client().put(address(web, "PUT", "results/e/1.json", absent=True), data=b"2").status_code == 412
    )
    plain = address(web, "PUT", "results/e/1.json")
    assert web.client().put(plain, data=b"2", headers={"If-None-Match": "*"}).status_code == 412
    assert web.stores["artifacts"].get("results/e/1.json") == b"1"
    dropped = address(web, "PUT", "results/e/1.json", absent=True).replace("&absent=1", "")
    assert web.client().put(dropped, data=b"2").status_code == 403


def test_what_is_absent_is_404(web: WebSide) -> None:
    assert fetch(web, address(web, key="nothing")).status_code == 404


def test_an_address_ends(web: WebSide) -> None:
    url = address(web)
    web.later(59)
    assert fetch(web, url).status_code == 200
    web.later(2)
    answer = fetch(web, url)
    assert answer.status_code == 403
    assert "has ended" in from_json(Fault, answer.json).error


def test_an_address_is_good_for_nothing_else(web: WebSide) -> None:
    web.stores["system"].put(KEY, b"of another store")
    web.stores["artifacts"].put("other", b"another object")
    get, put = address(web), address(web, "PUT")
    parts = urlsplit(get)
    forged = {
        "no signature": get.partition("&signature")[0],
        "another store": get.replace("/artifacts/", "/system/"),
        "another object": urlunsplit(parts._replace(path="/objects/artifacts/other")),
        "later": get.replace("expires=18", "expires=19"),
        "for writing, to read": put,
        "a flipped digit": get[:-1] + ("0" if get[-1] != "0" else "1"),
        "twice": f"{get}&signature=0&expires=0",
    }
    for which, url in forged.items():
        answer = fetch(web, url)
        assert answer.status_code == (200 if which == "twice" else 403), which
    assert web.client().put(get, data=b"x").status_code == 403
    assert web.client().put(get.replace("method=GET", "method=PUT"), data=b"x").status_code == 403
    assert web.client().get("/objects/artifacts/other").status_code == 403
    assert web.stores["artifacts"].get(KEY) == DATA


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../../ledger.sqlite",
        "%2e%2e/%2e%2e/ledger.sqlite",
        "%252e%252e/x",
        "%25252e%25252e/x",
        "..%2f..%2fledger.sqlite",
        "..%5c..%5cx",
        "outputs//x",
        "outputs/./x",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "x%00",
        "x%0a",
        "x;y",
        "%ff",
        "%2Bparts/x",
        "+parts/x",
    ],
)
def test_no_spelling_of_a_path_leads_elsewhere(web: WebSide, path: str) -> None:
    """Threat 25: with a good signature of another object, and with none."""
    query = urlsplit(address(web)).query
    for end in (f"?{query}", ""):
        for method in ("get", "put"):
            answer = getattr(web.client(), method)(f"/objects/artifacts/{path}{end}", data=b"x")
            assert answer.status_code in {308, 403, 404, 405}, path
            assert b"SQLite" not in answer.data
    before = {path.name for path in web.folder.iterdir()}
    assert all(name.startswith(("ledger", "store")) for name in before)


def test_a_key_is_decoded_once(web: WebSide) -> None:
    """The name `%2E%2E` of an object is not `..`, and `%252E` is another object than `%2E`."""
    for key in ("outputs/%2E%2E", "outputs/%252E%252E", "outputs/%25252E"):
        web.stores["artifacts"].put(key, key.encode())
    for key in ("outputs/%2E%2E", "outputs/%252E%252E", "outputs/%25252E"):
        assert fetch(web, address(web, key=key)).data == key.encode()


def test_a_body_without_a_length_is_411(web: WebSide) -> None:
    url = address(web, "PUT", "new")
    answer = web.client().put(
        url, environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    )
    assert answer.status_code == 411
    assert web.stores["artifacts"].head("new") is None


def test_a_body_that_is_cut_short_stores_nothing(web: WebSide) -> None:
    class Short:
        left = 10

        def read(self, size: int = -1) -> bytes:
            self.left, given = 0, self.left
            return b"x" * given

    for key in ("new", KEY):
        answer = web.client().put(
            address(web, "PUT", key), environ_overrides={"wsgi.input": Short(), "CONTENT_LENGTH": "100"}
        )
        assert answer.status_code == 400
    assert web.stores["artifacts"].head("new") is None
    assert web.stores["artifacts"].get(KEY) == DATA
