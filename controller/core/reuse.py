"""The content of an execution: what its result rests on, as parts, as one key, and in words where two differ. Pure.

An image counts twice: its name is a part of the key, its digest is compared by who looks for an old result, since it is
known only once an agent has resolved the name. Limits of time and resources are no content: what is complete kept them.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

VERSION = 1
"""Changes whenever the parts mean something else: old keys then serve nobody."""

Parts = dict[str, Any]

SHOWN = ("archive", "command", "image", "inputs", "parameters", "variables", "secrets", "mounts", "stop condition", "store")  # fmt: skip
"""Parts in the order in which people hear of them. What is not among them never differs between candidates."""


FILES = "files of `reads`"
"""What people call the archive of an execution that rests on some of its files only."""


def parts(spec: Mapping[str, Any], secrets: str = "") -> Parts:
    """The content of a spec (the body of a job). `secrets`: a keyed digest of what its variable groups keep secret."""
    archive = spec["archive"]
    return {
        "archive": archive.get("content") or archive["digest"],
        "command": [list(spec["commands"]), spec.get("joiner", "&&")],
        "image": spec["image"],
        "inputs": sorted((_input(each) for each in spec.get("inputs") or ()), key=_text),
        "parameters": spec.get("parameters") or {},
        "variables": spec.get("environment_variables") or {},
        "secrets": secrets,
        "mounts": spec.get("mounts") or [],
        "stop condition": spec.get("stop_condition"),
        "store": spec.get("upload_store") or "artifacts",
        "trust": spec.get("trust", "trusted"),
    }


def key(content: Parts) -> str:
    """The content key: a digest over all parts."""
    return "sha256:" + hashlib.sha256(_text([VERSION, content]).encode()).hexdigest()


def obstacle(spec: Mapping[str, Any]) -> str:
    """Why a spec can have no content key; empty when it can."""
    for each in spec.get("inputs") or ():
        for uri in each.get("uris") or ():
            where = urlsplit(uri)
            place = f"{where.scheme}://{where.hostname or ''}"
            return f"the input {each['name']} comes from {place}, and nothing says whether its content is the same"
    for mount in spec.get("mounts") or ():
        return f"it mounts {mount['source']}, and nothing says whether its content is the same"
    return ""


def differences(old: Parts, new: Parts) -> tuple[str, ...]:
    """Which parts differ. A command that differs along with the parameters it was built from is not named."""
    found = [part for part in SHOWN if _text(old.get(part)) != _text(new.get(part))]
    if "parameters" in found and "command" in found:
        found.remove("command")
    return tuple(found)


def in_words(old: Parts, new: Parts, number: int, archive: str = "archive") -> str:
    """`parameters differ from #12 (epochs)`: what keeps the result of #12 from serving. Empty when nothing does.

    `archive`: what stands for it in the sentence, where not the whole of it counts.
    """
    found = differences(old, new)
    if not found:
        return ""
    one = len(found) == 1 and found[0] in ("command", "image", "stop condition", "store")
    one = one or (found == ("archive",) and archive == "archive")
    names = [name for part in found for name in _names(part, old[part], new[part])]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{_and(tuple(archive if part == 'archive' else part for part in found))} {'differs' if one else 'differ'} from #{number}{f' ({shown})' if shown else ''}"


def same_words(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What is the same when the keys are: `same archive, image, inputs, parameters`."""
    whole = old["archive"]["digest"] == new["archive"]["digest"]
    return f"same {'archive' if whole else FILES}, image, inputs, parameters"


def _input(given: Mapping[str, Any]) -> dict[str, Any]:
    files = [
        [file["name"], file["sha256"], _own(file.get("metadata") or {})] for file in given.get("data") or ()
    ]
    return {
        "name": given["name"],
        "uris": list(given.get("uris") or ()),
        "files": sorted(files, key=_text),
        "filename": given.get("filename"),
        "directories": given.get("keep_directories", "none"),
        "download": given.get("download", "always"),
    }


def _own(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a job reads of a file beside its bytes. Aliases, tags and versions are names, which do not change it."""
    return {name: value for name, value in metadata.items() if not name.startswith("valohai.")}


def _names(part: str, old: Any, new: Any) -> list[str]:
    """Names of the parameters, inputs or variables that differ."""
    if part == "inputs":
        old, new = ({each["name"]: each for each in side} for side in (old, new))
    elif part not in ("parameters", "variables"):
        return []
    return [
        name
        for name in sorted({*old, *new})
        if _text(old.get(name, _ABSENT)) != _text(new.get(name, _ABSENT))
    ]


_ABSENT = {"absent": True}


def _and(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _text(value: Any) -> str:
    """One spelling of a JSON value. NaN and halves of surrogate pairs have theirs too."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
