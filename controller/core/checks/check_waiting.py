"""What a run that goes on says in its check: what runs now, and what the rest waits for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.core.checks import markdown
from schemas.words import plural

RUNNING = 3
"""Names that are said to run."""


@dataclass(frozen=True, slots=True)
class Room:
    """What an environment's agents have: how many were ever seen, are heard of, take work; their slots and the free ones."""

    seen: int = 0
    alive: int = 0
    taking: int = 0
    slots: int = 0
    free: int = 0


def waits_for(environment: str, room: Room, ahead: int) -> str:
    """Why an execution waits, in the words of the pages. `ahead`: how many come before it."""
    name = markdown.code(environment)
    if not room.seen:
        start = markdown.code(f"luotsi agent --environment {environment}", 160)
        return f"Waiting for an agent in {name}: none has been seen. Start one with {start}."
    if not room.alive:
        return f"Waiting for an agent in {name}: none has been heard of lately."
    if not room.taking:
        return f"Waiting for an agent in {name}: {plural(room.alive, 'agent')} there, all draining."
    if room.free > ahead:
        return f"Waiting to be taken in {name}: {room.free} of {plural(room.slots, 'slot')} free."
    busy = f"Waiting for a slot in {name}: {room.slots - room.free} of {room.slots} are busy"
    if not ahead:
        return f"{busy}; this one is next."
    return f"{busy}; {plural(ahead, 'execution is', 'executions are')} ahead."


def runs_now(running: Sequence[tuple[str, str]]) -> str:
    """What runs. `running`: an execution's name, and what it last said of itself; those of a task have one name."""
    by_name: dict[str, list[str]] = {}
    for name, detail in running:
        by_name.setdefault(name, []).append(detail)
    words = [_running(name, details) for name, details in by_name.items()]
    return f"{', '.join(words[:RUNNING])}{' and more' if len(words) > RUNNING else ''}."


def _running(name: str, details: Sequence[str]) -> str:
    if len(details) > 1:
        return f"{markdown.code(name)} is running {len(details)} times at once"
    said = f" ({markdown.text(markdown.clip(details[0], 100))})" if details[0] else ""
    return f"{markdown.code(name)} is running{said}"
