"""A record: a fact of the ledger that cannot be computed again, put into the system store when it becomes final."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.codec import Json, Moment, Uuid

VERSION = 1

Kind = Literal[
    "verdict",
    "execution",
    "task",
    "pipeline",
    "approval",
    "run",
    "tag",
    "version",
    "promotion",
    "observation",
    "names",
]


@dataclass(frozen=True, slots=True)
class Record:
    """`records/<repository>/<kind>/<id>.json`. `body` is the final row as JSON, keyed by the ledger's column names."""

    version: int
    repository: Uuid
    kind: Kind
    id: str
    time: Moment
    body: dict[str, Json] = field(default_factory=dict)
