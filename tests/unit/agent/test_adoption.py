"""Agents that are killed, told to end, or come back too late: every attempt ends with one result, run once."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from agent.folder import FINISHED, AttemptFolder, Phase
from agent.main import Agent
from agent.runtimes import load, sessions
from schemas.errors import Stalled
from schemas.messages.claim import Order
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb
from tests.parts.process import PATIENCE, until

RUN = """
import json, sys
from pathlib import Path
from agent.main import run
from agent.settings import AgentSettings
from schemas.values import Secret
given = json.loads(sys.argv[1])
run(AgentSettings(**{**given, "token": Secret(given["token"]), "folder": Path(given["folder"]), "public_keys": tuple(given["public_keys"])}))
"""


@dataclass
class AgentProcess:
    """A real agent process, started as often as wanted."""

    house: AgentHouse
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        settings = self.house.settings
        given = {
            **{name: value for name, value in asdict(settings).items() if name != "token"},
            "token": settings.token.reveal(), "folder": str(settings.folder), "runtime": "process",
            "runtime_settings": {"unsafe": True},
        }  # fmt: skip
        log = self.house.folder.parent / "agent.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, json.dumps(given)],
                cwd=Path(__file__).parents[3],
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        assert self.process
        self.process.terminate()
        return self.process.wait(PATIENCE)


@pytest.fixture
def process(house: AgentHouse) -> Iterator[AgentProcess]:
    house.runtime = load("process", {"unsafe": True})
    made = AgentProcess(house)
    yield made
    if made.process and made.process.poll() is None:
        made.kill()
    for folder in (house.folder / "attempts").glob("*"):
        sessions.kill(folder.name, 0)


@contextmanager
def gate(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A command that waits until it is let through."""
    path = folder / "gate"
    yield f"while [ ! -e {path} ]; do sleep 0.05; done", path.touch


def once(house: AgentHouse) -> str:
    """A command that leaves a trace of every time it runs."""
    return f"echo ran >> {house.folder.parent}/runs.txt"


def runs(house: AgentHouse) -> int:
    path = house.folder.parent / "runs.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def cleared(house: AgentHouse) -> bool:
    return not [path for path in (house.folder / "attempts").iterdir() if not path.name.startswith(".")]


def test_a_command_outlives_its_agent_and_its_log_goes_on(
    house: AgentHouse, process: AgentProcess, tmp_path: Path
) -> None:
    process.start()
    with gate(tmp_path) as (wait, let_through):
        held = house.send(
            once(house),
            'echo one; echo "{\\"epoch\\": 1}"',
            wait,
            'echo two; echo kept > "$VH_OUTPUTS_DIR/kept.txt"; exit 5',
        )
        until(lambda: "one" in [record.message for record in house.live(held)])
        process.kill()
        process.start()
        let_through()
        result = house.result(held)
    assert (result.outcome, result.exit_code, runs(house)) == ("error", 5, 1)
    assert house.printed(result) == ["one", '{"epoch": 1}', "two"]
    assert [line.seq for line in house.lines(result)] == list(range(1, len(house.lines(result)) + 1))
    assert result.metadata == {"epoch": 1}
    assert house.output(result, "kept.txt") == b"kept\n"
    until(lambda: cleared(house))


