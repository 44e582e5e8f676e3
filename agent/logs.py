"""An attempt's log as it comes: both streams and the agent's own words become numbered records in the spool.

Metadata is picked from the lines on their way. Nothing here waits for Redis or a store.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from agent.core import metadata
from agent.core.lines import Line, Splitter
from agent.core.masking import Masker
from agent.runtimes.port import Stream
from agent.spool import MAX_BYTES, Spool
from schemas import final_log, log_lines, moments
from schemas.messages.log import MAX_MESSAGE, LogRecord


class AttemptLog:
    """Opens what an earlier agent process left and goes on from there. Safe to share between threads."""

    def __init__(self, folder: Path, masker: Masker, max_bytes: int = MAX_BYTES) -> None:
        self.spool = Spool(folder, max_bytes)
        self.totals = metadata.Totals()
        self._masker = masker
        mark = self.spool.mark
        self._splitters: dict[Stream, Splitter] = {
            "stdout": Splitter(masker, mark.stdout),
            "stderr": Splitter(masker, mark.stderr),
        }
        self._continues = False
        self._lock = threading.Lock()
        self._remember()

    @property
    def taken(self) -> Mapping[str, int]:
        """The position in each stream that the spool has reached: what a runtime may skip."""
        return {stream: splitter.consumed for stream, splitter in self._splitters.items()}

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take in the next bytes of a stream."""
        with self._lock:
            self._append(stream, self._splitters[stream].feed(data))

    def finish(self) -> None:
        """The streams have ended: a last line without a newline becomes a record."""
        with self._lock:
            for stream, splitter in self._splitters.items():
                self._append(stream, splitter.finish())

    def say(self, text: str) -> None:
        """The agent's own words, on the stream `status`."""
        masked = self._masker.mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        lines = [Line(line[:MAX_MESSAGE], more=False) for line in masked.splitlines() or [""]]
        with self._lock:
            self._append("status", lines)

    def write_final(self, target: Path) -> int:
        """Write the final log to a file; its bytes before compression."""
        with target.open("wb") as file:
            return final_log.write(self.spool.blocks(), file)

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self.spool.close()

    def _append(self, stream: Literal["stdout", "stderr", "status"], lines: Sequence[Line]) -> None:
        if not lines:
            return
        if stream == "stdout":
            self._notice(lines)
        time, first = moments.to_text(moments.now()), self.spool.mark.seq + 1
        records = [
            LogRecord(seq, time, stream, line.message, line.more) for seq, line in enumerate(lines, first)
        ]
        self.spool.append(records, self._splitters["stdout"].consumed, self._splitters["stderr"].consumed)

    def _notice(self, lines: Sequence[Line]) -> None:
        for line in lines:
            whole = not line.more and not self._continues
            event = metadata.parse(line.message) if whole and "{" in line.message else None
            if event is not None:
                self.totals.add(event)
            self._continues = line.more

    def _remember(self) -> None:
        """Metadata of what is in the spool already."""
        for block in self.spool.blocks():
            for record in log_lines.decode_all(block):
                if record.stream == "stdout":
                    self._notice([Line(record.message, record.more)])
