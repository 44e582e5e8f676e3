"""The final log of an attempt, as an object: JSON lines (schemas/log_lines.py) in zstd's seekable format.

Any zstd tool reads it (`zstd -dc log.jsonl.zst`): it is a row of frames of about FRAME bytes of whole lines, and last a
skippable frame with the seek table, sizes of each frame before and after decompression. So the end of a long log, or
line N (records are numbered), is found by decompressing one frame, not all.
Format: facebook/zstd, contrib/seekable_format/zstd_seekable_compression_format.md, version 0.1.0.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

import zstandard

from schemas.errors import Refused

FRAME = 1024 * 1024
"""Bytes of lines in one frame, before compression; a frame ends with the line that reaches it."""

_SKIPPABLE = 0x184D2A5E
_SEEKABLE = 0x8F92EAB1
_PAIR = struct.Struct("<II")
_FOOTER = struct.Struct("<IBI")
TAIL = 65_536
"""Bytes from the end that hold the seek table of any log up to about 8 GB."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: where it begins in the object, its size there, and the size of its lines."""

    offset: int
    compressed: int
    size: int


def write(blocks: Iterable[bytes], target: BinaryIO) -> int:
    """Write a log from blocks of whole lines; the number of bytes before compression."""
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    sizes: list[tuple[int, int]] = []
    for lines in _gathered(blocks):
        packed = compressor.compress(lines)
        target.write(packed)
        sizes.append((len(packed), len(lines)))
    target.write(_table(sizes))
    return sum(size for _, size in sizes)


def read_table(tail: bytes, total: int) -> list[Frame]:
    """The frames of a log of `total` bytes, from its last bytes (`TAIL`, or all of them). Raises `Refused` if it is none."""
    if len(tail) < _FOOTER.size + _PAIR.size:
        raise Refused("not a final log: it is too short")
    count, descriptor, magic = _FOOTER.unpack(tail[-_FOOTER.size :])
    entry = _PAIR.size + (4 if descriptor & 0x80 else 0)
    length = count * entry + _FOOTER.size
    start = len(tail) - length - _PAIR.size
    if magic != _SEEKABLE or start < 0 or _PAIR.unpack_from(tail, start) != (_SKIPPABLE, length):
        raise Refused("not a final log: it has no seek table at its end")
    frames, offset = [], 0
    for index in range(count):
        compressed, size = _PAIR.unpack_from(tail, start + _PAIR.size + index * entry)
        frames.append(Frame(offset, compressed, size))
        offset += compressed
    if offset + _PAIR.size + length != total:
        raise Refused("not a final log: its seek table does not fit its size")
    return frames


def read_frame(data: bytes, frame: Frame) -> bytes:
    """The lines of one frame from its compressed bytes. Raises `Refused` when they are not what the table says."""
    try:
        lines = zstandard.ZstdDecompressor().decompress(data, max_output_size=frame.size)
    except zstandard.ZstdError as error:
        raise Refused(f"a frame of the log is damaged: {error}") from error
    if len(lines) != frame.size:
        raise Refused("a frame of the log does not have the size that its table says")
    return lines


def read_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Every line of a log (without its newline), from the object's bytes as they come. Raises `Refused`."""
    rest = b""
    for block in _decompressed(pieces):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        yield rest


class _Source:
    """Pieces as the file that the decompressor reads from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _decompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    # A reader, not an object that is fed: however much a few bytes unpack to, it comes in blocks.
    reader = zstandard.ZstdDecompressor().stream_reader(
        cast("BinaryIO", _Source(pieces)), read_across_frames=True
    )
    try:
        while block := reader.read(FRAME):
            yield block
    except zstandard.ZstdError as error:
        raise Refused(f"the log is damaged: {error}") from error


def _gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= FRAME:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)


def _table(sizes: Sequence[tuple[int, int]]) -> bytes:
    entries = b"".join(_PAIR.pack(*pair) for pair in sizes)
    content = entries + _FOOTER.pack(len(sizes), 0, _SEEKABLE)
    return _PAIR.pack(_SKIPPABLE, len(content)) + content
