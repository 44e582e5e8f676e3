"""One record of a log. Records of an attempt are numbered from 1 without a gap, over all three streams."""

from dataclasses import dataclass
from typing import Literal

from schemas.codec import Moment

MAX_MESSAGE = 65_536
"""Characters of one record. A longer line is cut into several; all but the last have `more`."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line (or a piece of a long one) of stdout, stderr, or `status` (the agent's own words)."""

    seq: int
    time: Moment
    stream: Literal["stdout", "stderr", "status"]
    message: str
    more: bool = False
