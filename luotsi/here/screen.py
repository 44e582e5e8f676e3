"""A run on a terminal: the log as it comes, and at the end what a person wants to know of it."""

import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.local import LocalRun
from luotsi import terminal
from luotsi.terminal import line, styled
from schemas.messages.log import LogRecord
from schemas.messages.result import Result
from schemas.states import Word
from schemas.words import figure, size

SHAPES = {
    Word.SUCCESS: ("✓", "green"),
    Word.FAILURE: ("✗", "red"),
    Word.ERROR: ("▲", "yellow"),
    Word.CANCELLED: ("■", "white"),
    Word.INTERRUPTED: ("◌", "yellow"),
}
MOST = 12
"""Metrics, and outputs, that are shown; the result has all of them."""


def follow(run: LocalRun, quiet: bool) -> Result:
    """Run it. The command's streams stay apart, and the agent's own words go to stderr; `quiet`: all of it does.

    Ctrl-C ends the command, and what it made by then is kept. So does a reader that goes away, whose `OSError` is raised.
    """
    with _interrupted(run):
        records = run.records()
        try:
            for record in records:
                show(record, quiet)
        except BaseException:
            run.stop()
            deque(records, maxlen=0)  # until it has ended
            raise
    return run.result()


def show(record: LogRecord, quiet: bool = False) -> None:
    """One record, as it was printed: the person's own command may move their cursor, and our words may not."""
    if record.stream == "status":
        terminal.say(styled(f"· {record.message}", "dim"), err=True)
    else:
        terminal.exactly(record.message, nl=not record.more, err=quiet or record.stream == "stderr")


def summary(result: Result, folder: Path) -> None:
    """The last lines: how it ended, the metrics, the outputs, where everything lies."""
    word = word_of(result)
    shape, colour = SHAPES[word]
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        shape = {"✓": "+", "✗": "x", "▲": "!", "■": "#", "◌": "~"}[shape]
    terminal.say()
    terminal.say(line(styled(f"{shape} {word}", f"bold {colour}"), f": {result.reason}"))
    numbers = {key: value for key, value in result.metadata.items() if isinstance(value, int | float)}
    if numbers:
        shown = [f"{key} {figure(value)}" for key, value in list(numbers.items())[:MOST]]
        terminal.say(f"  metrics  {', '.join(shown)}{_more(len(numbers))}")
    if result.outputs:
        shown = [f"{output.name} ({size(output.size)})" for output in result.outputs[:MOST]]
        terminal.say(f"  outputs  {', '.join(shown)}{_more(len(result.outputs))}")
    for event in result.events:
        terminal.say(f"  note     {event}")
    terminal.say()
    terminal.say(str(folder))


def word_of(result: Result) -> Word:
    """What people see: a command that failed is a failure, what kept it from running is an error."""
    match result.outcome:
        case "complete":
            return Word.SUCCESS
        case "stopped":
            return Word.CANCELLED
        case "interrupted":
            return Word.INTERRUPTED
        case _:
            return Word.ERROR if result.exit_code is None else Word.FAILURE


def _more(count: int) -> str:
    return f" and {count - MOST} more" if count > MOST else ""


@contextmanager
def _interrupted(run: LocalRun) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the command instead of this process, which then says what came of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(*_: object) -> None:
        if not run.interrupted:
            with suppress(OSError):
                terminal.say(styled("· ending the command: SIGTERM, ten seconds, SIGKILL", "dim"), err=True)
        run.stop()

    before = {
        number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
