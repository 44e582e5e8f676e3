"""What a container needs and may use, in the words of the Docker engine: for steps and for endpoints. Pure."""

from typing import Any

GPU = "nvidia.com/gpu"
"""The only kind of device that Docker hands out by number."""

SHARES = 1024
"""CPU shares of one core, as the engine weighs them."""


def limits(cpu_min: float, cpu_max: float, memory_min: int, memory_max: int) -> dict[str, Any]:
    """CPUs (in cores) and memory (in MB): `min` is what is reserved, `max` where it ends; 0 says nothing."""
    found: dict[str, Any] = {}
    if cpu_max:
        found["nano_cpus"] = int(cpu_max * 1e9)
    if cpu_min:
        found["cpu_shares"] = max(2, int(cpu_min * SHARES))
    if memory_max:
        found["mem_limit"] = found["memswap_limit"] = memory_max * 1024 * 1024
    if memory_min and memory_min <= (memory_max or memory_min):
        found["mem_reservation"] = memory_min * 1024 * 1024
    return found
