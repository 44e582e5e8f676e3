"""An agent on a real Docker engine: the directories, the users, the image that is not there, the restart in the middle."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from agent.runtimes import docker as docker_driver
from schemas.messages.claim import Order
from schemas.messages.job import Input, Mount, Resources
from schemas.signing import SigningKey
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse, connected
from tests.builders.agent_web import AgentWeb, Held
from tests.parts.docker_engine import DockerEngine
from tests.parts.process import until
from tests.parts.valkey_server import ValkeyServer


@pytest.fixture
def house(docker_engine: DockerEngine, valkey_server: ValkeyServer, tmp_path: Path) -> Iterator[AgentHouse]:
    with connected(valkey_server.address) as redis:
        redis.flushdb()
    runtime = docker_driver.connect({"address": docker_engine.address})
    with AgentWeb().serve() as web:
        yield AgentHouse(web, tmp_path / "agent", valkey_server.address, SigningKey.generate(), runtime)
    runtime.close()


@pytest.fixture
def image(docker_engine: DockerEngine) -> str:
    return docker_engine.image


def up(house: AgentHouse, word: str, *commands: str, **changes: Any) -> Held:
    """A job that has printed a word."""
    held = house.send(*commands, **changes)
    until(lambda: word in [record.message for record in house.live(held)])
    return held


def test_a_whole_run_in_a_container(house: AgentHouse, image: str, docker_engine: DockerEngine) -> None:
    data = agent_jobs.datum("data.csv", b"1,2\n")
    house.web.objects["artifacts", data.key] = b"1,2\n"
    house.web.secrets = {"TOKEN_OF_MINE": "a-secret-word"}
    with house.agent():
        held = house.send(
            "pwd; cat train.py; cat /valohai/inputs/data/data.csv; echo $TOKEN_OF_MINE >&2",
            "mkdir -p /valohai/outputs/sub; cp /valohai/inputs/data/data.csv $VH_OUTPUTS_DIR/sub/copy.csv; ln -s /valohai/outputs/sub/copy.csv $VH_OUTPUTS_DIR/link",
            """python3 -c 'import json; print(json.dumps({"lr": json.load(open("/valohai/config/parameters.json"))["lr"]}))'""",
            files={"train.py": "print('train')\n"}, image=image, inputs=(Input("data", data=(data,)),), parameters={"lr": 0.5},
        )  # fmt: skip
        result = house.result(held)
        assert (result.outcome, result.exit_code) == ("complete", 0), result.reason
        assert house.printed(result) == ["/valohai/repository", "print('train')", "1,2", '{"lr": 0.5}']
        assert house.printed(result, "stderr") == ["***"]
        assert result.metadata == {"lr": 0.5}
        assert {output.name for output in result.outputs} == {"sub/copy.csv", "link"}
        assert house.output(result, "link") == b"1,2\n"
        assert result.image_digest.startswith("sha256:")
        assert held.manifest
        assert held.manifest.image_digest == result.image_digest
        with docker.APIClient(base_url=docker_engine.address) as client:
            until(
                lambda: (
                    not client.containers(all=True, filters={"label": f"luotsi.attempt={held.job.attempt}"})
                )
            )


def test_the_images_own_user_may_write_where_the_contract_says(
    house: AgentHouse, image: str, docker_engine: DockerEngine
) -> None:
    with docker.APIClient(base_url=docker_engine.address) as client:
        made = client.create_container(image, ["true"], user="12345:12345")
        changed = client.commit(made["Id"], changes="USER 12345:12345")["Id"]
        client.remove_container(made["Id"])
    with house.agent():
        result = house.run(
            "id -u; echo more >> README.md; touch new; mkdir dir; echo x > $VH_OUTPUTS_DIR/x; cat $VH_CONFIG_DIR/execution.json > /dev/null",
            image=changed,
        )  # fmt: skip
    assert (result.outcome, house.printed(result)) == ("complete", ["12345"]), house.printed(result, "stderr")
    assert house.output(result, "x") == b"x\n"


def test_an_image_that_does_not_exist(house: AgentHouse) -> None:
    with house.agent():
        result = house.run("true", image="localhost:1/no/such:image")
    assert (result.outcome, result.started) == ("error", None)
    assert result.reason.startswith("the image localhost:1/no/such:image cannot be had: ")


def test_a_container_goes_on_while_its_agent_is_away(house: AgentHouse, image: str) -> None:
    with house.agent():
        held = up(
            house, "é one", "echo é one; printf 'half '; sleep 2; echo line; echo two; exit 4", image=image
        )
    with house.agent():
        result = house.result(held)
    assert (result.outcome, result.exit_code) == ("error", 4)
    assert house.printed(result) == ["é one", "half line", "two"]
    assert "goes on with the running command" in "".join(house.printed(result, "status"))


def test_one_that_ended_while_its_agent_was_away(
    house: AgentHouse, image: str, docker_engine: DockerEngine
) -> None:
    with house.agent():
        held = up(house, "up", "echo up; sleep 1; echo down", image=image)
    with docker.APIClient(base_url=docker_engine.address) as client:
        client.wait(f"luotsi-{held.job.attempt}")
    with house.agent():
        result = house.result(held)
    assert (result.outcome, house.printed(result)) == ("complete", ["up", "down"])


def test_one_that_vanished_while_its_agent_was_away(
    house: AgentHouse, image: str, docker_engine: DockerEngine
) -> None:
    with house.agent():
        held = up(house, "up", "echo up; sleep 600", image=image)
    with docker.APIClient(base_url=docker_engine.address) as client:
        client.remove_container(f"luotsi-{held.job.attempt}", force=True)
    with house.agent():
        assert house.result(held).outcome == "interrupted"


def test_a_stop_and_a_loss_end_the_container(house: AgentHouse, image: str) -> None:
    with house.agent():
        stopped, lost = (up(house, "up", "echo up; sleep 600", image=image) for _ in range(2))
        stopped.order, lost.state = Order.STOP, "lost"
        assert house.result(stopped).outcome == "stopped"
        until(lambda: not list((house.folder / "attempts").iterdir()))
    assert house.runtime.adopt(lost.job.attempt, house.folder) is None


def test_containers_without_a_folder_are_swept_at_the_start(
    house: AgentHouse, image: str, docker_engine: DockerEngine
) -> None:
    label = f"{agent_jobs.ENVIRONMENT}-agent-1"
    with docker.APIClient(base_url=docker_engine.address) as client:
        left = client.create_container(
            image,
            ["sleep", "600"],
            name="luotsi-left-behind",
            labels={"luotsi.agent": label, "luotsi.attempt": "left-behind"},
        )
        client.start(left["Id"])
        with house.agent():
            until(lambda: not client.containers(all=True, filters={"label": "luotsi.attempt=left-behind"}))


def test_a_limit_of_memory_is_named(house: AgentHouse, image: str) -> None:
    with house.agent():
        result = house.run(
            'python3 -c "x = bytearray(600_000_000)"',
            image=image,
            resources=Resources(memory_max=64, cpu_max=1),
        )
    assert (result.outcome, result.exit_code) == ("error", 137)
    assert "memory" in result.reason


def test_a_container_reaches_its_agent(house: AgentHouse, image: str) -> None:
    """Status detail and inputs on demand, over the bridge; what it fetches goes where its files are read-only else."""
    datum = agent_jobs.datum("a.csv", b"1,2\n")
    house.web.objects["artifacts", datum.key] = b"1,2\n"
    code = """
