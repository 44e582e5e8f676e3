"""Concurrency groups: which of a group's runs may begin, which wait for whom, and which a newer one replaces. Pure.

At most one run of a group goes on at a time, the oldest that waits is next, and what a newer run ends is its own trigger's
`replace`: `queued` those that have not begun, `all` also the one that goes on, `none` nobody. Runs that one event asked for
at one commit never replace each other. Nobody waits for a run that itself waits for nobody, so that each of them ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.core.events import clip

LONGEST = 400
"""Characters of a group's name, as the ledger keeps it."""


@dataclass(frozen=True, slots=True)
class Member:
    """An open run of a group. `goes_on`: it has begun, or what it began has not ended yet. `event`: what asked for it."""

    id: str
    goes_on: bool
    replace: str = "queued"
    event: tuple[str, str] = ("", "")
    ended: bool = False
    """Its word is final; only its executions are still coming to an end."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What to do in one group, by the ids of runs: replaced -> by whom, held -> for whom it waits."""

    replaced: Mapping[str, str]
    held: Mapping[str, str]


def arrange(members: Sequence[Member]) -> Arrangement:
    """Decide for one group, oldest run first. Performing the answer and asking again replaces nobody."""
    replaced: dict[str, str] = {}
    for place, member in enumerate(members):
        by = next((later for later in reversed(members[place + 1 :]) if _replaces(later, member)), None)
        if by is not None:
            replaced[member.id] = by.id
    # What was replaced while it went on has still to end; until then the others wait for it.
    ahead = [member.id for member in members if member.goes_on]
    held: dict[str, str] = {}
    for member in members:
        if member.goes_on or member.id in replaced:
            continue
        if ahead:
            held[member.id] = ahead[-1]
        ahead.append(member.id)
    return Arrangement(replaced, held)


def _replaces(later: Member, earlier: Member) -> bool:
    """Only who still waits replaces: one that goes on had its turn when it came."""
    if later.goes_on or earlier.ended or later.event == earlier.event:
        return False
    return later.replace == "all" or (later.replace == "queued" and not earlier.goes_on)


def group(template: str, trigger: str, ref: str, pull_request: int | None) -> str:
    """The name of a run's group. Without a pull request `{pull-request}` is empty."""
    words = {
        "{trigger}": trigger,
        "{ref}": ref,
        "{pull-request}": "" if pull_request is None else str(pull_request),
    }
    parts: list[str] = []
    rest = template
    while rest:
        word = next((word for word in words if rest.startswith(word)), None)
        parts.append(words[word] if word else rest[0])
        rest = rest[len(word or "x") :]
    return clip("".join(parts), LONGEST)


def replace_of(rule: Mapping[str, Any]) -> str:
    """What a run replaces, from the rule that it keeps."""
    return str((rule.get("concurrency") or {}).get("replace", "queued"))
