"""What a step asks of its machine, in the words of the Docker engine. Pure."""

from typing import Any

from docker.types import DeviceRequest, DriverConfig, Mount

from agent.runtimes.port import Needs
from schemas import engine_limits
from schemas.engine_limits import GPU
from schemas.messages import job


def limits(needs: Needs) -> dict[str, Any]:
    """CPUs and memory, and which cores."""
    found = engine_limits.limits(needs.cpu_min, needs.cpu_max, needs.memory_min, needs.memory_max)
    return {**found, "cpuset_cpus": needs.cores} if needs.cores else found


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
