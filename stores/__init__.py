"""The shelf of object storage: one thin port, one file a driver, and the spelling of every key."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from schemas.errors import Stalled
from stores.port import Store

KINDS = sorted(
    {module.name for module in iter_modules(__path__)}
    - {"buckets", "files", "keys", "port", "s3_client", "signed"}
)


def load(kind: str, name: str, settings: Mapping[str, object]) -> Store:
    """Open the store `name`. `kind` names a module of this package, which defines `connect(name, settings) -> Store`.

    Raises `Stalled` for an unknown kind, a missing library, or settings that the driver cannot work with.
    """
    if kind not in KINDS:
        raise Stalled(
            f"the store {name} is of an unknown kind: {kind}", f"Kinds of stores: {', '.join(KINDS)}."
        )
    try:
        driver = import_module(f"{__name__}.{kind}")
    except ImportError as error:
        raise Stalled(f"the store {name} needs a library that is not installed: {error.name}") from error
    store: Store = driver.connect(name, settings)
    return store
