"""Endpoints: the paths of their volumes, at the volume that is wrong, and a command that does something."""

import re
from typing import Any

from schemas.checks.findings import Findings, clip
from schemas.checks.items import Items, as_list
from schemas.yaml_marks import Path

WSGI = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d].*)?")
"""A module, and the callable in it or a call that returns one."""


def check_endpoints(items: Items, findings: Findings) -> None:
    """Every endpoint whose official object could be built."""
    for item in items.of("endpoint"):
        if item.readable:
            _check_command(item.data, item.path, findings)
            _check_volumes(item.data, item.path, findings)
            _check_files(item.data, item.path, findings)


def _check_command(data: dict[str, Any], path: Path, findings: Findings) -> None:
    for key in ("server-command", "wsgi"):
        command = data.get(key, "-")
        lines = command if isinstance(command, list) else [command]
        if not any(line.strip() for line in lines):
            findings.error((*path, key), "the command is empty", "Say what serves requests.", key=True)
        elif key == "wsgi" and command != "-" and not WSGI.fullmatch(command.strip()):
            message = f"`{clip(command, 60)}` is no module, and no callable of one"
            findings.flaw(
                (*path, key), message, "Such as `app`, which means `app:application`, or `package.app:app`."
            )


def _check_volumes(data: dict[str, Any], path: Path, findings: Findings) -> None:
    taken: dict[str, int] = {}
    volumes = [((*path, "shared-volumes", number), volume) for number, volume in _volumes(data)]
    if isinstance(data.get("workspace-volume"), dict):
        volumes.append(((*path, "workspace-volume"), data["workspace-volume"]))
    for where, volume in volumes:
        mount, below = str(volume.get("mount-path", "/")), str(volume.get("sub-path", ""))
        if not mount.startswith("/"):
            message = f"the mount path `{clip(mount, 60)}` is not absolute"
            findings.error((*where, "mount-path"), message, "Begin it with `/`.")
        if below.startswith("/"):
            message = f"the sub-path `{clip(below, 60)}` is not relative"
            findings.error(
                (*where, "sub-path"), message, "It is a path inside the volume: leave out the first `/`."
            )
        if mount in taken:
            message = f"`{clip(mount, 60)}` is taken by the volume on line {taken[mount]}"
            findings.error((*where, "mount-path"), message, "Give each volume a path of its own.")
        taken.setdefault(mount, findings.value((*where, "mount-path")).line)


def _volumes(data: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    volumes = enumerate(as_list(data.get("shared-volumes")))
    return [(number, volume) for number, volume in volumes if isinstance(volume, dict)]


def _check_files(data: dict[str, Any], path: Path, findings: Findings) -> None:
    """Two files cannot be at one path, and none outside of the code."""
    taken: dict[str, str] = {}
    for number, file in enumerate(as_list(data.get("files"))):
        where, place = (*path, "files", number, "path"), str(file["path"])
        if place.startswith("/") or ".." in place.split("/"):
            hint = "It is a path inside of the repository."
            findings.flaw(where, f"`{clip(place, 60)}` leads out of the code's folder", hint)
        if place in taken:
            message = f"`{clip(place, 60)}` is the path of the file `{clip(taken[place], 60)}`, too"
            findings.flaw(where, message, "Give each file a path of its own.")
        taken.setdefault(place, file["name"])
