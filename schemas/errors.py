"""The one error tree. The class says what to do next, not where the error came from.

LuotsiError                     a message for people; `.hint` says the next step
├── ConfigError                 a file that a person wrote is wrong: `.problems` with path, line, column; never retried
├── Stalled                     needs a person (credentials, missing repository, quota): said once, tried again on change
├── Waiting(after)              not yet (rate limit, machine starting): tried again after `after` seconds
├── Gone                        the thing vanished: recorded, treated as done
└── Refused                     verification failed (signature, digest, trust): recorded, nothing stored

Anything else is a bug: it is logged with its traceback, and the loop goes on.
"""

from collections.abc import Sequence

from schemas.values import Problem
from schemas.words import sentence


class LuotsiError(Exception):
    """An error that a person reads: what is wrong, and in `hint` what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Message and hint as two sentences."""
        return f"{sentence(self.message)} {self.hint}" if self.hint else self.message


class ConfigError(LuotsiError):
    """A file that a person wrote is wrong. `problems` names every place, never the first one only."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class Stalled(LuotsiError):
    """A person has to act first. Said once, tried again when something changes."""


class Waiting(LuotsiError):
    """Not yet. `after` is the number of seconds after which a new try makes sense."""

    def __init__(self, message: str, after: float, hint: str = "") -> None:
        super().__init__(message, hint)
        self.after = after


class Gone(LuotsiError):
    """The thing vanished. Recorded and treated as done."""


class Refused(LuotsiError):
    """A signature, digest or right did not check out. Recorded; nothing is stored."""
