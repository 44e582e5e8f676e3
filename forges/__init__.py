"""The shelf of forges: all that differs by forge, one file each."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from forges.port import Forge, ForgeApi
from schemas.errors import Stalled

KINDS = sorted({module.name for module in iter_modules(__path__)} - {"port", "signatures"})


def load(kind: str, settings: Mapping[str, object]) -> Forge:
    """The forge of one repository. `kind` names a module of this package, which defines `connect(settings) -> Forge`.

    Raises `Stalled` for an unknown kind, a missing library, or settings that the driver cannot work with.
    """
    forge: Forge = _driver(kind).connect(settings)
    return forge


def speak(kind: str, settings: Mapping[str, object]) -> ForgeApi:
    """The API of one site, for all repositories that these credentials open: `speak(settings) -> ForgeApi` of the module.

    Raises `Stalled` for an unknown kind, one that has no API, or settings that the driver cannot work with.
    """
    driver = _driver(kind)
    if not hasattr(driver, "speak"):
        raise Stalled(f"the forge {kind} has no API", "Results are told in git notes there.")
    api: ForgeApi = driver.speak(settings)
    return api


def _driver(kind: str) -> Any:
    if kind not in KINDS:
        raise Stalled(f"there is no forge of the kind {kind}", f"Kinds of forges: {', '.join(KINDS)}.")
    try:
        return import_module(f"{__name__}.{kind}")
    except ImportError as error:
        raise Stalled(f"the forge {kind} needs a library that is not installed: {error.name}") from error
