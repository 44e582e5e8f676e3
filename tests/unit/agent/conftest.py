"""Agents with the scripted runtime, a real Valkey, and a web side over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.runtimes import load
from schemas.signing import SigningKey
from tests.builders.agent_house import AgentHouse, connected
from tests.builders.agent_web import AgentWeb
from tests.builders.inputs_bench import Bench
from tests.builders.web_files import WebFiles
from tests.parts.valkey_server import ValkeyServer


@pytest.fixture
def web(tmp_path: Path) -> Iterator[AgentWeb]:
    with AgentWeb(tmp_path / "store").serve() as web:
        yield web


@pytest.fixture
def house(web: AgentWeb, valkey_server: ValkeyServer, tmp_path: Path) -> AgentHouse:
    with connected(valkey_server.address) as redis:
        redis.flushdb()
    return AgentHouse(
        web, tmp_path / "agent", valkey_server.address, SigningKey.generate(), load("scripted", {})
    )


@pytest.fixture
def bench(web: AgentWeb, tmp_path: Path) -> Iterator[Bench]:
    with WebFiles().serve() as strangers:
        yield Bench(web, strangers, tmp_path)
