"""An attempt's log on the agent's disk: the truth, written before anything is sent anywhere.

`spool.jsonl` holds records as JSON lines. `spool.marks` holds a line after every write: how far both files and the raw
streams of the job have come. After a kill the spool is cut back to the last mark, and the streams are read again from there.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import log_lines
from schemas.messages.log import LogRecord

BLOCK = 1024 * 1024
MAX_BYTES = 2 * 1024 * 1024 * 1024
"""A log does not grow beyond this; lines after it are counted, not kept."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a log has come: bytes of the spool, number of its last record, position in each stream, lines dropped."""

    size: int = 0
    seq: int = 0
    stdout: int = 0
    stderr: int = 0
    dropped: int = 0


class Spool:
    """One writer at a time; any number of readers. `grown` is notified after every write."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = folder / "spool.jsonl"
        self._marks = folder / "spool.marks"
        self._max_bytes = max_bytes
        self.mark = _last_mark(self._marks)
        self.grown = threading.Condition()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._mark_file = os.open(self._marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.mark = self._fitting(self.mark)
        os.ftruncate(self._file, self.mark.size)
        os.lseek(self._file, 0, os.SEEK_END)

    def append(self, records: Sequence[LogRecord], stdout: int, stderr: int) -> None:
        """Add records, numbered on from `mark.seq`, with the position in each stream at which they end."""
        data = b"".join(map(log_lines.encode, records))
        dropped = 0
        if self.mark.size + len(data) > self._max_bytes:
            kept = [record for record in records if record.stream == "status"]
            dropped = len(records) - len(kept)
            kept = [
                LogRecord(self.mark.seq + n, r.time, r.stream, r.message, r.more)
                for n, r in enumerate(kept, 1)
            ]
            data, records = b"".join(map(log_lines.encode, kept)), kept
        _write(self._file, data)
        before = self.mark
        mark = Mark(
            before.size + len(data), before.seq + len(records), stdout, stderr, before.dropped + dropped
        )
        _write(
            self._mark_file, f"{mark.size} {mark.seq} {mark.stdout} {mark.stderr} {mark.dropped}\n".encode()
        )
        with self.grown:
            self.mark = mark
            self.grown.notify_all()

    def read(self, offset: int, limit: int = BLOCK) -> bytes:
        """Whole lines from `offset` (the start of a line) on: about `limit` bytes, at least one line if there is one."""
        end = self.mark.size
        while True:
            data = os.pread(self._file, min(limit, end - offset), offset)
            whole = data.rfind(b"\n") + 1
            if whole or len(data) >= end - offset:
                return data[:whole]
            limit *= 2

    def line_after(self, offset: int) -> int:
        """The start of the first line at or after `offset`."""
        if offset <= 0:
            return 0
        at = offset - 1
        while data := os.pread(self._file, 65_536, at):
            found = data.find(b"\n")
            if found >= 0:
                return at + found + 1
            at += len(data)
        return at

    def blocks(self) -> Iterator[bytes]:
        """All of it, in blocks of whole lines."""
        offset = 0
        while block := self.read(offset):
            yield block
            offset += len(block)

    def close(self) -> None:
        """Let go of the files. Reading and writing are over."""
        os.close(self._file)
        os.close(self._mark_file)

    def _fitting(self, mark: Mark) -> Mark:
        """After a crash of the machine the spool may be shorter than its mark says; then it is read again from its start."""
        return mark if os.fstat(self._file).st_size >= mark.size else Mark()


def _last_mark(path: Path) -> Mark:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return Mark()
    for line in reversed(lines):
        numbers = line.split()
        if len(numbers) == 5 and all(number.isdigit() for number in numbers):
            return Mark(*map(int, numbers))
    return Mark()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
