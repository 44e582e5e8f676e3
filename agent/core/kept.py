"""What an earlier attempt of the execution took as its inputs: later attempts take exactly that, or say what has changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.core.placing import Found, Placement
from schemas.errors import Refused
from schemas.messages.claim import ResolvedInput

CHANGED = "changed since the first attempt"

_HINT = "An execution reads the same files at every attempt; start a new one to read what is there now."


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of an earlier manifest: by input and name, and their addresses by input."""

    files: Mapping[str, Mapping[str, ResolvedInput]]
    uris: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, resolved: Iterable[ResolvedInput]) -> "Kept":
        """What a claim's answer says."""
        files: dict[str, dict[str, ResolvedInput]] = {}
        for each in resolved:
            files.setdefault(each.input, {})[each.name] = each
        return cls(
            files, {name: frozenset(each.uri for each in those.values()) for name, those in files.items()}
        )

    def of_these(self, input_: str, found: Sequence[Found]) -> list[Found]:
        """Of what an address gives now, the files that were taken then."""
        taken = self.uris.get(input_, frozenset())
        return [each for each in found if each.shown in taken]

    def check(self, input_: str, placements: Sequence[Placement]) -> None:
        """Raises `Refused` unless an input's files are those of then, as far as can be said before they are read."""
        then, uris = self.files.get(input_, {}), {each.uri for each in placements}
        for each in then.values():
            if each.uri not in uris:
                raise gone(input_, each.uri)
        for placement in placements:
            old, size = then.get(placement.name), placement.source.size
            if old is None or old.uri != placement.uri:
                raise changed(input_, placement.uri, f"it was not there then as {placement.name!r}")
            # Of a file that is read now the digest decides: what a source says of its size is not always what it sends.
            if old.sha256 is None and old.size is not None and size not in (None, old.size):
                raise changed(input_, placement.uri, f"it has {size:,} bytes, and had {old.size:,}")

    def verify(self, placement: Placement, sha256: str) -> None:
        """Raises `Refused` when a file's bytes are not those of then. One that was on demand may be anything."""
        then = self.files.get(placement.input, {}).get(placement.name)
        if then is not None and then.sha256 not in (None, sha256):
            raise changed(placement.input, placement.uri, f"its digest is {sha256}, and was {then.sha256}")


def gone(input_: str, uri: str) -> Refused:
    """The error that a file which the first attempt read is not there."""
    return changed(input_, uri, "it is not there any more")


def changed(input_: str, uri: str, how: str) -> Refused:
    """The error that a file of an input is not what the first attempt read."""
    return Refused(f"the input {input_!r}: {uri} has {CHANGED}: {how}", _HINT)
