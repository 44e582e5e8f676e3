"""What a step asks of its machine, in the words of the Docker engine. Pure."""

from typing import Any

from docker.types import DeviceRequest, DriverConfig, Mount

from agent.machine import GPU
from agent.runtimes.port import Needs
from schemas.messages import job

SHARES = 1024
"""CPU shares of one core, as the engine weighs them."""


def limits(needs: Needs) -> dict[str, Any]:
    """CPUs and memory: `min` is what is reserved, `max` where it ends."""
    found: dict[str, Any] = {}
    if needs.cpu_max:
        found["nano_cpus"] = int(needs.cpu_max * 1e9)
    if needs.cpu_min:
        found["cpu_shares"] = max(2, int(needs.cpu_min * SHARES))
    if needs.cores:
        found["cpuset_cpus"] = needs.cores
    if needs.memory_max:
        found["mem_limit"] = found["memswap_limit"] = needs.memory_max * 1024 * 1024
    if needs.memory_min and needs.memory_min <= (needs.memory_max or needs.memory_min):
        found["mem_reservation"] = needs.memory_min * 1024 * 1024
    return found


def mount(mount: job.Mount) -> Mount:
    """A folder of the machine, or an export that the engine mounts itself."""
    if mount.type != "nfs":
        return Mount(mount.destination, mount.source, type="bind", read_only=mount.readonly)
    server, _, path = mount.source.partition(":")
    mode = "ro" if mount.readonly else "rw"
    driver = DriverConfig("local", {"type": "nfs", "o": f"addr={server},{mode}", "device": f":{path}"})
    # A volume without a name: it is removed with the container.
    return Mount(mount.destination, None, type="volume", read_only=mount.readonly, driver_config=driver)


def devices(needs: Needs, has_gpus: bool) -> list[DeviceRequest]:
    """GPUs: as many as were asked for; all that there are where the step says nothing."""
    count = (needs.devices or {}).get(GPU, 0) if needs.devices is not None else -1 if has_gpus else 0
    return [DeviceRequest(count=count, capabilities=[["gpu"]])] if count else []
