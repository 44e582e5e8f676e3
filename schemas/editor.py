"""One JSON Schema of the whole `valohai.yaml`, for editors: the official schemas and our two kinds of item, in one file.

`python -m schemas.editor` writes it; a test holds it to the installed library. Editors know few of JSON Schema's ways to
point somewhere, so every part lies under `$defs` and is pointed at as `#/$defs/...`.
"""

import json
import re
from pathlib import Path
from typing import Any, cast

from valohai_yaml.validation import get_json_schema

FOLDER = Path(__file__).parent / "json"
FILE = FOLDER / "valohai.schema.json"
OFFICIAL = "https://valohai.com/schemas/"
OURS = ("trigger", "model")
TYPES = re.compile(r"(Allowed edge types: )([a-z-]+(?: \| [a-z-]+)*)")
"""Words of the library that stand in another order at every start of Python."""
DURATION = r"^\s*$|^(?=[^1-9]*[1-9])[^0-9.]*(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*[smhdw][^0-9.]*)+$"
"""Of the texts that are a duration for the library: numbers, each with a unit that begins with one of these letters."""
DURATIONS = ("time-limit", "no-output-timeout")
LOOSE = "Any other key is kept for YAML anchors; nothing reads it."


def schema() -> dict[str, Any]:
    """The schema as a value. Items take exactly what `schemas.parse_config` takes; what only runs know is not in it."""
    official = get_json_schema()
    parts = {
        key.removeprefix(OFFICIAL): cast("dict[str, Any]", _local(part))
        for key, part in official["$defs"].items()
    }
    # A deployment without a target is a warning of the official lint.
    del parts["deployment"]["properties"]["defaults"]["required"]
    for name in DURATIONS:
        [written] = [way for way in parts["step"]["properties"][name]["oneOf"] if way["type"] == "string"]
        written["pattern"] = DURATION
    for kind in OURS:
        parts |= _own(kind)
    kinds = ("step", "task", "endpoint", "pipeline", "blueprint", "deployment", *OURS)
    named = {"blueprint": "pipeline"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "valohai.yaml",
        "description": "Steps, pipelines, tasks and endpoints as Valohai has them, and Luotsi's triggers and models.",
        "type": "array",
        "items": {
            "type": "object",
            "description": f"One item: a kind and its keys. {LOOSE}",
            "properties": {kind: {"$ref": f"#/$defs/{named.get(kind, kind)}"} for kind in kinds},
        },
        "$defs": dict(sorted(parts.items())),
    }


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _own(kind: str) -> dict[str, dict[str, Any]]:
    """One of our schemas with its own parts beside it, under names that begin with the kind's."""
    whole: dict[str, Any] = json.loads((FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))
    inner = whole.pop("$defs", {})
    names = {f"#/$defs/{name}": f"#/$defs/{kind}-{name}" for name in inner}
    parts = {kind: whole, **{f"{kind}-{name}": part for name, part in inner.items()}}
    return {name: cast("dict[str, Any]", _local(part, names)) for name, part in parts.items()}


def _local(value: Any, names: dict[str, str] | None = None) -> Any:
    """A part with its references made local, and without the keys that only a schema of its own has."""
    if isinstance(value, list):
        return [_local(item, names) for item in value]
    if isinstance(value, str):
        return TYPES.sub(lambda found: f"{found[1]}{' | '.join(sorted(found[2].split(' | ')))}", value)
    if not isinstance(value, dict):
        return value
    kept = {
        key: _local(item, names)
        for key, item in value.items()
        if key not in ("$id", "$schema") or not isinstance(item, str)
    }
    reference = kept.get("$ref")
    if isinstance(reference, str):
        moved = (
            f"#/$defs/{reference.removeprefix('/schemas/')}"
            if reference.startswith("/schemas/")
            else reference
        )
        kept["$ref"] = (names or {}).get(reference, moved)
    return kept


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
