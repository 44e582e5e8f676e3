"""What a person sees while the sessions run: each failure at once, and how far the sessions are.

On a terminal the last lines, one a session, are written over again and again; elsewhere lines are appended.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from tests.run.recorder import Word
from tests.run.session import Session

EVERY = 30.0
"""Seconds between two looks at a session in what is no terminal."""

LOUD = ("failed", "error")
ERASE_LINE, UP = "\x1b[2K", "\x1b[1A"


class Progress:
    """Call `show` often: it decides what is worth a line."""

    def __init__(
        self, sessions: Sequence[Session], out: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sessions = sessions
        self._out = out
        self._drawn = 0
        self._clock = clock
        self._next = clock() + EVERY
        self._over: set[str] = set()

    def show(self, said: Sequence[Word]) -> None:
        """What was said since the last call, and where the sessions are."""
        loud = [f"{word.kind.upper()} {word.test}" for word in said if word.kind in LOUD]
        if self._out.isatty():
            width = shutil.get_terminal_size().columns - 1
            lines = [self.line(session)[:width] for session in self._sessions]
            self._out.write(f"{UP}{ERASE_LINE}" * self._drawn + "\r")
            self._drawn = len(lines)
        else:
            lines = self._due()
        for line in [*loud, *lines]:
            self._out.write(f"{line}\n")
        self._out.flush()

    def _due(self) -> list[str]:
        ended = {session.share for session in self._sessions if session.is_over} - self._over
        self._over |= ended
        if self._clock() < self._next:
            return [self.line(session) for session in self._sessions if session.share in ended]
        self._next = self._clock() + EVERY
        return [self.line(each) for each in self._sessions if each.share in ended or not each.is_over]

    @staticmethod
    def line(session: Session) -> str:
        """Where a session is."""
        far = f"{session.done}/{session.tests}" if session.tests else "collecting"
        counts = session.counts
        bad = sum(counts[kind] for kind in LOUD)
        words = f"{session.share:<6} {session.seconds:4.0f} s  {far:>10}{f'  {bad} failed' if bad else ''}"
        return f"{words}  {'over' if session.is_over else session.running}".rstrip()
