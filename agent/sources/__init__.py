"""Sources of inputs by the scheme of their addresses: one file a kind, which defines `connect(access) -> Source`."""

from contextlib import AbstractContextManager
from importlib import import_module

from agent.core.placing import Found, without_login
from agent.sources.port import Access, Opened, Source
from schemas.errors import Refused, Stalled

SCHEMES = {"http": "http", "https": "http", "s3": "s3", "file": "file"}
"""Scheme -> module of this package."""

KINDS = sorted(set(SCHEMES.values()))


class Sources:
    """All sources of one attempt, each opened when an address first needs it. Safe to share between threads."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._open: dict[str, Source] = {}

    def find(self, uri: str) -> list[Found]:
        """See the port. `Refused` for a scheme that is not known."""
        return self._source(uri).find(uri)

    def open(self, found: Found) -> AbstractContextManager[Opened]:
        """See the port."""
        return self._source(found.uri).open(found)

    def _source(self, uri: str) -> Source:
        scheme, slashes, _ = uri.partition("://")
        kind = SCHEMES.get(scheme.lower()) if slashes else None
        if kind is None:
            known = " ".join(f"{each}://" for each in SCHEMES)
            raise Refused(
                f"{without_login(uri)} is an address that this agent cannot read",
                f"Known: {known} and outputs of earlier executions.",
            )
        if kind not in self._open:
            self._open[kind] = load(kind, self._access)
        return self._open[kind]


def load(kind: str, access: Access) -> Source:
    """The source of a kind. Raises `Stalled` for a missing library."""
    try:
        module = import_module(f"{__name__}.{kind}")
    except ImportError as error:
        raise Stalled(f"addresses {kind}:// need a library that is not installed: {error.name}") from error
    source: Source = module.connect(access)
    return source
