"""The result: an attempt's final, immutable word. Written last, once; the commit point of the attempt."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.codec import Json, Moment, Sha256, Uuid
from schemas.messages.claim import ResolvedInput

VERSION = 1


@dataclass(frozen=True, slots=True)
class Output:
    """A stored output file. `name` is the true path below the outputs directory; `key` is where it lies."""

    datum: Uuid
    name: str
    size: int
    sha256: Sha256
    key: str
    store: str = "artifacts"
    md5: str = ""
    sha1: str = ""
    metadata: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """The final log: zstd frames of JSON lines (schemas/messages/log.py). `lines` counts records, `bytes` is uncompressed."""

    key: str
    lines: int
    bytes: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made. `digest`: the image's manifest digest, its engine id where no registry gives one, or the bundle's."""

    kind: Literal["image", "bundle"]
    reference: str
    """Image reference by digest or engine id; for a bundle, the key of its archive in the artifact store."""
    digest: Sha256
    size: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome and everything that it rests on. `reason` is a sentence for people; `detail` the last error in full."""

    version: int
    execution: Uuid
    attempt: Uuid
    outcome: Literal["complete", "error", "stopped", "interrupted"]
    reason: str
    started: Moment | None
    finished: Moment
    exit_code: int | None = None
    image: str = ""
    image_digest: str = ""
    runtime: str = ""
    outputs: tuple[Output, ...] = ()
    inputs: tuple[ResolvedInput, ...] = ()
    metadata: dict[str, Json] = field(default_factory=dict)
    """The last value of every metadata key: the totals that win over what was read from the stream."""
    log: Log | None = None
    built: Built | None = None
    events: tuple[str, ...] = ()
    """Things a person should know that did not decide the outcome: an output that was left out, and why."""
