"""One pytest session in a process of its own, and what it has said so far."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.parts.board import Row, State
from tests.parts.process import dying_with_us
from tests.run.recorder import Word

LAST_LINES = 40
ENDED = {0, 1}
"""pytest's codes for a session that ran all its tests: they passed, or some failed."""


class Session:
    """`share` is its name, too. `output` is a file with all that it printed."""

    def __init__(self, share: str, root: Path, folder: Path, arguments: Sequence[str]) -> None:
        self.share = share
        self.output = folder / f"{share}.txt"
        self.tests = 0
        self.done = 0
        self.running = ""
        self.words: list[Word] = []
        self.parts: dict[str, Row] = {}
        self.seconds = self.cpu = 0.0
        self._exit: int | None = None
        self._is_interrupted = False
        self._begun = self._last_begun = 0
        record = folder / f"{share}.jsonl"
        record.write_bytes(b"")  # what an earlier run wrote is not what this one says
        options = [f"--share={share}", f"--record={record}", "-o", f"cache_dir=.pytest_cache/{share}"]
        command = [sys.executable, "-m", "pytest", "-p", "tests.run.recorder", *options, *arguments]
        self._began = time.monotonic()
        with self.output.open("wb") as output:
            # Ctrl-C goes to a terminal's whole group: out of it, a session hears it once, from us.
            self.process = subprocess.Popen(
                [*dying_with_us(), *command],
                cwd=root,
                env={**os.environ, "COVERAGE_FILE": f".coverage.{share}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._record = record.open()
        self._half = ""

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    @property
    def is_read(self) -> bool:
        """Whether it is over and all that it wrote has been taken in."""
        return self._record.closed

    @property
    def counts(self) -> Counter[str]:
        """How many of each kind, as pytest calls them; a session that broke off is an error."""
        return Counter(word.kind for word in self.words) + Counter({"error": 1 if self.trouble else 0})

    @property
    def code(self) -> int:
        """0 where all is well, else 1; of use when it is over."""
        return 0 if self.process.poll() == 0 and not self.trouble else 1

    @property
    def trouble(self) -> str:
        """Why this session's words are not all: it broke off, or found no tests. Empty while it runs and when all is well."""
        code = self.process.poll()
        if code is None or (self._exit == code and (code in ENDED or self._has_told)):
            return ""
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        where = f" in {self.running}" if self.running else ""
        tail = "\n".join(self.output.read_text(errors="replace").splitlines()[-LAST_LINES:])
        return f"the session {self.share} {how}{where}; it printed at last:\n{tail}"

    @property
    def _has_told(self) -> bool:
        """Whether it is known without more words why it did not run all its tests."""
        return self._is_interrupted or any(word.when == "collect" for word in self.words)

    def read(self) -> list[Word]:
        """Take in what has happened since the last call; what was said meanwhile."""
        if self.is_read:
            return []
        over = self.is_over  # asked first: what it wrote before its end is read then
        self._half += self._record.read()
        *lines, self._half = self._half.split("\n")
        before = len(self.words)
        for line in lines:
            self._take(json.loads(line))
        self.seconds = time.monotonic() - self._began
        if over:
            self._record.close()
        return self.words[before:]

    def _take(self, event: dict[str, object]) -> None:
        match event:
            case {"said": dict(word)}:
                self.words.append(Word(**word))
            case {"began": str(test)}:
                self.running = test
                self._begun += 1
            case {"ended": _}:
                self.done += 1
                self.running = ""
            case {"tests": int(tests)}:
                self.tests = tests
            case {"parts": dict(rows)}:
                self.parts = {key: Row(**row | {"state": State(row["state"])}) for key, row in rows.items()}
            case {"exit": int(code), "cpu": float(cpu)}:
                self._exit, self.cpu = code, cpu

    def interrupt(self) -> None:
        """As Ctrl-C does: the test that runs ends, fixtures are torn down."""
        self.read()
        self._is_interrupted = True
        self._last_begun = self._begun + 1  # one may be beginning now
        self._signal(signal.SIGINT)

    def insist(self) -> None:
        """Interrupt again where it goes on with other tests: libraries swallow what is raised while C code calls them back."""
        self.read()
        if self._begun > self._last_begun:
            self.interrupt()

    def kill(self) -> None:
        """At once. Its servers die with it."""
        self._is_interrupted = True
        self._signal(signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Whether it is over, `seconds` from now at the latest."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        if not self.is_over:
            os.kill(self.process.pid, number)
