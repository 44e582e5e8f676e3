"""Who is next in an environment: which waiting attempts are woken now. The queue never holds more than can start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting attempt, in the ledger's order (priority, then age)."""

    attempt: str
    execution: str
    number: int
    environment: str
    delivery: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Send:
    """Wake an agent for this attempt, under this delivery number."""

    attempt: str
    environment: str
    delivery: int


def to_send(
    waiting: Sequence[Candidate],
    queued: Mapping[str, frozenset[tuple[str, int]]],
    free: Mapping[str, int],
    now: datetime,
    patience: timedelta,
) -> list[Send]:
    """The wake-ups that are missing, in order.

    `queued`: what each environment's queue holds, as (execution, attempt number). `free`: free slots a renewal ago; one
    more than that is allowed, so that an agent that frees a slot finds work at once. What was sent less than `patience` ago
    and has left the queue may be on its way to the claim: it keeps its place and is not sent twice.
    """
    sends: list[Send] = []
    taken = {environment: len(entries) for environment, entries in queued.items()}
    for candidate in waiting:
        environment = candidate.environment
        if (candidate.execution, candidate.number) in queued.get(environment, frozenset()):
            continue
        in_flight = candidate.sent_at is not None and now - candidate.sent_at < patience
        limit = free.get(environment, 0) + 1
        if not in_flight and taken.get(environment, 0) >= limit:
            continue
        taken[environment] = taken.get(environment, 0) + 1
        if not in_flight:
            sends.append(Send(candidate.attempt, environment, candidate.delivery + 1))
    return sends