MOMENTS = [
    ("POST", "/claim"), ("POST", "/addresses"), ("GET", "/objects/system/code"), ("POST", "/manifest"),
    ("PUT", "/objects/artifacts"), ("PUT", "/objects/system/logs"), ("PUT", "/objects/system/results"), ("POST", "/finish"),
]  # fmt: skip


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment[1].rsplit("/", 1)[1])
def test_killed_at_any_moment_it_ends_with_one_result(
    house: AgentHouse, web: AgentWeb, process: AgentProcess, moment: tuple[str, str], done: bool
) -> None:
    killed = threading.Event()

    def kill(method: str, path: str) -> tuple[int, bytes] | None:
        wanted_method, words = moment
        if killed.is_set() or method != wanted_method or words not in path:
            return None
        killed.set()
        if done:
            return None  # answered as usual; the agent is killed at once
        process.kill()
        return 500, b""

    web.troubles.append(kill)
    process.start()
    held = house.send(once(house), 'echo made > "$VH_OUTPUTS_DIR/made.txt"', "exit 3")
    assert killed.wait(PATIENCE)
    if done:
        process.kill()
    assert process.process
    process.process.wait()
    process.start()
    house.wake(held)
    result = house.result(held)
    until(lambda: cleared(house))
    assert (result.outcome, result.exit_code, runs(house)) == ("error", 3, 1)
    assert [output.name for output in result.outputs] == ["made.txt"]
    assert len(web.object_names("results/")) == 1
    assert house.printed(result, "stderr") == []


@pytest.mark.parametrize("again", [False, True], ids=["same-process", "next-process"])
def test_a_wake_up_that_comes_after_the_end_starts_nothing(
    house: AgentHouse, web: AgentWeb, process: AgentProcess, again: bool
) -> None:
    process.start()
    late = house.send(once(house))
    house.result(late)
    until(lambda: cleared(house))
    if again:
        process.kill()
        process.start()
    house.wake(late)  # the web side holds the attempt for its agent until the controller has read the result
    house.run("true")  # taken after it
    assert (late.state, late.claims, runs(house)) == ("running", 1, 1)


def test_a_wake_up_that_comes_after_the_end_to_an_agent_that_lost_its_disk_starts_nothing(
    house: AgentHouse, web: AgentWeb, process: AgentProcess
) -> None:
    process.start()
    late = house.send(once(house))
    house.result(late)
    until(lambda: cleared(house))
    (house.folder / FINISHED / late.job.attempt).unlink()

    def asked_again() -> bool:
        house.wake(late)  # one that comes before the slot is given back is dropped
        return web.calls.count(f"POST /agent/v1/attempts/{late.job.attempt}/claim") >= 2

    until(asked_again)  # nothing here remembers it: the web side refuses the claim
    house.run("true")
    assert (late.claims, runs(house)) == (1, 1)
    until(lambda: cleared(house))


def test_a_finished_attempt_is_remembered_only_as_long_as_its_messages_live(
    house: AgentHouse, process: AgentProcess
) -> None:
    process.start()
    first, second = house.send("true"), house.send("true")
    house.result(first)
    house.result(second)
    until(lambda: cleared(house))
    marks = house.folder / FINISHED
    assert {mark.name for mark in marks.iterdir()} == {first.job.attempt, second.job.attempt}
    os.utime(marks / first.job.attempt, (0, 0))
    third = house.send("true")
    house.result(third)
    until(lambda: cleared(house))
    assert {mark.name for mark in marks.iterdir()} == {second.job.attempt, third.job.attempt}


def test_a_folder_is_whole_or_gone_for_whoever_looks(tmp_path: Path) -> None:
    for number in range(20):
        folder = AttemptFolder(tmp_path / str(number))
        folder.receive("a message")
        folder.update(phase=Phase.ENDED)
        for name in range(200):
            (folder.path / str(name)).touch()
        whole = {path.name for path in folder.path.iterdir()}
        removing = threading.Thread(target=folder.remove)
        removing.start()
        while removing.is_alive():
            with suppress(FileNotFoundError):
                seen = {path.name for path in folder.path.iterdir()}
                assert seen == whole or not folder.path.exists()
        removing.join()
    assert list(tmp_path.iterdir()) == []


def test_what_was_half_removed_is_not_taken_up_and_goes(house: AgentHouse, process: AgentProcess) -> None:
    half = house.folder / "attempts" / ".trash-one-1234"
    half.mkdir(parents=True)
    (half / "job.json").touch()
    process.start()
    until(lambda: not half.exists())


