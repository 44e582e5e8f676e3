"""What this machine has: cores, memory, devices. Facts that an agent reports, by which steps find a machine that fits."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.engine_limits import GPU

SECONDS = 20
"""For the driver's tool, which may hang when a device has failed."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Cores, MB of memory, and devices counted by resource name; 0 where it is not known."""

    cpus: float = 0
    memory: int = 0
    devices: Mapping[str, int] = field(default_factory=dict)


def cores() -> float:
    """Cores that this process may use, which may be fewer than the machine has."""
    return float(len(os.sched_getaffinity(0)))


def memory(facts: Path = Path("/proc/meminfo")) -> int:
    """MB of the machine's memory; 0 when the kernel does not say (proc(5): `MemTotal: <n> kB`)."""
    try:
        lines = facts.read_text().splitlines()
        return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemTotal:")), 0)
    except (OSError, ValueError, IndexError):
        return 0


def devices(tool: str = "nvidia-smi") -> dict[str, int]:
    """NVIDIA's GPUs, as their driver's tool lists them, one a line (`nvidia-smi -L`); none where there is no such tool."""
    path = shutil.which(tool)
    if path is None:
        return {}
    try:
        done = subprocess.run(
            [path, "-L"], capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0
    return {GPU: found} if found else {}
