"""Where the files of an input go: names, directories, collisions. Decided before a byte is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from schemas.errors import Refused
from schemas.messages.job import DatumFile, Input


@dataclass(frozen=True, slots=True)
class Placement:
    """One file to fetch: into the directory `input`, under `name`, from a datum or from a URL."""

    input: str
    name: str
    datum: DatumFile | None = None
    url: str = ""

    @property
    def uri(self) -> str:
        """What people and the record see: never a user name or password of a URL."""
        return f"datum://{self.datum.datum}" if self.datum else without_login(self.url)


def place(described: Input) -> list[Placement]:
    """The files of one input. Raises `Refused` for what cannot be fetched, or where two files want one name."""
    directory = safe(described.name, f"the name of the input {described.name!r}")
    if len(PurePosixPath(directory).parts) != 1:
        raise Refused(f"an input's name is the name of one directory; {described.name!r} is not")
    placements = [Placement(directory, _name(described, file.name), datum=file) for file in described.data]
    placements += [
        Placement(directory, _name(described, _url_path(described, uri)), url=uri) for uri in described.uris
    ]
    if described.filename and len(placements) == 1:
        [only] = placements
        placements = [Placement(directory, safe(described.filename, "filename"), only.datum, only.url)]
    _no_collisions(described, placements)
    return placements


def safe(name: str, what: str) -> str:
    """A relative path that stays below its directory. Raises `Refused`."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise Refused(f"{what} is not a relative path that stays inside: {name!r}")
    return "/".join(parts)


def without_login(url: str) -> str:
    """The URL without user name and password."""
    parsed = urlsplit(url)
    return parsed._replace(netloc=parsed.netloc.rpartition("@")[2]).geturl()


def _name(described: Input, path: str) -> str:
    whole = safe(path, f"a file of the input {described.name!r}")
    return whole if described.keep_directories != "none" else PurePosixPath(whole).name


def _url_path(described: Input, uri: str) -> str:
    parsed = urlsplit(uri)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise Refused(
            f"the input {described.name!r} names {without_login(uri)}, which this agent cannot fetch",
            "It fetches http:// and https:// addresses, and outputs of earlier executions.",
        )
    return unquote(parsed.path).strip("/") or parsed.hostname


def _no_collisions(described: Input, placements: Sequence[Placement]) -> None:
    seen: dict[str, Placement] = {}
    for placement in placements:
        other = seen.setdefault(placement.name, placement)
        if other is not placement:
            raise Refused(
                f"two files of the input {described.name!r} want the name {placement.name!r}: {other.uri} and {placement.uri}",
                "Set `keep-directories: full`, or name one file.",
            )
