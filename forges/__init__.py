"""The shelf of forges: all that differs by forge, one file each."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from forges.port import Forge
from schemas.errors import Stalled

KINDS = sorted({module.name for module in iter_modules(__path__)} - {"port"})


def load(kind: str, settings: Mapping[str, object]) -> Forge:
    """The forge of one repository. `kind` names a module of this package, which defines `connect(settings) -> Forge`.

    Raises `Stalled` for an unknown kind, a missing library, or settings that the driver cannot work with.
    """
    if kind not in KINDS:
        raise Stalled(f"there is no forge of the kind {kind}", f"Kinds of forges: {', '.join(KINDS)}.")
    try:
        driver = import_module(f"{__name__}.{kind}")
    except ImportError as error:
        raise Stalled(f"the forge {kind} needs a library that is not installed: {error.name}") from error
    forge: Forge = driver.connect(settings)
    return forge
