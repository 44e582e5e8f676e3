"""What a task's executions are given besides their own values, as JSON and back: a plan must outlive the process."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from controller.core.plan import Given
from schemas.codec import from_json, to_json
from schemas.messages.job import DatumFile


def given_json(given: Given, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """All of `given`, with `fixed` for its parameters."""
    mounts = None if given.mounts is None else [_mount(mount) for mount in given.mounts]
    return {
        "parameters": dict(fixed),
        "uris": {name: list(uris) for name, uris in given.uris.items()},
        "data": {name: [to_json(file) for file in files] for name, files in given.data.items()},
        "environment": given.environment,
        "variables": dict(given.variables),
        "image": given.image,
        "command": given.command,
        "mounts": mounts,
        "autorestart": given.autorestart,
        "notes": list(given.notes),
    }


def given_of(body: Mapping[str, Any], own: Mapping[str, Any]) -> Given:
    """The `Given` of one execution, whose `own` values win."""
    mounts = body.get("mounts")
    return Given(
        parameters={**body["parameters"], **own},
        uris={name: tuple(uris) for name, uris in body["uris"].items()},
        data={
            name: tuple(from_json(DatumFile, file) for file in files) for name, files in body["data"].items()
        },
        environment=body["environment"],
        variables=body["variables"],
        image=body["image"],
        command=body["command"],
        mounts=None if mounts is None else [SimpleNamespace(**mount) for mount in mounts],
        autorestart=body["autorestart"],
        notes=tuple(body.get("notes", ())),
    )


def _mount(mount: Any) -> dict[str, Any]:
    return {
        "source": str(mount.source),
        "destination": str(mount.destination),
        "readonly": bool(mount.readonly),
        "type": str(getattr(mount, "type", "") or ""),
    }
