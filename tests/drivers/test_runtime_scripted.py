"""The scripted runtime keeps the promises of the port, so that tests built on it mean something."""

import pytest

from agent.runtimes import load
from agent.runtimes.port import Runtime
from tests.drivers.runtime_contract import ImagesContract, RuntimeContract


class TestScriptedRuntime(RuntimeContract, ImagesContract):
    @pytest.fixture
    def runtime(self) -> Runtime:
        return load("scripted", {})
