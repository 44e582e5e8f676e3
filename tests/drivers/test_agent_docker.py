"""An agent on a real Docker engine: the directories, the users, the image that is not there, the restart in the middle."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from agent.runtimes import docker as docker_driver
from schemas.messages.claim import Order
from schemas.messages.job import Input, Resources
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
