"""Jobs and snapshots for agents' tests."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import zstandard

from schemas import archive, codec
from schemas.archive import Entry, Kind
from schemas.messages.job import Archive, DatumFile, Job
from schemas.signing import SigningKey
from stores import keys

ENVIRONMENT = "0123456789ab"


def snapshot(files: Mapping[str, str]) -> tuple[bytes, str]:
    """A commit's archive as it is stored, and its digest. A name that ends in `/` is a submodule, without content."""
    parts = []
    for name, text in sorted(files.items()):
        if name.endswith("/"):
            parts.append(archive.header(Entry(name[:-1].encode(), Kind.FOLDER)))
            continue
        content = text.encode()
        parts += [
            archive.header(Entry(name.encode(), size=len(content))),
            content,
            archive.padding(len(content)),
        ]
    data = b"".join(parts) + archive.END
    return zstandard.compress(data), f"sha256:{hashlib.sha256(data).hexdigest()}"


def job(*commands: str, files: Mapping[str, str] | None = None, **changes: Any) -> tuple[Job, bytes]:
    """A job with its archive's stored bytes."""
    data, digest = snapshot(files or {"README.md": "hello\n"})
    sha = uuid.uuid4().hex + "0" * 8
    made = Job(
        version=1,
        execution=str(uuid.uuid4()),
        attempt=str(uuid.uuid4()),
        attempt_number=1,
        delivery=1,
        environment=ENVIRONMENT,
        expires="2999-01-01T00:00:00.000000+00:00",
        kind="step",
        project=str(uuid.uuid4()),
        project_name="team/wine",
        counter=12,
        step="train",
        commit=sha,
        image="python:3.12",
        commands=commands,
        archive=Archive(keys.code(str(uuid.uuid4()), sha), digest, len(data)),
        created="2030-01-02T03:04:05.000000+00:00",
        environment_name="test",
    )
    return replace(made, **changes), data


def datum(name: str, data: bytes) -> DatumFile:
    """An output of an earlier execution."""
    identifier = str(uuid.uuid4())
    key = keys.output(str(uuid.uuid4()), 1, identifier, name)
    return DatumFile(identifier, name, key, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")


def sealed(job: Job, key: SigningKey) -> str:
    """The signed message."""
    return key.sign(codec.write(job))
