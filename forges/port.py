"""The port of forges: what a forge's delivery is, and how it is told from a forgery. What we tell a forge comes later."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.codec import ShaText


@dataclass(frozen=True, slots=True)
class Delivery:
    """A hint to look at a repository now. What is true of its refs, an observation says, never a delivery.

    `id` is the sender's number of it: the same number again is the same delivery. `ref` is a full name
    (`refs/heads/main`); `before` and `after` are what the sender says that it held and holds (40 zeros: nothing).
    """

    id: str
    event: str
    ref: str | None = None
    before: ShaText | None = None
    after: ShaText | None = None


class Forge(Protocol):
    """All that differs by forge, for one repository. Without state; safe between threads.

    `headers` are the request's, their names in lower case, their values as they came.
    """

    def verify(self, headers: Mapping[str, str], pieces: Iterable[bytes]) -> None:
        """Return if the body is from this forge. Raises `Refused` with a sentence that gives no secret away.

        The body comes in pieces that are read from the network as they are asked for: what the headers alone rule out
        is refused before the first. Compares in constant time, with every secret that is valid (two while one is being
        replaced). Errors that `pieces` raises pass through.
        """
        ...

    def parse(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Read a body that was verified. Raises `Refused`, and nothing else, for one that is not as the forge documents.

        Pure: the same request gives the same delivery, except that one without a number gets a new one.
        """
        ...
