"""An attempt's log as it comes: both streams and the agent's own words become numbered records in the spool.

Metadata is picked from the lines on their way. Nothing here waits for Redis or a store.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from agent.core.lines import Line, Splitter
from agent.core.masking import Masker
from agent.core.metadata import Totals
from agent.runtimes.port import Stream
from agent.spool import MAX_BYTES, Spool
from schemas import final_log, log_lines, moments
from schemas.codec import Json
from schemas.messages.log import MAX_MESSAGE, LogRecord
from schemas.metadata import Pieces, event_of

FULL = "the log is full: what is printed from here on is counted and read for metadata, not kept"


class AttemptLog:
    """Opens what an earlier agent process left and goes on from there. Safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        masker: Masker,
        max_bytes: int = MAX_BYTES,
        condition: Callable[[Mapping[str, Json]], bool] | None = None,
    ) -> None:
        """`condition` is asked at every metadata line, also of those that an earlier agent process took in.

        `last_output` is when the job last printed something, on the monotonic clock; None: never, as far as is known.
        """
        self.spool = Spool(folder, max_bytes)
        self.totals = Totals()
        self.condition_held = False
        self.last_output: float | None = None
        self._condition = condition
        self._heard: Callable[[], None] = lambda: None
        self._masker = masker
        mark = self.spool.mark
        self._splitters: dict[Stream, Splitter] = {
            "stdout": Splitter(masker, mark.stdout),
            "stderr": Splitter(masker, mark.stderr),
        }
        self._pieces = Pieces()
        self._is_full = mark.dropped > 0
        self._lock = threading.Lock()
        self._remember()

    @property
    def taken(self) -> Mapping[str, int]:
        """The position in each stream that the spool has reached: what a runtime may skip."""
        return {stream: splitter.consumed for stream, splitter in self._splitters.items()}

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` once the condition holds; at once if it has."""
        self._heard = heard
        if self.condition_held:
            heard()

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take in the next bytes of a stream."""
        self.last_output = time.monotonic()
        with self._lock:
            self._append(stream, self._splitters[stream].feed(data))

    def finish(self) -> None:
        """The streams have ended: a last line without a newline becomes a record."""
        with self._lock:
            for stream, splitter in self._splitters.items():
                self._append(stream, splitter.finish())

    def masked(self, text: str) -> str:
        """The text without the attempt's secrets."""
        return self._masker.mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def say(self, text: str) -> None:
        """The agent's own words, on the stream `status`."""
        masked = self.masked(text).splitlines() or [""]
        lines = [Line(line[:MAX_MESSAGE], more=False) for line in masked]
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
        now, first = moments.to_text(moments.now()), self.spool.mark.seq + 1
        records = [
            LogRecord(seq, now, stream, line.message, line.more) for seq, line in enumerate(lines, first)
        ]
        self.spool.append(records, self._splitters["stdout"].consumed, self._splitters["stderr"].consumed)
        if self.spool.mark.dropped and not self._is_full:
            self._is_full = True
            self._append("status", [Line(FULL, more=False)])

    def _notice(self, lines: Sequence[Line]) -> None:
        for line in lines:
            message = self._pieces.add(line.message, line.more)
            event = event_of(message)
            if event is not None:
                self._metadata(event.values)

    def _metadata(self, event: dict[str, Json]) -> None:
        self.totals.add(event)
        if self._condition and not self.condition_held and self._condition(self.totals.values):
            self.condition_held = True
            self._heard()

    def _remember(self) -> None:
        """Metadata of what is in the spool already."""
        last = None
        for block in self.spool.blocks():
            for record in log_lines.decode_all(block):
                if record.stream == "stdout":
                    self._notice([Line(record.message, record.more)])
                last = last if record.stream == "status" else record.time
        if last is not None:
            ago = (moments.now() - moments.from_text(last)).total_seconds()
            self.last_output = time.monotonic() - max(0.0, ago)
