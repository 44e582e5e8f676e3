"""Docker's multiplexed streams, taken apart: 8 bytes of header (stream, three zeros, length in network order), then payload.

https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerAttach ("Stream format").
"""

import itertools
import re
import struct
from collections.abc import Iterable, Iterator

from agent.runtimes.port import Piece, Stream

_HEADER = struct.Struct(">BxxxL")
_STAMP = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)")
_STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}


class Frames:
    """Takes the frames apart. Feed bytes as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The whole frames in what has come so far. Those of unknown streams are left out."""
        buffer, at = self._buffer + data, 0
        while len(buffer) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(buffer, at)
            end = at + _HEADER.size + length
            if end > len(buffer):
                break
            stream = _STREAMS.get(kind)
            if stream is not None:
                yield Piece(stream, buffer[at + _HEADER.size : end])
            at = end
        self._buffer = buffer[at:]


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours of one stream as one piece."""
    for stream, group in itertools.groupby(pieces, key=lambda piece: piece.stream):
        yield Piece(stream, b"".join(piece.data for piece in group))


class Stamped:
    """Frames of a log that is read again with timestamps: without them, and with every newline that was there.

    An engine cuts lines at 16 KiB into frames with one timestamp. Some (20.10) forget the newline of such a line.
    """

    def __init__(self) -> None:
        self._last: dict[Stream, tuple[bytes, bool]] = {}

    def plain(self, frame: Piece) -> Piece:
        """What the job printed, from one frame."""
        stamp, space, data = frame.data.partition(b" ")
        if not space or not _STAMP.fullmatch(stamp):
            return frame
        before, is_whole = self._last.get(frame.stream, (stamp, True))
        self._last[frame.stream] = (stamp, data.endswith(b"\n"))
        return Piece(frame.stream, data if is_whole or stamp == before else b"\n" + data)
