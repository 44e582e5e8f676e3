"""`python -m tests.run [--slow] [pytest's arguments]`: what `make test` and `make test-all` call.

Without arguments, and with two cores, all tests run in two sessions side by side. With arguments it is pytest, in one.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from tests.parts import debian
from tests.parts.fixtures import PARTS
from tests.run import report
from tests.run.progress import Progress
from tests.run.session import Session
from tests.run.shares import SHARES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "tests"
PACE = 0.5
"""Seconds between two looks at the sessions."""

PATIENCE = 60.0
"""Seconds that interrupted sessions have to put their servers away."""

INTERRUPTED = 2
"""pytest's own code for it."""


def main(arguments: Sequence[str], cores: int) -> int:
    is_one, options = plan(arguments, cores)
    if is_one:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *options])
    listen()
    install(sys.stdout)
    return run(ROOT, FOLDER, options, sys.stdout)


def plan(arguments: Sequence[str], cores: int) -> tuple[bool, list[str]]:
    """Whether one session is enough, and pytest's arguments."""
    quick = [] if "--slow" in arguments else ["-m", "not slow"]
    asked = [each for each in arguments if each != "--slow"]
    return bool(asked) or cores < len(SHARES), [*quick, *asked]


def listen() -> None:
    """Every way of being asked to end is Ctrl-C, even where the shell has let that be ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)


def install(out: TextIO) -> None:
    """What Debian has and this machine has not: once, before two sessions want it. Where it cannot, the board tells."""
    wanted = dict.fromkeys(name for part in PARTS if not part().present() for name in part.packages)
    if not (wanted and debian.is_root() and debian.has_apt()):
        return
    print(f"Installing {' '.join(wanted)} (once) ...", file=out, flush=True)
    try:
        debian.install(tuple(wanted))
    except debian.CannotInstall as error:
        print(error, file=out, flush=True)


def run(root: Path, folder: Path, arguments: Sequence[str], out: TextIO) -> int:
    """Both sessions to their end. Their outputs are in `folder` afterwards. 0 where both are well."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    sessions: list[Session] = []
    try:
        sessions.extend(Session(share, root, folder, arguments) for share in SHARES)
        _follow(sessions, out)
        code = max(session.code for session in sessions)
    except KeyboardInterrupt:
        _end(sessions, out)
        code = INTERRUPTED
    for line in report.lines(sessions, time.monotonic() - began, code == INTERRUPTED):
        print(line, file=out)
    out.flush()
    return code


def _follow(sessions: Sequence[Session], out: TextIO) -> None:
    progress = Progress(sessions, out)
    going = list(sessions)
    while going:
        said = [word for session in going for word in session.read()]
        going = [session for session in going if not session.is_read]
        progress.show(said)
        if going:
            going[0].wait(PACE)


def _end(sessions: Sequence[Session], out: TextIO) -> None:
    """Every session ends: politely, or at once when asked a second time or when it takes too long."""
    print("Interrupted: the sessions put their servers away ...", file=out, flush=True)
    try:
        _each(sessions, Session.interrupt)
        deadline = time.monotonic() + PATIENCE
        while going := [session for session in sessions if not session.is_over]:
            if time.monotonic() > deadline:
                break
            going[0].wait(PACE)
            _each(going, Session.insist)
    except KeyboardInterrupt:
        pass
    _each(sessions, Session.kill)
    for session in sessions:
        session.process.wait()
        session.read()


def _each(sessions: Sequence[Session], do: Callable[[Session], None]) -> None:
    for session in sessions:
        do(session)


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sys.exit(main(sys.argv[1:], cores))
