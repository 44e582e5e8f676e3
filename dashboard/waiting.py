"""Why something waits, in one sentence, from what the agents last said. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dashboard.words import ago, plural
from ledger.pages.fleet import AgentLine
from ledger.pages.work import ExecutionLine


def is_alive(agent: AgentLine, now: datetime, alive_seconds: float) -> bool:
    """Whether an agent was heard of lately."""
    return agent.renewed_at is not None and now - agent.renewed_at <= timedelta(seconds=alive_seconds)


def reason(
    waiting: ExecutionLine, ahead: int, agents: Sequence[AgentLine], now: datetime, alive_seconds: float
) -> str:
    """The sentence for an execution that is created or queued; `ahead`: how many of its environment come before it.

    The controller's own reason wins where it gives one.
    """
    if waiting.reason:
        return waiting.reason
    there = [agent for agent in agents if agent.environment_id == waiting.environment_id]
    alive = [agent for agent in there if is_alive(agent, now, alive_seconds)]
    taking = [agent for agent in alive if agent.drained_at is None]
    name = waiting.environment
    if not there:
        return f"Waiting for an agent in {name}: none has been seen. Start one with: luotsi agent --environment {name}"
    if not alive:
        heard = max((agent.renewed_at for agent in there if agent.renewed_at), default=None)
        last = f"the last one was heard of {ago(heard, now)}" if heard else "none has reported yet"
        return f"Waiting for an agent in {name}: {last}."
    if not taking:
        return f"Waiting for an agent in {name}: {plural(len(alive), 'agent')} there, all draining."
    slots, free = sum(agent.slots for agent in taking), sum(agent.free_slots for agent in taking)
    if free:
        return f"Waiting to be taken in {name}: {free} of {plural(slots, 'slot')} free."
    busy = f"Waiting for a slot in {name}: {slots} of {slots} are busy"
    return (
        f"{busy}; {plural(ahead, 'execution is', 'executions are')} ahead."
        if ahead
        else f"{busy}; this one is next."
    )


def reasons(
    waiting: Sequence[ExecutionLine], agents: Sequence[AgentLine], now: datetime, alive_seconds: float
) -> Mapping[str, str]:
    """The sentence for each of these executions, which stand in their order, by id."""
    ahead: dict[str, int] = {}
    found: dict[str, str] = {}
    for execution in waiting:
        place = ahead.get(execution.environment_id, 0)
        found[execution.id] = reason(execution, place, agents, now, alive_seconds)
        ahead[execution.environment_id] = place + 1
    return found
