"""What running code asks of its agent: by Valohai's own library, by plain HTTP, and by those who have no right to."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from agent.core import config_files
from agent.jobs_api import Calls, JobsApi
from agent.jobs_api.server import MAX_BODY
from agent.on_demand import Entry
from agent.runtimes import load
from schemas import status_detail
from schemas.errors import Gone, Refused, Waiting
from schemas.messages.claim import StatusDetail
from schemas.messages.job import Input
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb
from tests.parts.process import PATIENCE, until

PYTHON = sys.executable


@pytest.fixture
def processes(house: AgentHouse) -> Iterator[AgentHouse]:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        yield house


def script(text: str) -> dict[str, Any]:
    return {"files": {"job.py": text}}


RUN = f"{PYTHON} job.py"
CALLS = """
import json, os, sys, urllib.error, urllib.request
calls = json.load(open(os.environ["VH_CONFIG_DIR"] + "/api.json"))
def call(name, query="", data=None, **headers):
    told = calls[name]
    request = urllib.request.Request(told["url"] + query, data, {**told["headers"], **headers}, method=told["method"])
    return urllib.request.urlopen(request)
"""


class TestStatusDetail:
    def test_valohais_own_library_says_it(self, processes: AgentHouse) -> None:
        held = processes.send(
            RUN,
            **script(
                "import valohai; valohai.set_status_detail('epoch 1'); valohai.set_status_detail('epoch 2')"
            ),
        )
        result = processes.result(held)
        assert result.outcome == "complete", processes.printed(result, "stderr")
        assert held.details[-1] == "epoch 2"
        assert processes.printed(result, "stderr") == []

    def test_it_is_one_clean_line_without_secrets(self, processes: AgentHouse, web: AgentWeb) -> None:
        web.secrets = {"TOKEN": "very-secret-word"}
        text = "a\\n b \\x00 very-secret-word " + "x" * 2000
        held = processes.send(
            RUN,
            **script(
                f"import valohai; valohai.set_status_detail({text!r}.encode().decode('unicode_escape'))"
            ),
        )
        processes.result(held)
        assert held.details[-1].startswith("a b *** xxx")
        assert len(held.details[-1]) == status_detail.LONGEST

    def test_a_web_side_that_is_away_hears_it_later_and_only_the_last(
        self, processes: AgentHouse, web: AgentWeb
    ) -> None:
        left = iter(range(3))

        def away(method: str, path: str) -> tuple[int, bytes] | None:
            return (503, b"") if path.endswith("/detail") and next(left, None) is not None else None

        web.troubles.append(away)
        waits = (
            CALLS
            + "import time\nfor n in range(20): call('set_status_detail', data=json.dumps({'status_detail': f'{n}'}).encode())\ntime.sleep(600)"
        )
        held = processes.send(RUN, **script(waits))
        until(lambda: held.details[-1:] == ["19"])
        assert len(held.details) < 20
        held.order = type(held.order).STOP
        assert processes.result(held).outcome == "stopped"


class TestInputs:
    def test_valohais_own_library_fetches_what_it_asks_for(
        self, processes: AgentHouse, web: AgentWeb
    ) -> None:
        datum = agent_jobs.datum("ä b.csv", b"1,2\n")
        web.objects["artifacts", datum.key] = b"1,2\n"
        held = processes.send(
            RUN,
            **script("import valohai\nfor path in valohai.inputs('late').paths(): print(open(path).read())"),
            inputs=(Input("late", data=(datum,), download="on-demand"),),
        )
        result = processes.result(held)
        told = (processes.printed(result), processes.printed(result, "stderr"))
        assert result.outcome == "complete", told
        assert "1,2" in processes.printed(result), told

    def test_the_listing_names_each_file_with_an_address_that_needs_no_header(
        self, processes: AgentHouse, web: AgentWeb
    ) -> None:
        data = [agent_jobs.datum(name, name.encode()) for name in ("a.csv", "ä b%2F.csv")]
        for datum in data:
            web.objects["artifacts", datum.key] = datum.name.encode()
        asks = (
            CALLS
            + """
listed = json.load(open(os.environ["VH_CONFIG_DIR"] + "/inputs.json"))["late"]
[answer] = json.load(call("input_request", "?inputs=" + listed["input_id"]))
assert [f["filename"] for f in answer["files"]] == [f["name"] for f in listed["files"]], answer
assert {f["input_id"] for f in answer["files"]} == {listed["input_id"]}
for f in answer["files"]:
    assert calls["input_request"]["headers"]["Authorization"].split()[1] not in f["url"]
    print(urllib.request.urlopen(f["url"]).read().decode())
