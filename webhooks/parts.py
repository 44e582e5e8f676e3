"""What the ear needs from the door: real parts behind their ports, handed in once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from forges.port import Forge
from ledger.attempts import AttemptRow
from ledger.database import Ledger
from schemas.values import Secret
from stores.port import Store

Answers = Mapping[tuple[str, int], int]
"""How many deliveries were answered so: (`hooks` or `forges`, the answer's status) -> count."""


def _not_counted(route: str, status: int) -> None:
    del route, status


@dataclass(frozen=True, slots=True)
class WebParts:
    """`forge` gives the forge of a repository's name and `named_forge` that of a forge's own, None when it takes no
    deliveries; `wake` and `answered` neither raise nor wait: one is called after the row is committed, the other with a
    route and a status, whose counts `answers` gives (None: not known at present); `secrets` gives what an attempt may
    know, name -> value, at its claim; `clock` is the ledger's (`Ledger.now`). `objects_secret` is the folder stores'.
    `threads`: requests that the server takes at once. In seconds: `lease`, how long an address lasts, and how long a
    delivery's body may take (forges give up themselves after about as long).
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
    delivery_seconds: float = 10
    threads: int = 64
    named_forge: Callable[[str], Forge | None] = lambda _: None
    answered: Callable[[str, int], None] = _not_counted
    answers: Callable[[], Answers | None] = lambda: None
