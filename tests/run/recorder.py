"""A pytest plugin: takes one share of the test files, and writes down what happens, a line of JSON an event.

Events, by their key: `tests` (how many were collected), `began` (a test's id), `ended` (the same, with its `seconds`), `said`
(a `Word`), `parts` (rows of the board, by key), `exit` (pytest's own code, with the `cpu` seconds of the session and all its
processes; missing where the session did not come to its end).

It is loaded before the tests move HOME, so it imports nothing that reads HOME.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

import pytest

from tests.run.shares import SHARES, share_of

BOARD_PLUGIN = "tests.parts.fixtures"


@dataclass(frozen=True, slots=True)
class Word:
    """What a test, or the collection of a file, came to. `kind` is pytest's word for its summary line."""

    kind: str
    test: str
    when: str = ""
    text: str = ""
    """All that pytest would print of it; of a skip, place and reason."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", choices=SHARES, help="run these test files only")
    parser.addoption("--record", type=Path, help="write down here what happens")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("record")
    if path:
        config.pluginmanager.register(Recorder(config, path.open("w")))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    share = config.getoption("share")
    if not share or collection_path.is_dir():
        return None
    inside = PurePosixPath(collection_path.relative_to(config.rootpath).as_posix())
    return True if share_of(inside) != share else None


class Recorder:
    """Writes the events of one session."""

    def __init__(self, config: pytest.Config, file: TextIO) -> None:
        self._config = config
        self._file = file
        self._began = 0.0

    def _write(self, **event: object) -> None:
        self._file.write(json.dumps(event) + "\n")
        self._file.flush()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._write(tests=len(session.items))

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            self._write(said=asdict(Word("deselected", item.nodeid)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(began=nodeid)
        self._began = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._write(ended=nodeid, seconds=round(time.monotonic() - self._began, 3))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        kind = self._config.hook.pytest_report_teststatus(report=report, config=self._config)[0]
        if kind:
            self._write(said=asdict(Word(kind, report.nodeid, report.when, self._text(report))))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(said=asdict(Word("error", report.nodeid, "collect", self._text(report))))
        elif report.skipped:
            self._write(said=asdict(Word("skipped", report.nodeid, "collect", self._text(report))))

    def pytest_warning_recorded(self, warning_message: object, nodeid: str) -> None:
        self._write(said=asdict(Word("warnings", nodeid, text=str(warning_message))))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        fixtures = self._config.pluginmanager.get_plugin(BOARD_PLUGIN)
        if fixtures:
            board = self._config.stash[fixtures.BOARD]
            self._write(parts={key: asdict(row) for key, row in board.rows.items()})
        self._write(exit=int(exitstatus), cpu=sum(os.times()[:4]))

    def pytest_unconfigure(self) -> None:
        self._file.close()

    def _text(self, report: pytest.TestReport | pytest.CollectReport) -> str:
        if report.passed:
            return ""
        if isinstance(report.longrepr, tuple):
            path, line, reason = report.longrepr
            short = os.path.relpath(path, self._config.rootpath)
            return f"{short}:{line}: {reason.removeprefix('Skipped: ')}"
        sections = [f"--- {title} ---\n{content}" for title, content in report.sections]
        return "\n".join([report.longreprtext, *sections])
