"""Runtimes: one file a kind. A kind is found by its module's name, which defines `connect(settings) -> Runtime`."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from agent.runtimes.port import Runtime
from schemas.errors import Stalled

_PARTS = {"port", "sessions", "tail", "engine", "engine_images", "engine_options"}
KINDS = sorted({module.name for module in iter_modules(__path__)} - _PARTS)


def load(kind: str, settings: Mapping[str, object]) -> Runtime:
    """The runtime of a kind. Raises `Stalled` for an unknown kind, a missing library, or one that cannot work here."""
    if kind not in KINDS:
        raise Stalled(f"there is no runtime of the kind {kind}", f"Kinds: {', '.join(KINDS)}.")
    try:
        driver = import_module(f"{__name__}.{kind}")
    except ImportError as error:
        raise Stalled(f"the runtime {kind} needs a library that is not installed: {error.name}") from error
    runtime: Runtime = driver.connect(settings)
    return runtime
