"""Our two kinds of item against their JSON Schemas (`schemas/json`), and what their checks share."""

import json
import re
from functools import cache
from pathlib import Path as File
from typing import Any

from jsonschema import Draft202012Validator

from schemas.checks import schema_errors
from schemas.checks.findings import Findings
from schemas.checks.items import OURS, Item, Items
from schemas.yaml_marks import Path

MOST_STARS = 3
"""Wildcards in one part of a pattern. Trying a pattern takes time to the power of them."""


@cache
def validator(kind: str) -> Draft202012Validator:
    """The JSON Schema of `trigger` or `model`."""
    text = File(__file__).parent.parent / "json" / f"{kind}.schema.json"
    return Draft202012Validator(json.loads(text.read_text(encoding="utf-8")))


def check_schema(items: Items, findings: Findings) -> None:
    """Every trigger and model against its schema. What follows may then trust the types in the sound ones."""
    for item in items.of(*OURS):
        check_item(item, findings)


def check_item(item: Item, findings: Findings) -> None:
    """One of them."""
    schema_errors.report(validator(item.kind).iter_errors(item.data), item.path, 0, findings)


def texts(value: Any) -> tuple[str, ...]:
    """A text or a list of texts, as the schemas allow both, or nothing."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def check_patterns(value: Any, path: Path, findings: Findings) -> None:
    """Refuse patterns that can make matching slow."""
    for position, pattern in enumerate(texts(value)):
        where = (*path, position) if isinstance(value, list) else path
        parts = pattern.split("/")
        stars = max(len(re.findall(r"\*+", part)) for part in parts)
        if max(stars, parts.count("**")) > MOST_STARS:
            message = f"the pattern has more than {MOST_STARS} wildcards in one part"
            findings.error(where, message, "Split it into several patterns.")
        elif "\n" in pattern:
            findings.error(where, "a pattern cannot have line breaks")
