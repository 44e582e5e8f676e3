"""Complaints of JSON Schema in words, at the key or value that they are about."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from jsonschema import ValidationError

from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import word_for
from schemas.yaml_marks import Path

MOST = 1_000
"""Complaints about one item."""

WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}

LIMITS = {
    "minimum": "be at least {}",
    "exclusiveMinimum": "be more than {}",
    "maximum": "be at most {}",
    "minLength": "have at least {} characters",
    "maxLength": "have at most {} characters",
    "minItems": "have at least {} elements",
    "maxItems": "have at most {} elements",
    "minProperties": "have at least {} keys",
}

MEANT = {("rules", "values"): "items"}
"""Keys that people write for another one of this mapping, where the nearest word is a third."""

PATTERNS = {
    "^/.+$": "It must begin with `/` and go on.",
    "^[a-z][a-z0-9-]+$": "At least two characters: lower-case letters, digits and dashes, first a letter.",
}
"""What to do about a pattern whose description in the official schema does not say it."""


def report(errors: Iterable[ValidationError], prefix: Path, skip: int, findings: Findings) -> None:
    """Add every error. `prefix` replaces the first `skip` elements of its path."""
    for error in islice(errors, MOST):
        for leaf in _leaves(error):
            path = (*prefix, *list(leaf.absolute_path)[skip:])
            _say(leaf, path, findings)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The complaints of the one alternative that was meant, instead of "not valid under any of the given schemas"."""
    if error.validator == "not":
        return  # official schemas say so of what their `oneOf` beside it says too
    if _presence(error) and not isinstance(error.instance, dict):
        return  # that it is no mapping is another complaint
    branches: dict[Any, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(child.relative_schema_path[0], []).append(child)
    if error.validator not in ("anyOf", "oneOf") or not branches or _presence(error):
        yield error
        return
    meant = [branch for branch in branches.values() if not any(map(_other_kind, branch))]
    if not meant:
        yield error
        return
    for child in min(meant, key=len):
        yield from _leaves(child)


def _other_kind(child: ValidationError) -> bool:
    """Whether this complaint means that the alternative is of another kind altogether."""
    where = list(child.relative_path)
    return (child.validator == "type" and not where) or (child.validator == "const" and where == ["type"])


def _presence(error: ValidationError) -> list[str]:
    """The keys of an `anyOf`/`oneOf` that is only about which of them are there."""
    if error.validator not in ("anyOf", "oneOf"):
        return []
    options: Any = error.validator_value
    keys = [option.get("required", [""]) for option in options]
    return [key[0] for key in keys] if all(len(key) == 1 and key[0] for key in keys) else []


def _say(error: ValidationError, path: Path, findings: Findings) -> None:
    instance: Any = error.instance
    value: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
            for key in instance:
                if not isinstance(key, str):
                    findings.blame((*path, key))
                elif key not in known:
                    _unknown(key, known, instance, path, findings)
        case "required":
            for key in value:
                if key not in instance:
                    faults = [(*path, key)]
                    findings.error(path, f"{subject(path)} has no `{key}`", key=True, faults=faults)
        case "anyOf" | "oneOf":
            _alternatives(error, path, findings)
        case "enum":
            hint = findings.nearest(instance, map(str, value))
            findings.error(path, f"{subject(path)} cannot be `{clip(instance, 60)}`", hint)
        case _:
            message, hint = in_words(error, path)
            findings.error(path, message, hint)


def _unknown(key: str, known: list[str], instance: dict[Any, Any], path: Path, findings: Findings) -> None:
    """Both are at fault: the key, and the one that was meant, of which nobody knows what it is."""
    other = MEANT.get((str(path[-1]) if path else "", key), "")
    meant = other if other in known else findings.closest(key, known)
    hint = f"Did you mean `{meant}`?" if meant else f"Known here: {listing(known)}." if known else ""
    faults = [(*path, one) for one in (key, meant) if one == key or (one and one not in instance)]
    findings.error((*path, key), f"unknown key `{clip(key, 60)}`", hint, key=True, faults=faults)


def _alternatives(error: ValidationError, path: Path, findings: Findings) -> None:
    instance: Any = error.instance
    keys = _presence(error)
    if keys:
        given = [key for key in keys if key in instance]
        wanted = f"`{'`, `'.join(keys[:-1])}` or `{keys[-1]}`"
        if len(given) > 1:
            message = f"{subject(path)} has {listing(given)}, and can have only one of them"
            findings.error((*path, given[-1]), message, "Remove the others.", key=True)
        else:
            faults = [(*path, key) for key in keys]
            findings.error(path, f"{subject(path)} has no {wanted}", key=True, faults=faults)
        return
    kinds = [
        str(child.validator_value)
        for child in error.context or ()
        if child.validator == "const" and list(child.relative_path) == ["type"]
    ]
    if kinds:
        found = instance.get("type")
        hint = findings.nearest(found, kinds)
        findings.error((*path, "type"), f"`type` cannot be `{clip(found, 60)}`", hint)
        return
    types = [child.validator_value for child in error.context or () if child.validator == "type"]
    wanted = " or ".join(dict.fromkeys(_type(name) for name in types)) or "something else"
    findings.error(path, f"{subject(path)} must be {wanted}, not {word_for(instance)}")


def in_words(error: ValidationError, path: Path) -> tuple[str, str]:
    """What is wrong with the value at a path, and what to do about it. Only a complaint about a pattern shows the value."""
    what, limit = subject(path), error.validator_value
    match error.validator:
        case "type":
            hint = ""
            if limit == "string" and isinstance(error.instance, bool | int | float):
                hint = "Write it in quotes."
            elif limit == "object" and error.instance is None:
                hint = "Indent what belongs to it further than it."
            elif limit == "number" and path[-2:] == ("rules", "value"):
                hint = "Several values are `items`, with `style: multiple`."
            return f"{what} must be {_type(limit)}, not {word_for(error.instance)}", hint
        case "pattern":
            described = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
            hint = PATTERNS.get(str(limit)) or described or f"It must match {limit}"
            return f"{what} cannot be `{clip(error.instance, 60)}`", hint
        case "uniqueItems":
            return f"{what} has something twice", "Remove one of them."
        case "minLength" | "minItems" | "minProperties" if limit == 1:
            return f"{what} must not be empty", ""
        case str(limited) if limited in LIMITS:
            return f"{what} must {LIMITS[limited].format(limit)}", ""
    return f"{what}: {clip(error.message, 200)}", ""


def _type(name: object) -> str:
    if isinstance(name, list):
        return " or ".join(WORDS.get(one, str(one)) for one in name)
    return WORDS.get(str(name), str(name))


def subject(path: Path) -> str:
    """`command`, or for a list's element `an element of parameters`."""
    if not path:
        return "the file"
    last = path[-1]
    if isinstance(last, int):
        above = next((part for part in reversed(path) if isinstance(part, str)), "")
        return f"an element of `{above}`" if above else "an item"
    return f"`{clip(last, 60)}`"
