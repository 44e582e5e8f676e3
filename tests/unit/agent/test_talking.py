"""What an agent says over HTTP, and what it makes of every answer."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from agent.claim import Api
from agent.transfer import Transfer, write
from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting
from schemas.messages.claim import Address, ClaimRequest, RenewRequest
from schemas.values import Secret
from tests.builders import agent_jobs
from tests.builders.agent_web import TOKEN, AgentWeb, fails
from tests.parts.process import free_port

ATTEMPT = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager() as made:
        yield made


@pytest.fixture
def api(web: AgentWeb, pool: urllib3.PoolManager) -> Api:
    return Api(web.address, Secret(TOKEN), pool)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused), (401, Stalled), (403, Refused), (404, Gone), (409, Gone), (413, Refused), (429, Waiting),
        (500, Waiting), (502, Waiting), (503, Waiting), (301, Refused),
    ],
)  # fmt: skip
def test_every_answer_says_what_to_do_next(
    web: AgentWeb, api: Api, status: int, error: type[LuotsiError]
) -> None:
    web.troubles.append(fails(1, "/agent", status, b'{"error": "the words", "hint": "the hint"}'))
    with pytest.raises(error, match="the words"):
        api.renew(RenewRequest((), 1, 1))


def test_an_answer_that_is_none_of_ours_is_still_a_sentence(web: AgentWeb, api: Api) -> None:
    web.troubles.append(fails(1, "/agent", 502, b"<html>Bad gateway</html>"))
    with pytest.raises(Waiting, match="answered 502"):
        api.renew(RenewRequest((), 1, 1))
    web.troubles.append(fails(1, "/agent", 200, b"not json"))
    with pytest.raises(Refused, match="RenewAnswer"):
        api.renew(RenewRequest((), 1, 1))


def test_a_web_side_that_is_away(pool: urllib3.PoolManager) -> None:
    with pytest.raises(Waiting, match="cannot be reached"):
        Api(f"http://127.0.0.1:{free_port()}", Secret(TOKEN), pool).renew(RenewRequest((), 1, 1))


def test_the_token_is_in_a_header_and_nowhere_else(
    web: AgentWeb, api: Api, pool: urllib3.PoolManager
) -> None:
    job, data = agent_jobs.job("true")
    web.add(job, data)
    assert api.claim(job.attempt, ClaimRequest(1)).attempt == job.attempt
    assert not any(TOKEN in call for call in web.calls)
    with pytest.raises(Stalled, match="not known"):
        Api(web.address, Secret("another"), pool).claim(job.attempt, ClaimRequest(1))


class TestTransfer:
    @pytest.fixture
    def transfer(self, pool: urllib3.PoolManager) -> Transfer:
        return Transfer(pool)

    def put(self, web: AgentWeb, absent: bool = False) -> Address:
        headers = {"If-None-Match": "*"} if absent else {}
        return Address("PUT", "a/b", f"{web.address}/objects/system/a/b?signature=secret", headers=headers)

    def send(self, transfer: Transfer, address: Address, data: bytes) -> bool:
        return transfer.send(address, io.BytesIO(data), len(data))[0]

    @pytest.mark.parametrize("data", [b"", b"small", b"x" * 5_000_000])
    def test_bytes_go_and_come_with_their_digests(
        self, web: AgentWeb, transfer: Transfer, tmp_path: Path, data: bytes
    ) -> None:
        _, sent = transfer.send(self.put(web), io.BytesIO(data), len(data))
        got = write(
            transfer.stream(Address("GET", "a/b", f"{web.address}/objects/system/a/b")), tmp_path / "file"
        )
        assert sent == got
        assert got.size == len(data)
        assert (tmp_path / "file").read_bytes() == data

    def test_what_is_there_is_not_written_again(self, web: AgentWeb, transfer: Transfer) -> None:
        assert self.send(transfer, self.put(web, absent=True), b"first") is True
        assert self.send(transfer, self.put(web, absent=True), b"second") is False
        assert web.objects["system", "a/b"] == b"first"

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (403, Stalled),
            (404, Gone),
            (409, Refused),
            (413, Refused),
            (429, Waiting),
            (500, Waiting),
            (507, Stalled),
        ],
    )
    def test_every_answer_says_what_to_do_next(
        self, web: AgentWeb, transfer: Transfer, status: int, error: type[LuotsiError]
    ) -> None:
        web.troubles.append(
            fails(1, "/objects", status, b"<Error><Message>the store's words</Message></Error>")
        )
        with pytest.raises(error, match="the store's words") as caught:
            self.send(transfer, self.put(web), b"data")
        assert "signature" not in str(caught.value)

    def test_files_of_a_shared_folder(self, transfer: Transfer, tmp_path: Path) -> None:
        there = Address(
            "PUT", "k", (tmp_path / "store" / "with space").as_uri(), headers={"If-None-Match": "*"}
        )
        assert self.send(transfer, there, b"first") is True
        assert self.send(transfer, there, b"second") is False
        got = write(transfer.stream(Address("GET", "k", there.url)), tmp_path / "file")
        assert (got.size, (tmp_path / "file").read_bytes()) == (5, b"first")
        with pytest.raises(Gone):
            write(transfer.stream(Address("GET", "k", (tmp_path / "nothing").as_uri())), tmp_path / "other")

    def test_a_disk_that_is_full_says_so(self, web: AgentWeb, transfer: Transfer) -> None:
        web.objects["system", "a/b"] = b"x" * 100
        with pytest.raises(Stalled, match="No space left"):
            write(
                transfer.stream(Address("GET", "a/b", f"{web.address}/objects/system/a/b")), Path("/dev/full")
            )
