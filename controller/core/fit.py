"""What a machine has against what a step needs, and which mounts an environment allows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: cores, memory in MB (0: not known), devices by resource name."""

    cpus: float = 0
    memory: int = 0
    devices: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Machine":
        """As the settings say it."""
        return cls(float(said.get("cpus", 0)), int(said.get("memory", 0)), dict(said.get("devices", {})))


def asks(resources: Mapping[str, Any]) -> bool:
    """Whether a step needs anything at least. What does not runs on every machine."""
    return any(resources.get(name) for name in ("cpu_min", "memory_min", "devices"))


def misfit(resources: Mapping[str, Any], machines: Sequence[Machine]) -> str:
    """Why none of these machines will do, in words; "" when one does, or when nothing is known of any."""
    if not machines:
        return ""
    reasons = [_lacks(resources, machine) for machine in machines]
    return "" if "" in reasons else reasons[0]


def _lacks(resources: Mapping[str, Any], machine: Machine) -> str:
    cpu, memory = resources.get("cpu_min") or 0, resources.get("memory_min") or 0
    if machine.cpus and cpu > machine.cpus:
        return f"it needs {cpu:g} cores, and its machines have {machine.cpus:g}"
    if machine.memory and memory > machine.memory:
        return f"it needs {memory} MB of memory, and its machines have {machine.memory}"
    for name, count in (resources.get("devices") or {}).items():
        if count > machine.devices.get(name, 0):
            return f"it needs {count} of {name}, and its machines have {machine.devices.get(name, 0)}"
    return ""


def allowed_mounts(
    mounts: Iterable[Mapping[str, Any]], folders: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The mounts that lie below one of the folders, and a sentence for each that does not."""
    kept, notes = [], []
    for mount in mounts:
        source = str(mount["source"])
        parts = PurePosixPath(source).parts
        inside = ".." not in parts and any(PurePosixPath(source).is_relative_to(folder) for folder in folders)
        if inside and mount.get("type") in ("", None, "bind"):
            kept.append(dict(mount))
        else:
            notes.append(
                f"the mount of {source} is ignored: this environment does not allow it (setting environments.mounts)"
            )
    return kept, notes