def test_told_to_end_it_ends_at_once_and_the_command_goes_on(
    house: AgentHouse, process: AgentProcess, tmp_path: Path
) -> None:
    process.start()
    with gate(tmp_path) as (wait, let_through):
        held = house.send(once(house), "echo up", wait, "echo down")
        until(lambda: "up" in [record.message for record in house.live(held)])
        assert process.end() == 0
        let_through()
        process.start()
        result = house.result(held)
    assert (result.outcome, house.printed(result), runs(house)) == ("complete", ["up", "down"], 1)


def test_a_stop_that_came_while_it_was_away_is_heard(house: AgentHouse, process: AgentProcess) -> None:
    process.start()
    held = house.send("echo up", "sleep 600")
    until(lambda: "up" in [record.message for record in house.live(held)])
    process.kill()
    held.order = Order.STOP
    process.start()
    assert house.result(held).outcome == "stopped"


def test_a_time_limit_goes_on_counting_while_it_is_away(house: AgentHouse, process: AgentProcess) -> None:
    process.start()
    held = house.send("echo up", "sleep 600", time_limit=1.0)
    until(lambda: "up" in [record.message for record in house.live(held)])
    process.kill()
    process.start()
    result = house.result(held)
    assert (result.outcome, result.reason) == ("error", "the time limit of 1 s ended it")


def test_what_was_lost_meanwhile_is_ended_and_says_nothing(
    house: AgentHouse, web: AgentWeb, process: AgentProcess
) -> None:
    process.start()
    held = house.send("echo $$", "sleep 600")
    until(lambda: bool([record for record in house.live(held) if record.stream == "stdout"]))
    [pid] = [int(record.message) for record in house.live(held) if record.stream == "stdout"]
    process.kill()
    held.state = "lost"
    process.start()
    until(lambda: cleared(house))
    assert not sessions.stat_of(pid).runs
    assert web.object_names("results/") == web.object_names("logs/") == []
    assert str(pid) in (house.folder / "lost" / f"{held.job.attempt}.jsonl").read_text()


def test_an_agent_that_slept_past_its_lease_writes_only_to_its_own_place(
    house: AgentHouse, web: AgentWeb, process: AgentProcess, tmp_path: Path
) -> None:
    process.start()
    with gate(tmp_path) as (wait, let_through):
        held = house.send("echo up", wait, 'echo stale > "$VH_OUTPUTS_DIR/stale.txt"')
        until(lambda: "up" in [record.message for record in house.live(held)])
        assert process.process
        os.kill(process.process.pid, signal.SIGSTOP)
        held.state = "lost"
        let_through()
        os.kill(process.process.pid, signal.SIGCONT)
        until(lambda: cleared(house))
    place = f"{held.job.execution}/1/"
    assert all(
        place in key or f"{held.job.execution}/1.json" in key or "code/" in key for _, key in web.objects
    )
    assert held.digest == ""


def test_a_command_that_vanished_is_infrastructures_fault(house: AgentHouse, process: AgentProcess) -> None:
    process.start()
    held = house.send("echo up", "sleep 600")
    until(lambda: "up" in [record.message for record in house.live(held)])
    process.kill()
    shell = int((house.folder / "attempts" / held.job.attempt / "run" / "identity").read_text().split()[0])
    os.kill(shell, signal.SIGKILL)
    process.start()
    result = house.result(held)
    assert result.outcome == "interrupted"
    assert "vanished" in result.reason
    assert house.printed(result) == ["up"]


def test_two_processes_do_not_share_a_folder(house: AgentHouse) -> None:
    with house.agent():
        until((house.folder / "lock").exists)
        with pytest.raises(Stalled, match="another agent process"):
            Agent(house.settings, house.runtime).run(threading.Event())


def test_it_stays_small(house: AgentHouse, process: AgentProcess) -> None:
    process.start()
    for _ in range(3):
        house.run(
            "echo hello",
            f"{sys.executable} -c \"print('x' * 10_000_000)\"",
            'echo made > "$VH_OUTPUTS_DIR/made.txt"',
        )
    assert process.process
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    [peak] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    assert peak < 90 * 1024
