"""Who asks, and whether the attempt is theirs. Identity comes from the token; what does not fit goes into the audit."""

import re

from flask import request
from sqlalchemy import Connection

from ledger import agents, attempts, audit
from ledger.agents import AgentRow
from ledger.attempts import AttemptRow
from schemas.codec import Json
from schemas.errors import Gone
from webhooks.faults import Fail
from webhooks.parts import WebParts

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Gate:
    """Lets agents in. Every refusal of an attempt that is somebody else's is a row of the audit."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    def agent(self) -> AgentRow:
        """The agent whose token the present request carries. Fails with 401, before the body is looked at."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Fail(401, "no token", "Send Authorization: Bearer <the agent's token>.")
        with self._parts.ledger.read() as connection:
            found = agents.by_token(connection, agents.digest(token.strip()))
        if found is None:
            raise Fail(
                401, "the token is not known here", "Give the agent the token of its environment's settings."
            )
        return found

    def to_claim(self, agent: AgentRow, attempt: str) -> None:
        """Fails with 404 for what is no attempt, with 403 for one of another environment."""
        if self._find(attempt).environment_id != agent.environment_id:
            raise self.denied(agent, attempt, "claim", "this attempt belongs to another environment")

    def own(self, agent: AgentRow, attempt: str, what: str) -> None:
        """Fails with 404 for what is no attempt, with 403 for one that this agent never claimed."""
        if self._find(attempt).agent_id != agent.id:
            raise self.denied(agent, attempt, what, "this attempt is not this agent's")

    def none_of_others(self, agent: AgentRow, asked: tuple[str, ...]) -> None:
        """Fails with 403 when one of them is another agent's. What is nobody's may be asked about: it is lost."""
        with self._parts.ledger.read() as connection:
            others = next((each for each in sorted(set(asked)) if _anothers(connection, agent, each)), None)
        if others is not None:
            raise self.denied(agent, others, "renew", f"the attempt {others} is not this agent's")

    def denied(self, agent: AgentRow, attempt: str, what: str, why: str, **detail: Json) -> Fail:
        """Note it in the audit, and give the 403 to raise. Not to be called inside a transaction."""
        now = self._parts.clock()
        told = {"call": what, "why": why, "name": agent.name, "environment": agent.environment_id} | detail
        with self._parts.ledger.write() as connection:
            audit.note(connection, f"agent {agent.id}", "refused", f"attempt {attempt}", told, now)
        return Fail(403, why)

    def _find(self, attempt: str) -> AttemptRow:
        if not _UUID.fullmatch(attempt):
            raise Fail(404, "there is no such attempt")
        with self._parts.ledger.read() as connection:
            return attempts.find(connection, attempt)


def _anothers(connection: Connection, agent: AgentRow, attempt: str) -> bool:
    try:
        row = attempts.find(connection, attempt)
    except Gone:
        return False
    return row.environment_id != agent.environment_id or row.agent_id not in (None, agent.id)
