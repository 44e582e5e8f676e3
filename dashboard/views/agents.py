"""Environments and the agents that serve them: who is alive, with how many slots, and whether it isolates."""

from dataclasses import dataclass

from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from dashboard.waiting import is_alive
from ledger.pages import fleet as pages_fleet
from ledger.pages.fleet import AgentLine, EnvironmentLine


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent, and whether it was heard of lately."""

    agent: AgentLine
    alive: bool


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """An environment with its agents and its queue. Slots count those of agents that are alive and take work."""

    environment: EnvironmentLine
    agents: tuple[AgentRow, ...]
    waiting: int
    slots: int
    free_slots: int


def listing(parts: DashboardParts) -> Answer:
    """Every environment."""
    now = parts.now()
    with parts.ledger.read() as connection:
        environments = pages_fleet.all_environments(connection)
        agents = pages_fleet.all_agents(connection)
        waiting = pages_fleet.waiting_attempts(connection)
    rows = []
    for environment in environments:
        mine = [agent for agent in agents if agent.environment_id == environment.id]
        taking = [a for a in mine if is_alive(a, now, parts.alive_seconds) and a.drained_at is None]
        rows.append(
            EnvironmentRow(
                environment,
                tuple(AgentRow(agent, is_alive(agent, now, parts.alive_seconds)) for agent in mine),
                waiting.get(environment.id, 0),
                sum(agent.slots for agent in taking),
                sum(agent.free_slots for agent in taking),
            )
        )
    return Answer("agents.html", {"environments": rows})
