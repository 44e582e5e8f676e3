"""Which runtime runs a step here: containers where an engine answers; plain processes only when a person says so."""

from agent import runtimes
from agent.runtimes.port import Runtime
from luotsi import engines
from schemas.errors import Stalled


def runtime(docker: bool, process: bool, engine: str | None = None) -> Runtime:
    """The runtime asked for; by default the engine's. Raises `Stalled` with what to do when it cannot work."""
    if process:
        return runtimes.load("process", {"unsafe": True})
    found = engines.find(engine)
    if found.address is None:
        hint = "Start the engine." if docker else "Start the engine, or run it as a plain process: --process"
        raise Stalled(f"no container can be run: {found.reason}", hint)
    return runtimes.load("docker", {"address": found.address})