print([len(each["files"]) for each in json.load(call("input_request", "?inputs=no&inputs=" + listed["input_id"]))])
for url in (f["url"][:-1], f["url"].replace(listed["input_id"], "other"), f["url"] + "/../../x"):
    try: urllib.request.urlopen(url)
    except urllib.error.HTTPError as error: print(error.code)
"""
        )
        result = processes.run(
            RUN, **script(asks), inputs=(Input("late", data=tuple(data), download="on-demand"),)
        )
        assert result.outcome == "complete", processes.printed(result, "stderr")
        assert processes.printed(result) == ["a.csv", "ä b%2F.csv", "[0, 2]", "404", "404", "404"]

    def test_where_no_command_reaches_the_agent_it_is_said(self, house: AgentHouse, web: AgentWeb) -> None:
        datum = agent_jobs.datum("a.csv", b"x")
        with house.agent(controls=("VH_DOCKER_NETWORK",)):
            result = house.run(
                "true",
                inputs=(Input("late", data=(datum,), download="on-demand"),),
                environment_variables={"VH_DOCKER_NETWORK": "none"},
            )
        assert result.outcome == "complete"
        assert "inputs on demand cannot be had: no command in this network reaches its agent" in result.events


def test_the_next_agent_process_answers_at_the_same_address(house: AgentHouse, web: AgentWeb) -> None:
    house.runtime = load("process", {"unsafe": True})
    waits = (
        CALLS
        + """
import time
print("up", flush=True)
while not os.path.exists("go"): time.sleep(0.1)
call("set_status_detail", data=b'{"status_detail": "still here"}')
"""
    )
    with house.agent():
        held = house.send(RUN, **script(waits))
        until(lambda: "up" in [record.message for record in house.live(held)])
    work = house.folder / "attempts" / held.job.attempt / "work"
    before = (work / "config" / "api.json").read_text()
    with house.agent():
        until(lambda: any("goes on" in record.message for record in house.live(held)))
        assert (work / "config" / "api.json").read_text() == before
        (work / "repository" / "go").touch()
        result = house.result(held)
    assert result.outcome == "complete", house.printed(result, "stderr")
    assert held.details == ["still here"]


class Web:
    """Stands in for the agent's side of the web: keeps details, with troubles on order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.troubles: list[Exception] = []
        self.heard = threading.Event()

    def detail(self, attempt: str, detail: StatusDetail) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.told.append((attempt, detail.status_detail))
        self.heard.set()


