"""GitHub's published OpenAPI description, made small: no prose, JSON Schema instead of OpenAPI 3.0's dialect.

The whole description takes seconds to read; the reduced one a fraction of a second. Sources: the files `generated/*.json`
of npm's `@octokit/openapi` (OpenAPI 3.0.3) and what that version says of schemas ("Schema Object", `nullable`).
"""

import json
from typing import Any

TAGS = frozenset(
    {"apps", "repos", "checks", "pulls", "issues", "reactions", "git", "users", "meta", "rate-limit"}
)
EVENTS = frozenset(
    {
        "push", "create", "delete", "ping", "status", "pull-request", "issue-comment", "check-run", "check-suite",
        "installation", "installation-repositories", "repository", "merge-group", "member", "deployment",
        "deployment-status",
    }
)  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete")
PROSE = frozenset(
    {
        "description",
        "example",
        "examples",
        "title",
        "externalDocs",
        "deprecated",
        "discriminator",
        "readOnly",
        "xml",
    }
)
NAMES_OF_FIELDS = frozenset({"properties"})
ROOT = "#/components/"
INSTALLATIONS = {"type": "array", "items": {"$ref": "#/components/schemas/installation"}}
"""Mends the description: its list wants an account that is a user and an enterprise at once; one installation is right."""
OLD_EVENTS = "webhook-check-suite-"
"""Deliveries whose app names its events from a list that lacks those of the last years, `merge_group` among them."""


def reduce(document: dict[str, Any]) -> dict[str, Any]:
    """What the stand-in needs of a description: every path, and the operations of `TAGS` and webhooks of `EVENTS`."""
    components = document["components"]
    operations = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            operation = methods.get(method)
            if operation and operation["operationId"].split("/")[0] in TAGS:
                operations[operation["operationId"]] = _operation(method, path, operation, components)
    webhooks = {}
    for methods in document["x-webhooks"].values():
        event = methods["post"]["operationId"].split("/")[0]
        if event in EVENTS:
            webhooks[methods["post"]["operationId"]] = schema(_content(methods["post"]["requestBody"]))
    operations["apps/list-installations"]["responses"]["200"] = INSTALLATIONS
    kept = {"operations": operations, "webhooks": webhooks}
    return {
        "paths": {path: [m for m in METHODS if m in methods] for path, methods in document["paths"].items()},
        **kept,
        "components": {"schemas": _reached(kept, components["schemas"])},
    }


def _operation(
    method: str, path: str, operation: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    parameters = [_followed(one, components) for one in operation.get("parameters", [])]
    body = operation.get("requestBody")
    content = _content(body) if body else None
    return {
        "method": method,
        "path": path,
        "parameters": [
            {
                "name": one["name"],
                "in": one["in"],
                "required": bool(one.get("required")),
                "multi": bool(one.get("x-multi-segment")),
                "schema": schema(inlined(one["schema"], components)),
            }
            for one in parameters
        ],
        "body": strict(schema(inlined(content, components))) if content else None,
        "body_required": bool(body and body.get("required")),
        "responses": {
            status: schema(_content(_followed(answer, components)))
            for status, answer in operation["responses"].items()
        },
    }


def _content(holder: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a body in JSON; None where it has no body."""
    for kind, content in (holder.get("content") or {}).items():
        if kind in ("application/json", "application/json; charset=utf-8", "application/scim+json"):
            found: dict[str, Any] | None = content.get("schema")
            return found
    return None


def _followed(holder: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in holder:
        kind, name = holder["$ref"].removeprefix(ROOT).split("/")
        holder = components[kind][name]
    return holder


def inlined(node: Any, components: dict[str, Any]) -> Any:
    """Without references. Bodies of requests are small and never refer to themselves."""
    if isinstance(node, list):
        return [inlined(one, components) for one in node]
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            return inlined(_followed(node, components), components)
        return {key: inlined(value, components) for key, value in node.items()}
    return node


def schema(node: Any, *, fields: bool = False) -> Any:
    """JSON Schema 2020-12 of an OpenAPI 3.0 schema. `fields`: the keys are names of fields, and not words of the dialect."""
    if isinstance(node, list):
        return [schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    if fields:
        return {name: schema(value) for name, value in node.items()}
    made = {
        key: value if key == "enum" else schema(value, fields=key in NAMES_OF_FIELDS)
        for key, value in node.items()
        if key not in PROSE and key != "nullable" and not key.startswith("x-")
    }
    if "$ref" in made:
        made = {"$ref": made["$ref"]}
    return _or_null(made) if node.get("nullable") else made


def _or_null(made: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0.3 counts `nullable` beside a type; the description uses it beside references and unions as well."""
    if "enum" in made and None not in made["enum"]:
        made = {**made, "enum": [*made["enum"], None]}
    if isinstance(made.get("type"), str) and not made.keys() & {"oneOf", "anyOf", "allOf"}:
        return {**made, "type": [made["type"], "null"]}
    return {"anyOf": [made, {"type": "null"}]}


def strict(node: Any, *, branch: bool = False) -> Any:
    """A body's schema that refuses fields it does not name. `branch`: a part of a union, whose siblings name others."""
    if isinstance(node, list):
        return [strict(one, branch=branch) for one in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            made[key] = {name: strict(one) for name, one in value.items()}
        elif key in ("oneOf", "anyOf", "allOf"):
            made[key] = strict(value, branch="properties" in node)
        elif key == "items":
            made[key] = strict(value)
        elif key == "additionalProperties" and value is True and "properties" in node:
            continue
        else:
            made[key] = value
    if "properties" in made and not branch and "additionalProperties" not in made:
        made["unevaluatedProperties"] = False
    return made


def _reached(kept: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The named schemas that the kept operations refer to, and those that these refer to."""
    found: dict[str, Any] = {}
    open_ends = _references(kept)
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found[name] = schema(schemas[name])
            if name.startswith(OLD_EVENTS):
                _any_events(found[name])
            open_ends |= _references(found[name])
    return found


def _any_events(node: Any) -> None:
    """Lets the field `events`, wherever it is, hold any names."""
    if isinstance(node, dict):
        events = node.get("properties", {}).get("events")
        if isinstance(events, dict) and isinstance(events.get("items"), dict):
            events["items"].pop("enum", None)
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        _any_events(one)


def _references(node: Any) -> set[str]:
    marked = json.dumps(node).split(f'"$ref": "{ROOT}schemas/')[1:]
    return {rest.split('"', 1)[0] for rest in marked}
