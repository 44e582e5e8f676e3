"""Which of the sessions a test file belongs to: exactly one, whatever it is called and wherever it lies."""

from pathlib import PurePosixPath

PARTS, REST = "parts", "rest"
SHARES = (PARTS, REST)

HEAVY = ("tests/e2e/", "tests/drivers/", "tests/conformance/")
"""Folders whose tests need the Docker engine, Chromium and whole installations: those are started in one session alone.

The two shares take about as long as each other: the `seconds` in `build/tests/*.jsonl` say which folder to move when they do not."""


def share_of(path: PurePosixPath) -> str:
    """The session of a test file, from its path inside the repository."""
    return PARTS if str(path).startswith(HEAVY) else REST
