"""Which of the files that a job left are outputs, and what their sidecars say of them. Pure: it judges a listing.

Sidecars (`<file>.metadata.json` for a file that is there, and `valohai.metadata.jsonl` at the top) become metadata of
their files and are not outputs themselves. Where both speak, the jsonl's keys win. Of files that were stored while the
command ran, a sidecar that is there at the end speaks of the last with its name, the jsonl of all with a name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.codec import Json
from schemas.metadata import event_of

SIDECAR = ".metadata.json"
JSONL = "valohai.metadata.jsonl"
MAX_SIDECAR = 1024 * 1024
MAX_JSONL = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file to store: its true name below the outputs directory, and where its bytes lie."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Collected:
    """Files to store, in order of their names; the metadata of each; and what a person should know.

    `late_sidecars` and `late_lines`: metadata of files that were stored before, by name.
    """

    files: tuple[Found, ...]
    metadata: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    late_sidecars: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    late_lines: Mapping[str, dict[str, Json]] = field(default_factory=dict)


def sidecars(files: Sequence[Found], uploaded: frozenset[str] = frozenset()) -> list[Found]:
    """Those of `files` that may be sidecars: what `collect` wants to be read. `uploaded`: names that were stored before."""
    names = {file.name for file in files} | uploaded
    return [file for file in files if _limit(file, names)]


def collect(
    files: Sequence[Found], texts: Mapping[str, bytes], uploaded: frozenset[str] = frozenset()
) -> Collected:
    """Judge a listing. `texts`: name -> content of the files that `sidecars` named (those that could be read)."""
    names = {file.name for file in files} | uploaded
    single: dict[str, dict[str, Json]] = {}
    lines: dict[str, dict[str, Json]] = {}
    consumed: set[str] = set()
    events: list[str] = []
    for file in sidecars(files, uploaded):
        text = texts.get(file.name)
        if text is None or file.size > _limit(file, names):
            events.append(
                f"{spelled(file.name)} is too large to be read as metadata; it is stored as an output"
            )
            continue
        if file.name == JSONL:
            lines = _jsonl(text, names, events)
        elif (values := _sidecar(file.name, text, events)) is not None:
            single[file.name.removesuffix(SIDECAR)] = values
        else:
            continue
        consumed.add(file.name)
    kept = tuple(sorted((file for file in files if file.name not in consumed), key=lambda file: file.name))
    stored = {file.name for file in kept}
    return Collected(
        kept,
        {
            name: single.get(name, {}) | lines.get(name, {})
            for name in stored & (single.keys() | lines.keys())
        },
        tuple(events),
        {name: values for name, values in single.items() if name in uploaded - stored},
        {name: values for name, values in lines.items() if name in uploaded},
    )


def spelled(name: str) -> str:
    """A file name as text that UTF-8 can hold: bytes that are none become `\\xNN`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _limit(file: Found, names: set[str]) -> int:
    if file.name == JSONL:
        return MAX_JSONL
    return MAX_SIDECAR if file.name.endswith(SIDECAR) and file.name.removesuffix(SIDECAR) in names else 0


def _sidecar(name: str, text: bytes, events: list[str]) -> dict[str, Json] | None:
    event = event_of(text.decode("utf-8", "replace"), MAX_SIDECAR)
    values = event.values if event else None
    if values is None:
        events.append(f"{spelled(name)} is not one JSON object; it is stored as an output")
    return values


def _jsonl(text: bytes, names: set[str], events: list[str]) -> dict[str, dict[str, Json]]:
    found: dict[str, dict[str, Json]] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        event = event_of(line, MAX_JSONL)
        match event and event.values:
            case {"file": str(file), "metadata": dict(values)} if file in names:
                found.setdefault(file, {}).update(values)
            case {"file": str(file), "metadata": {}}:
                events.append(f"{JSONL} line {number} speaks of {file!r}, which is not among the outputs")
            case _:
                events.append(f"{JSONL} line {number} is not an object with `file` and `metadata`")
    return found
