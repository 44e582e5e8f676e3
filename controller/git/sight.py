"""One look at a repository as a whole, for any thread: what the mirror holds after it, or that nothing has changed since the last."""

from dataclasses import dataclass
from pathlib import Path

from controller.git import address as addresses
from controller.git.commits import TagInfo
from controller.git.listing import Listing
from controller.git.mirror import Mirror

AT_ONE_PLACE = 16
"""Looks at once at one host."""
IN_ONE_FOLDER = 2
"""The same for repositories side by side on this machine, where reading is quick and waits for nothing."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look saw, to know it again: the listing's fingerprint, and of which address and mirror it is."""

    address: str
    mirror: tuple[int, int]
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """The mirror's branches and tags after a look."""

    listing: Listing
    tags: list[TagInfo]
    sight: Sight


def see(mirror: Mirror, last: Sight | None) -> Seen | None:
    """Bring the mirror to what stands in its repository; None when that is what `last` saw. Raises what the mirror raises."""
    known = last is not None and (last.address, last.mirror) == (mirror.address, _identity(mirror.path))
    if not mirror.fetch(unless=last.fingerprint if last is not None and known else None):
        return None
    held = mirror.held()
    return Seen(held, mirror.tags(), Sight(mirror.address, _identity(mirror.path), held.fingerprint()))


def lane(address: str) -> tuple[str, int]:
    """Which repositories share their luck (those of a host, or of a folder), and at how many of those to look at once."""
    here = addresses.folder(address)
    if here is not None:
        return str(here.parent), IN_ONE_FOLDER
    return f"//{addresses.host(address)}", AT_ONE_PLACE


def _identity(mirror: Path) -> tuple[int, int]:
    """Which mirror it is: one that was removed and made again is another. git never writes its HEAD."""
    try:
        head = (mirror / "HEAD").stat()
    except OSError:
        return 0, 0
    return head.st_ino, head.st_mtime_ns
