"""Where the files of an input go: names, directories, collisions. Decided before a byte is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from schemas.errors import Refused
from schemas.messages.job import DatumFile, Input

LONGEST_PART = 255
"""Bytes of one name, as Linux' file systems take them."""

LONGEST_NAME = 3_000
"""Bytes of a whole relative path; the system takes 4,096 for an absolute one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that a source has. `path` is its whole path below host, bucket or root; `below` the part after the folder
    of the first star (the last name alone where the address has no star)."""

    uri: str
    """Exactly this one file. It may hold a user name and a password."""
    path: str
    below: str
    size: int | None = None
    """Bytes, where the source says so before the file is read."""
    version: str = ""
    """Changes whenever the bytes do; empty where the source cannot promise that."""

    @property
    def shown(self) -> str:
        """The address as people and the record see it."""
        return without_login(self.uri)


@dataclass(frozen=True, slots=True)
class Placement:
    """One file: into the directory `input`, under `name`, from an earlier execution's output or from a source."""

    input: str
    name: str
    source: DatumFile | Found

    @property
    def uri(self) -> str:
        """What people and the record see: never a user name or password of an address."""
        return self.source.shown if isinstance(self.source, Found) else f"datum://{self.source.datum}"


def place(described: Input, found: Sequence[Found] = ()) -> list[Placement]:
    """The files of one input: its data, then what its addresses gave, in the order given; one that is named twice once.

    Raises `Refused` for a name that leads outside or that no disk takes, and where two files want one name.
    """
    input_ = directory(described)
    whole = f"a file of the input {described.name!r}"
    placements = [
        Placement(input_, safe(_datum_name(described, each), whole), each) for each in described.data
    ]
    placements += [Placement(input_, safe(_found_name(described, each), whole), each) for each in found]
    placements = list({(each.uri, each.name): each for each in placements}.values())
    if described.filename and len(placements) == 1:
        [only] = placements
        placements = [Placement(input_, safe(described.filename, "filename"), only.source)]
    _no_collisions(described, placements)
    return placements


def directory(described: Input) -> str:
    """The name of an input's directory. Raises `Refused` unless it is one plain name."""
    name = safe(described.name, f"the name of the input {described.name!r}")
    if "/" in name or name != described.name:
        raise Refused(f"an input's name is the name of one directory; {described.name!r} is not")
    return name


def safe(name: str, what: str) -> str:
    """A relative path that stays below its directory, and that a disk takes. Raises `Refused`."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise Refused(f"{what} is not a relative path that stays inside: {name[:300]!r}")
    path = "/".join(parts)
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        # Neither JSON nor the job's own code would get it right.
        raise Refused(f"{what} has a name that is no UTF-8: {name[:300]!r}", "Rename the file.") from error
    if max(sizes) > LONGEST_PART or sum(sizes) + len(sizes) > LONGEST_NAME:
        raise Refused(f"{what} has a longer name than a disk takes: {name[:300]!r}", "Give it a `filename`.")
    return path


def without_login(url: str) -> str:
    """The address without user name and password, also where it is no address at all."""
    start, slashes, rest = url.partition("://")
    if start.lower() not in ("http", "https"):
        return url
    place, slash, path = rest.partition("/")
    return start + slashes + place.rpartition("@")[2] + slash + path


def _datum_name(described: Input, datum: DatumFile) -> str:
    if described.keep_directories == "none":
        return PurePosixPath(safe(datum.name, f"a file of the input {described.name!r}")).name
    return datum.name


def _found_name(described: Input, found: Found) -> str:
    whole = safe(found.path, f"a file of the input {described.name!r}")
    match described.keep_directories:
        case "none":
            return PurePosixPath(whole).name
        case "suffix":
            return found.below
        case _:
            return whole


def _no_collisions(described: Input, placements: Sequence[Placement]) -> None:
    files: dict[str, Placement] = {}
    folders: dict[str, Placement] = {}
    for placement in placements:
        other = files.setdefault(placement.name, placement)
        if other is not placement:
            raise _collision(described, other, placement)
        for folder in PurePosixPath(placement.name).parents:
            folders.setdefault(str(folder), placement)
    for placement in placements:
        if placement.name in folders:
            raise _collision(described, placement, folders[placement.name])


def _collision(described: Input, one: Placement, other: Placement) -> Refused:
    hint = "Set `keep-directories: full`, or name one file."
    if one.name == other.name:
        wanted = f"want the name {one.name!r}"
    else:
        wanted = f"are in each other's way, as {one.name!r} and {other.name!r}"
    return Refused(f"two files of the input {described.name!r} {wanted}: {one.uri} and {other.uri}", hint)