class Files:
    """Stands in for inputs on demand: one file."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def entries(self, input_id: str) -> tuple[Entry, ...]:
        return (self._entry,) if input_id == self._entry.input_id else ()

    def entry(self, input_id: str, filename: str) -> Entry | None:
        return self._entry if (input_id, filename) == (self._entry.input_id, self._entry.filename) else None

    def open(self, entry: Entry) -> Any:
        if entry.filename == "gone":
            raise Gone("the store has lost it")
        return iter([b"whole"]), 5, "text/plain"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[JobsApi]:
    made = JobsApi(Web(), tmp_path)  # type: ignore[arg-type]
    yield made
    made.close()


def admitted(api: JobsApi, name: str = "a.csv", attempt: str = "one") -> tuple[Calls, str]:
    identifier = config_files.input_id("7b1c9a52-1111-4222-8333-444455556666", "late")
    files: Any = Files(Entry(identifier, "late", name))
    calls = Calls(attempt, f"token-of-{attempt}", lambda text: api.details.tell(attempt, text), files)
    told: Any = api.admit(calls, "127.0.0.1")
    return calls, told["inputs" if "inputs" in told else "input_request"]["url"].removesuffix("/inputs")


def ask(method: str, url: str, token: str = "token-of-one", **more: Any) -> tuple[int, Any]:
    with urllib3.PoolManager() as pool:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = pool.request(method, url, headers=headers, retries=False, **more)
    try:
        return answer.status, json.loads(answer.data)
    except ValueError:
        return answer.status, answer.data


class TestRights:
    @pytest.mark.parametrize("token", ["", "wrong", "token-of-two", "é"])
    def test_without_the_token_of_a_running_attempt_there_is_nothing(self, api: JobsApi, token: str) -> None:
        _, base = admitted(api)
        for method, path in (("POST", "/status-detail"), ("GET", "/inputs?inputs=x")):
            status, told = ask(method, base + path, token.encode().decode("latin-1"))
            assert (status, list(told)) == (401, ["message"])

    def test_a_token_ends_with_its_attempt_and_so_do_its_addresses(self, api: JobsApi) -> None:
        calls, base = admitted(api)
        other, _ = admitted(api, attempt="two")
        [answer] = calls.offered(
            [
                calls.inputs.entries(config_files.input_id("7b1c9a52-1111-4222-8333-444455556666", "late"))[
                    0
                ].input_id
            ],
            base,
        )
        url = answer["files"][0]["url"]
        assert ask("GET", str(url), "") == (200, b"whole")
        assert ask("GET", str(url).replace("/one/", "/two/"), "")[0] == 404
        api.dismiss("one")
        assert ask("POST", f"{base}/status-detail", json={"status_detail": "late"})[0] == 401
        assert ask("GET", str(url), "")[0] == 404
        assert ask("POST", f"{base}/status-detail", other.token, json={"status_detail": "x"})[0] == 200

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "/status-detail", b"{", 400),
            ("POST", "/status-detail", b'{"status_detail": 5}', 400),
            ("POST", "/status-detail", b"[" * 5000, 400),
            ("POST", "/status-detail", b"x" * (MAX_BODY + 1), 413),
            ("PUT", "/status-detail", b'{"status_detail": "x"}', 200),
            ("GET", "/status-detail", None, 404),
            ("GET", "/inputs", None, 400),
            ("POST", "/inputs?inputs=nothing", b"", 200),
            ("GET", "/other", None, 404),
            ("GET", "/files", None, 404),
            ("GET", "/files/", None, 404),
            ("GET", "/files/one/x", None, 404),
            ("GET", "/files/one/%FF/%FF/%FF", None, 404),
        ],
    )
    def test_what_is_no_call_is_an_error_in_words(
        self, api: JobsApi, method: str, path: str, body: bytes | None, status: int
    ) -> None:
        _, base = admitted(api)
        found, told = ask(method, base + path, body=body)
        assert found == status
        assert status == 200 or told["message"]

    def test_a_file_that_cannot_be_had_says_why(self, api: JobsApi) -> None:
        calls, base = admitted(api, "gone")
        entry = calls.inputs.entries(config_files.input_id("7b1c9a52-1111-4222-8333-444455556666", "late"))[0]
        [answer] = calls.offered([entry.input_id], base)
        url = answer["files"][0]["url"]
        assert ask("GET", str(url), "") == (502, {"message": "the store has lost it"})


class TestDetails:
    def test_the_last_word_is_handed_on_at_the_end(self, api: JobsApi) -> None:
        web: Any = api.details._api
        web.troubles = [Waiting("away", after=0)] * 3
        admitted(api)
        api.details.tell("one", "last")
        until(lambda: not web.troubles)
        api.dismiss("one")
        until(lambda: ("one", "last") in web.told)

    def test_what_is_not_wanted_any_more_is_dropped(self, api: JobsApi) -> None:
        web: Any = api.details._api
        web.troubles = [Refused("fenced")]
        api.details.tell("one", "late")
        until(lambda: not web.troubles)
        api.details.tell("two", "in time")
        assert web.heard.wait(PATIENCE)
        assert web.told == [("two", "in time")]


class TestAddresses:
    def test_a_port_that_is_taken_is_replaced_and_the_new_one_is_kept(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            (tmp_path / "jobs-api.json").write_text(json.dumps({"127.0.0.1": port}))
            first = JobsApi(Web(), tmp_path)  # type: ignore[arg-type]
            _, base = admitted(first)
            first.close()
        assert not base.endswith(f":{port}")
        again = JobsApi(Web(), tmp_path)  # type: ignore[arg-type]
        assert admitted(again)[1] == base
        again.close()

    @pytest.mark.parametrize("kept", ["", "[]", "{", '{"127.0.0.1": "x"}', '{"127.0.0.1": 99999999}'])
    def test_ports_that_nobody_can_read_are_forgotten(self, tmp_path: Path, kept: str) -> None:
        (tmp_path / "jobs-api.json").write_text(kept)
        api = JobsApi(Web(), tmp_path)  # type: ignore[arg-type]
        assert admitted(api)[1].startswith("http://127.0.0.1:")
        api.close()

    def test_an_address_of_another_machine_is_none(self, api: JobsApi) -> None:
        files: Any = Files(Entry("i", "late", "a"))
        calls = Calls("one", "t", lambda _: None, files)
        assert api.admit(calls, "192.0.2.1") is None
        assert api.admit(calls, None) is None
