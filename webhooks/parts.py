"""What the ear needs from the door: real parts behind their ports, handed in once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from forges.port import Forge
from ledger.attempts import AttemptRow
from ledger.database import Ledger
from schemas.values import Secret
from stores.port import Store


@dataclass(frozen=True, slots=True)
class WebParts:
    """`forge` gives the forge of a repository's name, None when it takes no deliveries; `wake` never raises and is called
    after the row is committed; `secrets` gives what an attempt may know, name -> value, at its claim; `clock` is the
    ledger's (`Ledger.now`). `objects_secret` is the folder stores'. In seconds: `lease`, how long an address lasts, and how
    long a delivery's body may take (forges give up themselves after about ten).
    """

    ledger: Ledger
    stores: Mapping[str, Store]
    forge: Callable[[str], Forge | None]
    wake: Callable[[], None]
    secrets: Callable[[AttemptRow], Mapping[str, Secret]]
    objects_secret: Secret
    clock: Callable[[], datetime]
    lease: float = 60
    address_seconds: float = 3600
    delivery_seconds: float = 20
