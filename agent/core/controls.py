"""Agent controls: variables of a step by which it asks something of its agent (contract 5.2). Settings say which it may use.

Read from the job's variables as the controller sent them, never from what a command exports. One that is not allowed, or
makes no sense, is left out with a sentence.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from agent.runtimes.port import Needs
from schemas.messages.job import Job

KNOWN = ("VH_NO_DATA_CACHE", "VH_NO_IMAGE_CACHE", "VH_CLEAN", "VH_CPU_LIMIT", "VH_DOCKER_NETWORK")

_TRUE = frozenset({"1", "yes", "true"})
_COUNT = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?")
_CORES = re.compile(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Controls:
    """What a step asks of its agent, as far as it may. `notes`: a sentence for each that is left out."""

    fresh_image: bool = False
    fresh_data: bool = False
    cpus: float = 0
    cores: str = ""
    network: str = ""
    notes: tuple[str, ...] = ()


def read(job: Job, allowed: Collection[str]) -> Controls:
    """The controls among the job's variables."""
    given = {
        name: job.environment_variables[name].strip() for name in KNOWN if name in job.environment_variables
    }
    may = {name: value for name, value in given.items() if name in allowed}
    notes = [
        f"{name} is ignored: this environment does not allow it (setting environments.controls)"
        for name in given
        if name not in may
    ]
    if job.trust == "untrusted" and may.pop("VH_DOCKER_NETWORK", None) is not None:
        notes.append("VH_DOCKER_NETWORK is ignored: untrusted code stays in the usual network")
    if job.trust == "untrusted":
        notes += [
            f"mount of {each.source} ignored: untrusted code gets no folder of the machine"
            for each in job.mounts
        ]
    network = may.get("VH_DOCKER_NETWORK", "")
    if network and not _NETWORK.fullmatch(network):
        notes.append(f"VH_DOCKER_NETWORK is ignored: {network[:100]!r} is not the name of a network")
        network = ""
    cpus, cores = _cpus(may.get("VH_CPU_LIMIT", ""), notes)
    clean = _is_true(may, "VH_CLEAN")
    return Controls(
        fresh_image=clean or _is_true(may, "VH_NO_IMAGE_CACHE"),
        fresh_data=clean or _is_true(may, "VH_NO_DATA_CACHE"),
        cpus=cpus,
        cores=cores,
        network=network,
        notes=tuple(notes),
    )


def needs(job: Job, controls: Controls) -> Needs:
    """What the command asks of its machine: the step's resources, and the narrower of two CPU limits."""
    resources = job.resources
    limits = [limit for limit in (resources.cpu_max, controls.cpus) if limit]
    return Needs(
        cpu_min=resources.cpu_min,
        cpu_max=min(limits, default=0),
        memory_min=resources.memory_min,
        memory_max=resources.memory_max,
        cores=controls.cores,
        devices=resources.devices,
        network=controls.network,
        mounts=() if job.trust == "untrusted" else job.mounts,
    )


def _cpus(text: str, notes: list[str]) -> tuple[float, str]:
    """`2` is a count of cores; `0,2,4` and `0-3` name them."""
    if _COUNT.fullmatch(text) and float(text) > 0:
        return float(text), ""
    if _CORES.fullmatch(text) and not text.isdecimal():
        return 0, text
    if text:
        notes.append(
            f"VH_CPU_LIMIT is ignored: {text[:100]!r} is neither a count of cores nor a list like 0,2,4"
        )
    return 0, ""


def _is_true(values: dict[str, str], name: str) -> bool:
    return values.get(name, "").lower() in _TRUE
