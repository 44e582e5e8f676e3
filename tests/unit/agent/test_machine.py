"""The facts of a machine that an agent reports."""

from pathlib import Path

import pytest

from agent import machine
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb
from tests.parts.process import until


def tool(folder: Path, text: str) -> str:
    path = folder / "smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_this_machine_has_cores_and_memory() -> None:
    assert machine.cores() >= 1
    assert machine.memory() > 100


@pytest.mark.parametrize("text", ["", "MemTotal:", "MemTotal: much kB", "MemFree: 1 kB"])
def test_memory_that_nobody_tells_is_not_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "meminfo").write_text(text)
    assert machine.memory(tmp_path / "meminfo") == 0
    assert machine.memory(tmp_path / "none") == 0


def test_gpus_are_counted_as_the_drivers_tool_lists_them(tmp_path: Path) -> None:
    listing = "printf 'GPU 0: NVIDIA A100 (UUID: GPU-1)\\n  MIG 1g.5gb Device 0\\nGPU 1: NVIDIA A100 (UUID: GPU-2)\\n'"
    assert machine.devices(tool(tmp_path, listing)) == {"nvidia.com/gpu": 2}


@pytest.mark.parametrize("text", ["echo 'No devices found'", "echo GPU 0: dead; exit 9"])
def test_a_tool_that_finds_nothing_or_fails_means_none(tmp_path: Path, text: str) -> None:
    assert machine.devices(tool(tmp_path, text)) == {}
    assert machine.devices(str(tmp_path / "no-such-tool")) == {}


def test_an_agent_reports_them(house: AgentHouse, web: AgentWeb) -> None:
    from agent.runtimes import load

    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        until(lambda: bool(web.renewed))
    assert (web.renewed[0].cpus, web.renewed[0].memory) == (machine.cores(), machine.memory())
