"""Brings the files of an attempt's inputs to their places, a few at a time, each verified where its digest is known."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.core.config_files import Placed
from agent.core.placing import Placement, place
from agent.objects import Objects
from agent.transfer import Digests
from schemas.errors import Refused
from schemas.messages.claim import Wanted
from schemas.messages.job import DatumFile, Input

AT_ONCE = 4


def wanted(inputs: Sequence[Input]) -> list[Wanted]:
    """The objects that inputs will ask for."""
    return [Wanted("GET", datum.key, datum.store) for each in inputs for datum in each.data]


def bring(inputs: Sequence[Input], directory: Path, objects: Objects) -> list[Placed]:
    """Place all files; an empty directory for an input without any. Raises `Refused`, `Gone` or the last trouble met."""
    placements = [placement for each in inputs for placement in place(each)]
    for each in inputs:
        (directory / each.name).mkdir(parents=True, exist_ok=True)
    if not placements:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(placements)), thread_name_prefix="input") as threads:
        return list(threads.map(lambda placement: _bring(placement, directory, objects), placements))


def fetch_datum(datum: DatumFile, target: Path, objects: Objects) -> Digests:
    """Write a datum to a file. Raises `Refused` when it is not the file that was ordered, also at the second try."""
    wanted = Wanted("GET", datum.key, datum.store)
    found = objects.fetch(wanted, target)
    if found.sha256 != datum.sha256:
        found = objects.fetch(wanted, target)
    if found.sha256 != datum.sha256:
        target.unlink(missing_ok=True)
        raise Refused(
            f"{datum.name} (datum {datum.datum}) is not the file that was stored: "
            f"its digest is {found.sha256}, not {datum.sha256}"
        )
    return found


def _bring(placement: Placement, directory: Path, objects: Objects) -> Placed:
    target = directory / placement.input / placement.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if placement.datum:
        found = fetch_datum(placement.datum, target, objects)
    else:
        found = objects.fetch_url(placement.url, target)
    target.chmod(0o644)
    return Placed(
        input=placement.input,
        name=placement.name,
        uri=placement.uri,
        size=found.size,
        sha256=found.sha256,
        md5=found.md5,
        sha1=found.sha1,
        datum=placement.datum.datum if placement.datum else None,
    )
