"""The kinds of cluster: one module each, named as in the settings, which defines `connect(name, settings, fetch)`."""

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from controller.inference.port import Cluster
from schemas.errors import Stalled

KINDS = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))

Fetch = Callable[[str], Iterable[bytes]]
"""The stored bytes of a bundle, by its key in the artifact store."""


def load(kind: str, name: str, settings: Mapping[str, object], fetch: Fetch) -> Cluster:
    """The cluster `name` of that kind. Raises `Stalled` for an unknown kind or settings that it cannot use."""
    if kind not in KINDS:
        raise Stalled(f"there is no kind of cluster called {kind}", f"Known: {', '.join(KINDS)}.")
    cluster: Cluster = import_module(f"{__name__}.{kind}").connect(name, settings, fetch)
    return cluster
