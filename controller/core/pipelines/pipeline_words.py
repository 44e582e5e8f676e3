"""Sentences about a pipeline: what goes on, what it waits for, and why it ended."""

import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from controller.core.pipelines.pipeline import RETRIES, Halt, OnError
from schemas.states import NodeState

_OBEYED = re.compile(r'["$`\\!]')
"""What a shell does not take as it is between double quotes."""
MOST = 6
"""Nodes that a sentence names."""

BUT = "but "
"""How the parts of a success's reason begin that say what ended badly all the same."""


def approval(number: int, node: str) -> str:
    """Why a node waits that a person has to let begin, and how that is done."""
    return f"waits for approval: {command(number, node)}"


def command(number: int, node: str) -> str:
    """What a person copies into a shell to let a node begin."""
    what = f"={number}/{node}"
    # Quoted always: to zsh a word that begins with `=` is the path of a command.
    return "luotsi approve " + (shlex.quote(what) if _OBEYED.search(what) else f'"{what}"')


def going(entries: Sequence[Mapping[str, Any]], tried: Mapping[str, tuple[str, int]]) -> str:
    """What is under way. `tried`: node -> the number of what stands for it, and which try that is."""
    words = [word for entry in entries if (word := _going(entry, *tried.get(entry["name"], ("", 1))))]
    if not words:
        return "the next step is being queued"
    more = [f"{len(words) - MOST} more"] if len(words) > MOST else []
    return ", ".join([*words[:MOST], *more])


def _going(entry: Mapping[str, Any], title: str, tries: int) -> str:
    name = f"{title} {entry['name']}".strip()
    state = NodeState(entry["state"])
    if state is NodeState.CREATED and entry.get("waits"):
        return f"{entry['name']} {entry.get('reason', 'waits for approval')}"
    if state not in (NodeState.QUEUED, NodeState.STARTED):
        return ""
    if entry.get("stopping"):
        return f"{name} is being stopped"
    again = f" (try {tries} of {RETRIES})" if tries > 1 else ""
    return f"{name} {'is running' if state is NodeState.STARTED else 'waits for an agent'}{again}"


def ended(
    entries: Sequence[Mapping[str, Any]], halt: Halt | None, titles: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Why a pipeline did not complete: the nodes whose failure counts, and what else ended it.

    `titles`: node -> the number of what stands for it.
    """
    broken = [entry for entry in entries if entry["on_error"] != OnError.CONTINUE]
    failed = [
        _failed(entry, titles.get(entry["name"], "")) for entry in broken if entry["state"] == NodeState.ERROR
    ]
    if halt is not None:
        failed.append(halt.reason)
    elif not failed:
        failed = [f"{entry['name']} was stopped" for entry in broken if entry["state"] == NodeState.STOPPED]
    more = [f"{len(failed) - MOST} more"] if len(failed) > MOST else []
    return "; ".join([*failed[:MOST], *more])


def marred(
    entries: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str] = MappingProxyType({}),
    tries: Mapping[str, int] = MappingProxyType({}),
) -> list[str]:
    """What ended badly in a pipeline that is complete all the same: failures that it tolerates, and tries before the good one.

    `titles` and `tries`: node -> the number of the execution that stands for it, and which try that is.
    """
    found = [
        _fault(entry, titles.get(entry["name"], ""))
        for entry in entries
        if entry["state"] in (NodeState.ERROR, NodeState.STOPPED)
    ]
    for entry in entries:
        count = tries.get(entry["name"], 1)
        if count > 1 and entry["state"] == NodeState.COMPLETE:
            found.append(f"{titles.get(entry['name'], '')} {entry['name']} took {count} tries".strip())
    more = [f"{len(found) - MOST} more did not go well"] if len(found) > MOST else []
    return [*found[:MOST], *more]


def _fault(entry: Mapping[str, Any], title: str) -> str:
    reason = str(entry.get("reason"))
    if entry.get("type") == "task" and reason.startswith("!") and entry.get("tries", 1) == 1:
        return reason  # a task's own sentence has its number, its name and what failed
    return _failed(entry, title, "was stopped" if entry["state"] == NodeState.STOPPED else "failed")


def _failed(entry: Mapping[str, Any], title: str, what: str = "failed") -> str:
    tries = f" {entry['tries']} times" if entry.get("tries", 1) > 1 else ""
    return f"{title} {entry['name']} {what}{tries}: {entry.get('reason') or 'without a reason'}".strip()
