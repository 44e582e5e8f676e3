"""What an endpoint asks of a cluster: its resources, and what the local one does not have, as the build's log says."""

from collections.abc import Mapping
from typing import Any

from schemas.engine_limits import GPU
from schemas.messages.job import Resources

ASKED = {
    "node-selector": "node_selector",
    "tolerations": "tolerations",
    "shared-volumes": "shared_volumes",
    "workspace-volume": "workspace_volume",
}
"""Field of the file -> attribute of the official object."""


def resources(endpoint: Any) -> Resources:
    """CPUs, memory and GPUs of the item; the official object keeps them as the mapping that was read."""
    asked: Mapping[str, Any] = endpoint.resources or {}
    cpu, memory, devices = asked.get("cpu") or {}, asked.get("memory") or {}, asked.get("devices")
    return Resources(
        cpu_max=float(cpu.get("max") or 0),
        memory_max=int(memory.get("max") or 0),
        cpu_min=float(cpu.get("min") or 0),
        memory_min=int(memory.get("min") or 0),
        devices=None if devices is None else {str(name): int(count) for name, count in devices.items()},
    )


def notes(endpoint: Any) -> list[str]:
    """One sentence that names all that is left out; none where the endpoint asks for nothing of the kind."""
    asked: Mapping[str, Any] = endpoint.resources or {}
    fields = [
        *(f"resources.{name}" for name in asked if name not in ("cpu", "memory", "devices")),
        *(f"resources.devices.{name}" for name in asked.get("devices") or {} if name != GPU),
        *(field for field, attribute in ASKED.items() if getattr(endpoint, attribute, None)),
    ]
    if not fields:
        return []
    return [
        f"`{'`, `'.join(fields)}` of the endpoint {endpoint.name}: ignored, the local cluster is one machine"
    ]
