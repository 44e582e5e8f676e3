"""A status line of a commit, as it stands in `refs/notes/luotsi`: one signed JSON object a line, one line a context."""

from dataclasses import dataclass
from typing import Literal

from schemas.codec import Moment, ShaText

CommitState = Literal["pending", "success", "failure", "error"]


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What a forge shows. `description` is at most 140 characters, as the narrowest forge wants."""

    context: str
    state: CommitState
    description: str
    commit: ShaText
    time: Moment
    url: str = ""
