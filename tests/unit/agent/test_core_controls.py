"""Agent controls and needs: what a step may ask of its agent, and what the engine is told of it."""

from typing import Any

import pytest

from agent.core import controls
from agent.core.controls import Controls
from agent.runtimes import engine_options, load
from agent.runtimes.port import Needs
from agent.settings import DEFAULT_CONTROLS
from schemas.messages.job import Mount, Resources
from tests.builders import agent_jobs

ALL = controls.KNOWN


def read(variables: dict[str, str], allowed: tuple[str, ...] = ALL, trust: str = "trusted") -> Controls:
    return controls.read(agent_jobs.job("true", environment_variables=variables, trust=trust)[0], allowed)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, Controls()),
        ({"VH_NO_IMAGE_CACHE": "1"}, Controls(fresh_image=True)),
        ({"VH_NO_IMAGE_CACHE": "no"}, Controls()),
        ({"VH_NO_DATA_CACHE": "YES"}, Controls(fresh_data=True)),
        ({"VH_CLEAN": "true"}, Controls(fresh_image=True, fresh_data=True)),
        ({"VH_CPU_LIMIT": "2"}, Controls(cpus=2)),
        ({"VH_CPU_LIMIT": " 1.5 "}, Controls(cpus=1.5)),
        ({"VH_CPU_LIMIT": "0,2,4"}, Controls(cores="0,2,4")),
        ({"VH_CPU_LIMIT": "0-3"}, Controls(cores="0-3")),
        ({"VH_DOCKER_NETWORK": "host"}, Controls(network="host")),
        ({"OTHER": "1"}, Controls()),
    ],
)
def test_what_each_control_says(variables: dict[str, str], said: Controls) -> None:
    assert read(variables) == said


@pytest.mark.parametrize("value", ["many", "0", "-1", "1,", "0,two", "1;2", "0 1"])
def test_a_cpu_limit_that_makes_no_sense_is_left_out_with_a_sentence(value: str) -> None:
    made = read({"VH_CPU_LIMIT": value})
    assert (made.cpus, made.cores) == (0, "")
    assert value in made.notes[0]


def test_what_the_settings_do_not_allow_is_left_out_with_a_sentence() -> None:
    made = read({"VH_DOCKER_NETWORK": "host", "VH_CPU_LIMIT": "2"}, DEFAULT_CONTROLS)
    assert (made.network, made.cpus) == ("", 2)
    [note] = made.notes
    assert note.startswith("VH_DOCKER_NETWORK is ignored: this environment does not allow it")


def test_untrusted_code_chooses_no_network() -> None:
    made = read({"VH_DOCKER_NETWORK": "host"}, trust="untrusted")
    assert made.network == ""
    assert "untrusted" in made.notes[0]


def test_untrusted_code_gets_no_folder_of_the_machine() -> None:
    job, _ = agent_jobs.job("true", trust="untrusted", mounts=(Mount("/srv", "/srv"),))
    made = controls.read(job, ALL)
    assert controls.needs(job, made).mounts == ()
    assert made.notes == ("mount of /srv ignored: untrusted code gets no folder of the machine",)


def test_a_network_is_a_name() -> None:
    assert read({"VH_DOCKER_NETWORK": "container:other"}).network == ""


@pytest.mark.parametrize(("cpu_max", "limit", "most"), [(0, "2", 2), (4, "2", 2), (1, "2", 1), (3, "0,1", 3)])
def test_the_narrower_of_two_limits_counts(cpu_max: float, limit: str, most: float) -> None:
    job, _ = agent_jobs.job(
        "true", environment_variables={"VH_CPU_LIMIT": limit}, resources=Resources(cpu_max=cpu_max)
    )
    assert controls.needs(job, controls.read(job, ALL)).cpu_max == most


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        (Needs(), {}),
        (Needs(cpu_max=1.5), {"nano_cpus": 1_500_000_000}),
        (Needs(cpu_min=0.5), {"cpu_shares": 512}),
        (Needs(cores="0,2"), {"cpuset_cpus": "0,2"}),
        (Needs(memory_max=64), {"mem_limit": 64 << 20, "memswap_limit": 64 << 20}),
        (Needs(memory_min=32), {"mem_reservation": 32 << 20}),
        (Needs(memory_min=64, memory_max=32), {"mem_limit": 32 << 20, "memswap_limit": 32 << 20}),
    ],
)
def test_the_engine_is_told_of_cpus_and_memory(needs: Needs, told: dict[str, Any]) -> None:
    assert engine_options.limits(needs) == told


@pytest.mark.parametrize(
    ("devices", "has_gpus", "count"),
    [
        ({"nvidia.com/gpu": 2}, True, 2),
        ({"nvidia.com/gpu": 1}, False, 1),
        ({}, True, None),
        ({"nvidia.com/gpu": 0}, True, None),
        (None, True, -1),
        (None, False, None),
    ],
)
def test_gpus_are_handed_out_by_count(
    devices: dict[str, int] | None, has_gpus: bool, count: int | None
) -> None:
    asked = engine_options.devices(Needs(devices=devices), has_gpus)
    assert [each["Count"] for each in asked] == ([] if count is None else [count])


def test_an_export_is_mounted_by_the_engine() -> None:
    made = engine_options.mount(Mount("nas.local:/data", "/data", readonly=True, type="nfs"))
    assert made["Type"] == "volume"
    assert made["ReadOnly"] is True
    assert made["VolumeOptions"]["DriverConfig"] == {
        "Name": "local", "Options": {"type": "nfs", "o": "addr=nas.local,ro", "device": ":/data"},
    }  # fmt: skip


def test_a_process_says_what_it_leaves_out() -> None:
    notes = load("process", {"unsafe": True}).fit(
        Needs(cpu_max=1, network="host", devices={}, mounts=(Mount("/srv", "/srv"),))
    )
    assert [note.split(" ignored")[0] for note in notes] == [
        "mount of /srv",
        "the limits of CPUs and memory are",
        "the network of its own is",
        "devices are not handed out one by one, so that its `devices` are",
    ]
    assert load("process", {"unsafe": True}).fit(Needs()) == ()
