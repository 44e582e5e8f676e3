"""An attempt's whole way through a real agent: what it leaves in the store, and what it says to the web side."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.messages.claim import Order
from schemas.messages.job import DatumFile, Input
from stores import keys
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb, fails
from tests.parts.process import PATIENCE, until


@pytest.fixture
def agent(house: AgentHouse) -> Iterator[None]:
    with house.agent():
        yield


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.usefixtures("agent")
class TestGoodEnds:
    def test_everything_of_a_good_run_is_in_its_result(self, house: AgentHouse) -> None:
        held = house.send(
            "echo hello",
            'echo made > "$VH_OUTPUTS_DIR/sub/made.txt"',
            "echo '{\"loss\": 0.5}'",
            "echo oh >&2",
        )
        result = house.result(held)
        assert (result.outcome, result.exit_code) == ("complete", 0)
        assert (result.execution, result.attempt) == (held.job.execution, held.job.attempt)
        assert result.reason.startswith("complete after")
        assert result.metadata == {"loss": 0.5}
        assert result.started is not None
        assert result.started <= result.finished
        assert (result.image, result.runtime) == ("python:3.12", "scripted (nothing really runs)")
        [output] = result.outputs
        assert (output.name, output.size, output.sha256) == ("sub/made.txt", 5, sha256(b"made\n"))
        assert (output.md5, output.sha1) == (
            hashlib.md5(b"made\n").hexdigest(),
            hashlib.sha1(b"made\n").hexdigest(),
        )
        assert house.output(result, "sub/made.txt") == b"made\n"
        assert result.events == ()

    def test_its_log_is_whole_numbered_and_live(self, house: AgentHouse) -> None:
        held = house.send("echo one", "echo two >&2", "echo three")
        result = house.result(held)
        lines = house.lines(result)
        assert result.log
        assert [line.seq for line in lines] == list(range(1, result.log.lines + 1))
        assert house.printed(result) == ["one", "three"]
        assert house.printed(result, "stderr") == ["two"]
        assert lines[-1].message.startswith("complete after ")
        assert house.live(held) == lines

    def test_the_result_is_what_finish_names_and_comes_last(self, house: AgentHouse, web: AgentWeb) -> None:
        held = house.send('echo made > "$VH_OUTPUTS_DIR/made.txt"')
        house.result(held)
        key = keys.result(held.job.execution, 1)
        assert held.digest == sha256(web.objects["system", key])
        mine = [call for call in web.calls if call.startswith("PUT") or "finish" in call]
        assert [call.split("/")[3] if call.startswith("PUT") else "finish" for call in mine] == [
            "outputs", "logs", "results", "finish",
        ]  # fmt: skip

    def test_the_manifest_is_reported_before_the_command(self, house: AgentHouse) -> None:
        held = house.send("true", inputs=(Input("empty"),))
        result = house.result(held)
        assert held.manifest
        assert held.manifest.image_digest == result.image_digest == sha256(b"python:3.12")

    def test_nothing_of_it_stays_on_the_agent(self, house: AgentHouse) -> None:
        house.run("true")
        until(lambda: list((house.folder / "attempts").iterdir()) == [])

    def test_two_steps_hand_a_file_on(self, house: AgentHouse, web: AgentWeb) -> None:
        first = house.run('echo 42 > "$VH_OUTPUTS_DIR/model.json"')
        [output] = first.outputs
        datum = DatumFile(output.datum, output.name, output.key, output.size, output.sha256)
        second = house.run("true", inputs=(Input("model", data=(datum,)),))
        [placed] = second.inputs
        assert (placed.input, placed.name, placed.uri) == ("model", "model.json", f"datum://{output.datum}")
        assert placed.sha256 == output.sha256


@pytest.mark.usefixtures("agent")
class TestBadEnds:
    def test_an_exit_code_is_the_jobs_own_failure(self, house: AgentHouse) -> None:
        result = house.run("echo before", 'echo kept > "$VH_OUTPUTS_DIR/kept.txt"', "exit 3", "echo never")
        assert (result.outcome, result.exit_code) == ("error", 3)
        assert result.reason.startswith("exit code 3 after")
        assert house.printed(result) == ["before"]
        assert house.output(result, "kept.txt") == b"kept\n"

    def test_an_image_that_does_not_exist(self, house: AgentHouse) -> None:
        result = house.run("true", image="missing/image:1")
        assert (result.outcome, result.started, result.exit_code) == ("error", None, None)
        assert "missing/image:1" in result.reason
        assert result.log

    def test_a_time_limit_is_named(self, house: AgentHouse) -> None:
        result = house.run('echo kept > "$VH_OUTPUTS_DIR/kept.txt"', "sleep 600", time_limit=0.5)
        assert (result.outcome, result.reason) == ("error", "the time limit of 0.5 s ended it")
        assert [output.name for output in result.outputs] == ["kept.txt"]

    def test_a_stop_ends_it_and_keeps_what_it_made(self, house: AgentHouse) -> None:
        held = house.send('echo kept > "$VH_OUTPUTS_DIR/kept.txt"', "echo up", "sleep 600")
        until(lambda: "up" in [record.message for record in house.live(held)])
        held.order = Order.STOP
        result = house.result(held)
        assert result.outcome == "stopped"
        assert result.reason.startswith("stopped on request after")
        assert [output.name for output in result.outputs] == ["kept.txt"]

    def test_an_attempt_that_was_lost_is_stopped_and_says_nothing_more(
        self, house: AgentHouse, web: AgentWeb
    ) -> None:
        held = house.send('echo never > "$VH_OUTPUTS_DIR/never.txt"', "echo up", "sleep 600")
        until(lambda: "up" in [record.message for record in house.live(held)])
        held.state = "lost"
        until(lambda: list((house.folder / "attempts").iterdir()) == [])
        assert web.object_names("outputs/") == web.object_names("results/") == web.object_names("logs/") == []
        assert not held.done.is_set()
        assert "up" in (house.folder / "lost" / f"{held.job.attempt}.jsonl").read_text()
        assert house.runtime.adopt(held.job.attempt, Path("unused")) is None

    def test_a_step_without_a_command(self, house: AgentHouse) -> None:
        assert "no command" in house.run("# only a comment").reason

    def test_an_archive_that_is_not_what_was_ordered(self, house: AgentHouse, web: AgentWeb) -> None:
        job, _ = agent_jobs.job("echo never")
        held = web.add(job, agent_jobs.snapshot({"other": "file"})[0])
        house.wake(held)
        result = house.result(held)
        assert (result.outcome, result.started) == ("error", None)
        assert "digest" in result.reason

    def test_an_input_that_is_not_the_file_that_was_stored(self, house: AgentHouse, web: AgentWeb) -> None:
        datum = agent_jobs.datum("data.csv", b"right")
        web.objects["artifacts", datum.key] = b"wrong"
        result = house.run("echo never", inputs=(Input("data", data=(datum,)),))
        assert result.outcome == "error"
        assert "data.csv" in result.reason
        assert house.printed(result) == []

    def test_two_input_files_of_one_name(self, house: AgentHouse, web: AgentWeb) -> None:
        data = (agent_jobs.datum("a/x.csv", b"1"), agent_jobs.datum("b/x.csv", b"2"))
        for datum in data:
            web.objects["artifacts", datum.key] = b"1"
        result = house.run("true", inputs=(Input("data", data=data),))
        assert result.outcome == "error"
        assert "want the name 'x.csv'" in result.reason
        assert "keep-directories" in result.reason

    def test_an_input_that_is_gone(self, house: AgentHouse, web: AgentWeb) -> None:
        result = house.run(
            "true", inputs=(Input("page", uris=(f"{web.address}/objects/artifacts/nothing",)),)
        )
        assert result.outcome == "error"
        assert "404" in result.reason


@pytest.mark.usefixtures("agent")
class TestTrouble:
    def test_a_full_store_is_an_error_with_the_stores_words(self, house: AgentHouse, web: AgentWeb) -> None:
        web.troubles.append(
            fails(10_000, "/objects/artifacts/", 507, b'{"error": "no space left on device"}', "PUT")
        )
        result = house.run('echo big > "$VH_OUTPUTS_DIR/big.bin"')
        assert (result.outcome, result.exit_code, result.outputs) == ("error", 0, ())
        assert "big.bin" in result.reason
        assert "no space left on device" in result.reason

    def test_a_store_that_fills_up_for_a_moment_costs_nothing(self, house: AgentHouse, web: AgentWeb) -> None:
        web.troubles.append(fails(2, "/objects/", 507, b"full", "PUT"))
        result = house.run('echo kept > "$VH_OUTPUTS_DIR/kept.txt"')
        assert result.outcome == "complete"
        assert house.output(result, "kept.txt") == b"kept\n"

    def test_a_result_is_offered_until_the_store_takes_it(self, house: AgentHouse, web: AgentWeb) -> None:
        web.troubles.append(fails(4, "/objects/system/results/", 503))
        web.troubles.append(fails(4, "/objects/system/logs/", 503))
        assert house.run("true").outcome == "complete"

    def test_a_log_that_cannot_be_stored_is_an_event(self, house: AgentHouse, web: AgentWeb) -> None:
        web.troubles.append(fails(10_000, "/objects/system/logs/", 507, b"full"))
        result = house.run("true")
        assert (result.outcome, result.log) == ("complete", None)
        assert "the log could not be stored" in result.events[0]

    @pytest.mark.parametrize("verb", ["claim", "manifest", "addresses", "finish"])
    def test_a_web_side_that_is_away_is_waited_for(self, house: AgentHouse, web: AgentWeb, verb: str) -> None:
        left = iter(range(3))

        def away(_: str, path: str) -> tuple[int, bytes] | None:
            return (503, b"") if path.endswith(verb) and next(left, None) is not None else None

        web.troubles.append(away)
        assert house.run("true").outcome == "complete"

    def test_an_address_that_ended_early_is_asked_for_again(self, house: AgentHouse, web: AgentWeb) -> None:
        web.troubles.append(fails(1, "/objects/", 403, b"this address has ended"))
        assert house.run("true").outcome == "complete"

    def test_an_attempt_that_another_agent_has_is_dropped(self, house: AgentHouse, web: AgentWeb) -> None:
        job, data = agent_jobs.job("true")
        held = web.add(job, data)
        held.state = "lost"
        house.wake(held)
        until(lambda: any(call.endswith(f"{job.attempt}/claim") for call in web.calls))
        until(lambda: list((house.folder / "attempts").iterdir()) == [])
        assert house.run("true").outcome == "complete"

    def test_a_finish_that_is_fenced_is_the_end(self, house: AgentHouse, web: AgentWeb) -> None:
        held = house.send("true")
        web.troubles.append(
            lambda _, path: (409, b'{"error": "it is over"}') if path.endswith("finish") else None
        )
        until(lambda: web.object_names("results/") != [])
        until(lambda: list((house.folder / "attempts").iterdir()) == [])
        assert not held.done.is_set()

    def test_a_second_wakeup_runs_nothing_twice(self, house: AgentHouse, web: AgentWeb) -> None:
        held = house.send("echo up", "sleep 0.3")
        house.wake(held)
        house.wake(held)
        house.result(held)
        until(lambda: list((house.folder / "attempts").iterdir()) == [])
        assert len(web.object_names("results/")) == 1
        assert held.claims == 1


def test_a_machine_that_shares_the_folder_writes_itself(house: AgentHouse, web: AgentWeb) -> None:
    job, data = agent_jobs.job('echo made > "$VH_OUTPUTS_DIR/made.txt"')
    held = web.add(job, data)
    assert web.folder
    archive = web.folder / "system" / job.archive.key
    archive.parent.mkdir(parents=True)
    archive.write_bytes(data)
    with house.agent(shares_folder=True):
        house.wake(held)
        assert held.done.wait(PATIENCE)
    [output] = (web.folder / "artifacts").rglob("made.txt")
    assert output.read_bytes() == b"made\n"
    assert (web.folder / "system" / keys.result(job.execution, 1)).exists()
    assert not [call for call in web.calls if "/objects/" in call]
