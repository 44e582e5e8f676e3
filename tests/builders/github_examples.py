"""Deliveries that GitHub recorded itself, and every wrong form of them."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forges.github.deliveries import GitHub
from forges.port import Delivery, Forge
from schemas import codec
from schemas.errors import Refused
from schemas.values import Secret
from tests.parts.github_description import RECORDED

EVENTS = {
    "push": "push",
    "pull_request": "pull-request",
    "issue_comment": "comment",
    "check_run": "rerun",
    "check_suite": "rerun",
    "merge_group": "merge-group",
    "repository": "repository",
    "installation": "installation",
    "installation_repositories": "installation",
    "ping": "ping",
}
"""GitHub's events that mean something here, and our word for each."""

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "x" * 70_000,
    "\ud800",
    "a\x00b\nc",
    [],
    [[{}]],
    {},
    {"id": {}},
)
"""Values that take the place of others: of every type, too large, and what neither UTF-8 nor a database can keep."""


def recorded(folder: str) -> dict[str, list[Any]]:
    """All examples by event."""
    found = json.loads((Path(folder) / RECORDED).read_text(encoding="utf-8"))
    return {entry["name"]: entry["examples"] for entry in found}


def headers(event: str, delivery: str = "7") -> dict[str, str]:
    return {"x-github-event": event, "x-github-delivery": delivery, "content-type": "application/json"}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def on_pull(example: Any) -> Any:
    """The example of a comment, below a pull request: the description says that its issue then has this part."""
    changed = copy.deepcopy(example)
    changed["issue"]["pull_request"] = {"url": "https://api.github.com/repos/a/b/pulls/1"}
    return changed


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON value. Addresses that nobody reads are left out."""
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = [
            (key, child) for key, child in value.items() if key == "clone_url" or not key.endswith("url")
        ]
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, child in children:
        yield (*at, key)
        yield from paths(child, (*at, key))


def without(value: Any, path: tuple[str | int, ...]) -> Any:
    """The value without what is at a place; all that is not on the way there is shared."""
    changed = copy.copy(value)
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = without(value[path[0]], path[1:])
    return changed


def instead(value: Any, path: tuple[str | int, ...], other: Any) -> Any:
    """The value with another at a place; all that is not on the way there is shared."""
    changed = copy.copy(value)
    changed[path[0]] = other if len(path) == 1 else instead(value[path[0]], path[1:], other)
    return changed


LARGEST = 300_000
"""Bytes of a row of the inbox: a comment of the longest, every character as long as UTF-8 has them, and the rest."""
FORGE: Forge = GitHub([Secret("old"), Secret("new")])


def told(event: str, value: Any) -> Delivery:
    return FORGE.parse(headers(event), body(value))


def harmless(event: str, text: bytes, usual: Delivery | None = None) -> Delivery | None:
    """The delivery, which the inbox can keep and give back, or None: it was refused."""
    try:
        delivery = FORGE.parse(headers(event), text)
    except Refused as error:
        return None if len(str(error)) < 300 else pytest.fail("a refusal is one sentence")
    if delivery == usual:
        return delivery  # the same row as before
    kept = codec.write(delivery)
    assert len(kept) < LARGEST
    assert b"\\u0000" not in kept
    assert codec.read(Delivery, kept) == delivery
    return delivery