import json, urllib.request
calls = json.load(open("/valohai/config/api.json"))
def call(name, query="", data=None):
    told = calls[name]
    return urllib.request.urlopen(urllib.request.Request(told["url"] + query, data, told["headers"], method=told["method"]))
call("set_status_detail", data=b'{"status_detail": "from within"}')
listed = json.load(open("/valohai/config/inputs.json"))["late"]
[answer] = json.load(call("input_request", "?inputs=" + listed["input_id"]))
urllib.request.urlretrieve(answer["files"][0]["url"], "/valohai/inputs/late/a.csv")
print(open("/valohai/inputs/late/a.csv").read().strip())
"""
    with house.agent():
        held = house.send(
            "python3 job.py; touch /valohai/inputs/now/no",
            files={"job.py": code},
            image=image,
            inputs=(Input("late", data=(datum,), download="on-demand"), Input("now", data=(datum,))),
        )
        result = house.result(held)
    assert house.printed(result) == ["1,2"], house.printed(result, "stderr")
    assert "Read-only" in house.printed(result, "stderr")[0]
    assert held.details == ["from within"]


@pytest.mark.parametrize("network", ["host", "none"])
def test_the_network_that_a_step_chooses(house: AgentHouse, image: str, network: str) -> None:
    with house.agent(controls=("VH_DOCKER_NETWORK",)):
        result = house.run(
            "ls /sys/class/net | wc -l; test -e $VH_CONFIG_DIR/api.json && echo can call; exit 0",
            image=image,
            environment_variables={"VH_DOCKER_NETWORK": network},
        )
    interfaces, *calls = house.printed(result)
    assert (int(interfaces) == 1, calls) == ((network == "none"), ["can call"] if network == "host" else [])


def test_a_network_that_is_not_there_is_named(house: AgentHouse, image: str) -> None:
    with house.agent(controls=("VH_DOCKER_NETWORK",)):
        result = house.run("true", image=image, environment_variables={"VH_DOCKER_NETWORK": "nowhere"})
    assert (result.outcome, result.started) == ("error", None)
    assert "the engine does not know the network nowhere" in result.reason


def test_what_a_container_may_use(house: AgentHouse, image: str, docker_engine: DockerEngine) -> None:
    with house.agent():
        held = up(
            house, "up", "echo up; sleep 600", image=image,
            resources=Resources(cpu_min=0.5, cpu_max=2, memory_min=32, memory_max=64, devices={}),
            environment_variables={"VH_CPU_LIMIT": "0-0"},
        )  # fmt: skip
        with docker.APIClient(base_url=docker_engine.address) as client:
            told = client.inspect_container(f"luotsi-{held.job.attempt}")["HostConfig"]
        held.order = Order.STOP
        house.result(held)
    mib = 1024 * 1024
    assert (told["NanoCpus"], told["CpuShares"], told["CpusetCpus"]) == (2_000_000_000, 512, "0-0")
    assert (told["Memory"], told["MemoryReservation"]) == (64 * mib, 32 * mib)
    assert not told["DeviceRequests"]


def test_devices_that_no_engine_hands_out_are_refused_before_anything_is_fetched(
    house: AgentHouse, image: str
) -> None:
    with house.agent():
        result = house.run("true", image=image, resources=Resources(devices={"amd.com/gpu": 1}))
        asked = house.run("true", image=image, resources=Resources(devices={"nvidia.com/gpu": 1}))
    assert result.outcome == "error"
    assert "the device amd.com/gpu cannot be given to a container" in result.reason
    assert not [call for call in house.web.calls if "/manifest" in call and result.attempt in call]
    assert asked.outcome == "complete" or "device driver" in asked.reason


def test_mounts_are_where_the_step_says(house: AgentHouse, image: str, tmp_path: Path) -> None:
    for name in ("shared", "fixed"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    (tmp_path / "fixed" / "data").write_text("from the machine\n")
    with house.agent():
        result = house.run(
            "cat /fixed/data; echo made > /shared/made; touch /fixed/no || echo refused",
            image=image,
            mounts=(Mount(str(tmp_path / "shared"), "/shared"), Mount(str(tmp_path / "fixed"), "/fixed", readonly=True)),
        )  # fmt: skip
        missing = house.run("true", image=image, mounts=(Mount(str(tmp_path / "nothing"), "/x"),))
    assert house.printed(result) == ["from the machine", "refused"]
    assert (tmp_path / "shared" / "made").read_text() == "made\n"
    assert missing.outcome == "error"
    assert str(tmp_path / "nothing") in missing.reason


def test_a_later_attempt_takes_exactly_the_image_of_the_first(
    house: AgentHouse, image: str, docker_engine: DockerEngine
) -> None:
    with docker.APIClient(base_url=docker_engine.address) as client:

        def build(word: str) -> str:
            made = client.create_container(image, ["true"])
            changed = client.commit(
                made["Id"], repository="luotsi-test/moving", tag="1", changes=f"ENV WORD={word}"
            )
            client.remove_container(made["Id"])
            return str(changed["Id"])

        first = build("first")
        with house.agent():
            before = house.run("echo $WORD", image="luotsi-test/moving:1")
            second = build("second")
            now = house.run("echo $WORD", image="luotsi-test/moving:1")
            pinned = house.run("echo $WORD", image="luotsi-test/moving:1", image_digest=before.image_digest)
            client.remove_image(first, force=True)
            gone = house.run("echo $WORD", image="luotsi-test/moving:1", image_digest=before.image_digest)
        client.remove_image(second, force=True)
    assert (before.image_digest, pinned.image_digest) == (first, first)
    assert [house.printed(result) for result in (before, now, pinned)] == [["first"], ["second"], ["first"]]
    assert gone.outcome == "error"
    assert "cannot be had as an earlier attempt of this execution had it" in gone.reason


def test_an_output_that_nobody_may_write_leaves_the_container_at_once(house: AgentHouse, image: str) -> None:
    with house.agent():
        result = house.run(
            "mkdir $VH_OUTPUTS_DIR/sub; head -c 3000000 /dev/zero > /tmp/big; chmod 444 /tmp/big",
            "cp -p /tmp/big $VH_OUTPUTS_DIR/sub/big; while [ -e $VH_OUTPUTS_DIR/sub/big ]; do sleep 0.1; done",
            "cp -p /tmp/big $VH_OUTPUTS_DIR/sub/big; while [ -e $VH_OUTPUTS_DIR/sub/big ]; do sleep 0.1; done",
            image=image,
        )
    assert [(output.name, output.size) for output in result.outputs] == [("sub/big", 3_000_000)] * 2


def test_metadata_of_any_length_is_metadata(house: AgentHouse, image: str) -> None:
    with house.agent():
        result = house.run(
            """python3 -c 'import json; print(json.dumps({"big": "x" * 300_000, "n": float("nan")}))'""",
            image=image,
        )
    assert result.metadata == {"big": "x" * 300_000, "n": None}


def test_an_agent_knows_the_engines_machine(house: AgentHouse) -> None:
    with house.agent():
        until(lambda: bool(house.web.renewed))
    told = house.web.renewed[0]
    assert told.cpus >= 1
    assert told.memory > 100
