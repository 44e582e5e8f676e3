"""Whether an environment can ever run what was planned, and what of it the environment does not allow."""

from typing import Any

from controller.core import fit
from controller.core.plan import Planned
from controller.ports import Environment, Ports
from ledger import agents
from schemas.errors import ConfigError


def check(ports: Ports, environment: Environment, planned: Planned) -> None:
    """Raises `ConfigError` with the reason when no machine of the environment has what the step needs at least."""
    if not fit.asks(planned.spec["resources"]):
        return
    machines = [fit.Machine.of(environment.machine)] if environment.machine else []
    if not machines:
        with ports.ledger.read() as connection:
            machines = [fit.Machine(*row) for row in agents.machines(connection, environment.id)]
    reason = fit.misfit(planned.spec["resources"], machines)
    if reason:
        raise ConfigError(f"step {planned.step} can never run in {environment.name}: {reason}")


def within(environment: Environment, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with only those mounts that the environment allows, and a note for each of the others.

    Untrusted code mounts nothing: the agent would refuse it too.
    """
    allowed, notes = fit.allowed_mounts(spec.get("mounts", ()), environment.mounts)
    if spec.get("trust", "trusted") != "trusted":
        denied = [str(mount["source"]) for mount in spec.get("mounts", ())]
        allowed = []
        notes = [
            f"the mount of {source} is ignored: untrusted code gets no folder of the machine"
            for source in denied
        ]
    return {**spec, "mounts": allowed, "notes": [*spec.get("notes", ()), *notes]}
