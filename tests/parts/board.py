"""The board of real parts: starts each at most once a session, and says at the end which ran, were skipped or refused.

As root on Debian everything can be had, so a part that is missing there fails its tests instead of skipping them; but what
only a network has is skipped wherever that network does not answer. What the kernel refuses fails too, unless
LUOTSI_TEST_ALLOW names it (its fixture's name; several with commas between).
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import pytest

from tests.parts.debian import CannotInstall
from tests.parts.part import Forbidden, Missing, Part, Unreachable

ALLOW = "LUOTSI_TEST_ALLOW"
REASON = 400  # characters of a reason in the table
P = TypeVar("P", bound=Part)


class State(StrEnum):
    NOT_ASKED = "not asked"
    RAN = "ran"
    SKIPPED = "skipped"
    REFUSED = "refused"
    FAILED = "failed"


WEIGHT = {state: weight for weight, state in enumerate(State)}
"""Of two sessions' words about a part, the later in the list above counts."""


@dataclass(slots=True)
class Row:
    """A line of the table. `detail` is the version of what ran, the reason of what did not."""

    part: str
    how: str
    state: State = State.NOT_ASKED
    detail: str = ""


class Board:
    """One a session, in one thread."""

    def __init__(self, parts: list[type[Part]], *, must_have: bool, allowed: frozenset[str]) -> None:
        self._must_have = must_have
        self._allowed = allowed
        self.rows = {part.key: Row(part.name, part.how()) for part in parts}

    @contextmanager
    def use(self, kind: type[P]) -> Iterator[P]:
        """The part, running; the body's end stops it. Skips or fails the test when it cannot be had."""
        part = kind()
        folder = Path(tempfile.mkdtemp(prefix=f"luotsi-{part.key.split('_')[0]}-"))
        try:
            self._start(part, folder)
            yield part
        finally:
            part.stop()
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, part: Part, folder: Path) -> None:
        row = self.rows[part.key]
        try:
            part.install()
            part.start(folder)
        except (Missing, CannotInstall) as error:
            row.state, row.detail = State.SKIPPED, str(error)
            _fail_or_skip(f"{part.name}: {error}", fails=self._must_have)
        except Unreachable as error:
            row.state, row.detail = State.SKIPPED, str(error)
            _fail_or_skip(f"{part.name}: {error}", fails=False)
        except Forbidden as error:
            row.state, row.detail = State.REFUSED, str(error)
            _fail_or_skip(
                f"{part.name} was refused: {error} ({ALLOW}={part.key} lets this pass)",
                fails=part.key not in self._allowed,
            )
        except Exception as error:
            row.state, row.detail = State.FAILED, str(error)
            raise
        row.state, row.detail = State.RAN, part.version()

    def lines(self) -> Iterator[str]:
        """The table of this session."""
        return table(self.rows.values())


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Lines for people; none where no test asked for a part."""
    rows = list(rows)
    if all(row.state is State.NOT_ASKED for row in rows):
        return
    for row in rows:
        version = row.detail if row.state is State.RAN else ""
        yield f"{row.part:<18} {row.state:<10} {version:<26} {row.how}".rstrip()
        if row.detail and not version:
            yield f"{'':<18} {' '.join(row.detail.split())[-REASON:]}"


def merged(boards: Iterable[Mapping[str, Row]]) -> dict[str, Row]:
    """One board of several sessions', by the parts' keys. A part that ran anywhere ran, unless it made trouble elsewhere."""
    found: dict[str, Row] = {}
    for board in boards:
        for key, row in board.items():
            if key not in found or WEIGHT[row.state] > WEIGHT[found[key].state]:
                found[key] = row
    return found


def _fail_or_skip(message: str, *, fails: bool) -> None:
    if fails:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
