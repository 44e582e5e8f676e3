"""The agents' API: what an agent says and what it is answered. JSON over HTTPS, with the agent's own token.

Paths are in the design: POST /agent/v1/attempts/<id>/{claim,manifest,addresses,detail,finish} and POST /agent/v1/renew.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from schemas.codec import Sha256, Uuid


class Order(StrEnum):
    """What the controller wants of an attempt that an agent holds. `lost`: it is no longer this agent's."""

    GO_ON = "go-on"
    STOP = "stop"
    DRAIN = "drain"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that the agent asks an address for. `code`, `log` and `result` lie in the system store, data in artifacts."""

    method: Literal["GET", "PUT"]
    key: str
    store: str = "system"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send the bytes: an `http(s)://` URL signed for this object, or a `file://` path on a shared machine."""

    method: Literal["GET", "PUT"]
    key: str
    url: str
    store: str = "system"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """`delivery` is the number in the job message; `shares_folder` says that `file://` addresses reach this agent."""

    delivery: int
    shares_folder: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedInput:
    """A file as it was placed: its digest, its size, and where it came from. One on demand may have neither yet."""

    input: str
    name: str
    uri: str
    size: int | None
    sha256: Sha256 | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to a claim that was won (or is asked again by its holder). `lease` counts seconds from now."""

    attempt: Uuid
    lease: float
    secrets: dict[str, str] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    resolved: tuple[ResolvedInput, ...] | None = None
    """What the manifest of an earlier attempt names; this one takes the same files. None: no attempt came so far."""


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """Sent every third of a lease, also with no attempt in hand; the only proof of life."""

    attempts: tuple[Uuid, ...]
    free_slots: int
    slots: int
    runtime: str = ""
    """`docker 20.10.24`, `process (no isolation)`: what people read."""
    host: str = ""
    version: str = ""
    cpus: float = 0
    """Cores of the machine; 0: not known."""
    memory: int = 0
    """MB of the machine; 0: not known."""
    devices: dict[str, int] = field(default_factory=dict)
    """Count by resource name, such as `nvidia.com/gpu`."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """Lease (seconds from now) and order for one attempt."""

    attempt: Uuid
    lease: float
    order: Order


@dataclass(frozen=True, slots=True)
class RenewAnswer:
    """One entry for each attempt asked about. `interval`: seconds until the next renewal is due."""

    attempts: tuple[Renewed, ...]
    interval: float
    drain: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the environment resolved before the command starts. A later attempt keeps it."""

    image: str
    image_digest: str
    runtime: str
    inputs: tuple[ResolvedInput, ...] = ()


@dataclass(frozen=True, slots=True)
class AddressesRequest:
    """Ask for signed addresses of named objects of this attempt."""

    objects: tuple[Wanted, ...]
    shares_folder: bool = False


@dataclass(frozen=True, slots=True)
class AddressesAnswer:
    """In the order of the request. `expires`: seconds until the addresses end."""

    addresses: tuple[Address, ...]
    expires: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The result object is stored; `digest` is over its bytes."""

    digest: Sha256


@dataclass(frozen=True, slots=True)
class StatusDetail:
    """What the running job says of itself (contract 5.6), at most 1000 characters; it replaces what it said before."""

    status_detail: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The body of every answer that is 4xx or 5xx: what is wrong, and what to do."""

    error: str
    hint: str = ""
