"""Inputs that a running job asks for (`download: on-demand`): which they are, and their bytes.

The listing is kept beside the attempt, since another agent process may take up the running command.
"""

import mimetypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore
from typing import BinaryIO

from agent.core.placing import Found
from agent.folder import write_file
from agent.supply import Supply, told_of
from agent.transfer import CHUNK
from schemas import codec
from schemas.errors import Refused
from schemas.messages.job import DatumFile

AT_ONCE = 4
"""Files of one attempt that are fetched at a time."""

FILE = "on-demand.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `filename` is its `name` in inputs.json; it comes from a datum or from what a source has."""

    input_id: str
    input: str
    filename: str
    datum: DatumFile | None = None
    found: Found | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of an attempt that wait to be asked for."""

    entries: tuple[Entry, ...] = ()

    def save(self, folder: Path) -> None:
        """Keep it in the attempt's folder, readable by its owner only: addresses may hold logins."""
        write_file(folder / FILE, codec.write(self))


class Pieces(Iterator[bytes]):
    """The bytes of an open file. It is closed at its end, or by `close` where nobody reads so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __next__(self) -> bytes:
        piece = b"" if self._file.closed else self._file.read(CHUNK)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class OnDemand:
    """The files that a running job may ask its agent for. Safe to share between threads.

    `folder` is the attempt's own; files that no cache keeps are fetched below it, and removed as soon as they are open.
    """

    def __init__(self, listing: Listing, supply: Supply, folder: Path) -> None:
        self._listing = listing
        self._supply = supply
        self._folder = folder
        self._few = BoundedSemaphore(AT_ONCE)

    @classmethod
    def of(cls, folder: Path, supply: Supply) -> "OnDemand":
        """What `Listing.save` kept in an attempt's folder; nothing where nothing was kept."""
        try:
            listing = codec.read(Listing, (folder / FILE).read_bytes())
        except FileNotFoundError:
            listing = Listing()
        return cls(listing, supply, folder)

    def entries(self, input_id: str) -> tuple[Entry, ...]:
        """The files of an input, in the order of inputs.json; none for an id that is not known or has nothing on demand."""
        return tuple(entry for entry in self._listing.entries if entry.input_id == input_id)

    def entry(self, input_id: str, filename: str) -> Entry | None:
        """One file of an input."""
        return next((entry for entry in self.entries(input_id) if entry.filename == filename), None)

    def open(self, entry: Entry) -> tuple[Pieces, int, str]:
        """The file's bytes in pieces, their number, and the content type. The whole file is here, and verified, by then.

        Close the pieces unless they are read to their end. Raises what stands in the way after the attempt's patience
        (any `LuotsiError`), and what its orders raise.
        """
        kind, encoding = mimetypes.guess_type(entry.filename)
        told = kind if kind and encoding is None else "application/octet-stream"
        file = self._fetched(entry)
        return Pieces(file), os.fstat(file.fileno()).st_size, told

    def _fetched(self, entry: Entry) -> BinaryIO:
        source = entry.datum or entry.found
        if source is None:
            raise Refused(f"nothing says where {entry.filename!r} comes from")
        with self._few, TemporaryDirectory(prefix="asked-", dir=self._folder) as folder:
            target = Path(folder, "file")
            with told_of(entry.input):
                self._supply.fetch(source, target)
            return target.open("rb")
