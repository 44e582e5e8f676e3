"""Rows of the work: runs, pipelines, executions, attempts, and the agents that make them."""

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ledger import tables
from tests.builders.row_writer import Execution, Repository, Writer, sha256


class WorkRows(Writer):
    """Runs and what they are made of."""

    def run(
        self, of: Repository, sha: str, state: str = "success", seconds: float = 500, **values: Any
    ) -> str:
        """A run of the trigger `train` at a commit."""
        identity = self.next_id()
        final = state not in ("waiting", "running")
        defaults: dict[str, Any] = {
            "trigger": "train",
            "trust": "trusted",
            "occurrence": "",
            "event": "push",
            "ref": "refs/heads/main",
            "reason": "",
            "rule": {
                "target": {"kind": "step", "name": "train"},
                "expect": ["accuracy >= 0.9"],
                "required": True,
            },
            "gate": None,
            "created_at": self.ago(seconds),
            "finished_at": self.ago(max(0, seconds - 90)) if final else None,
        }
        self.put(
            tables.runs,
            id=identity,
            repository_id=of.id,
            project_id=of.project,
            sha=sha,
            state=state,
            **{**defaults, **values},
        )
        return identity

    def pipeline(self, of: Repository, run: str, nodes: Mapping[str, str], **values: Any) -> str:
        """A pipeline of a run: node -> state, one after the other unless `edges` says otherwise."""
        identity, names = self.next_id(), list(nodes)
        number = self._pipelines[of.project] = self._pipelines.get(of.project, 0) + 1
        edges = values.pop("edges", [list(pair) for pair in pairwise(names)])
        graph = values.pop("graph", None) or {
            "nodes": [{"name": n, "step": n, "state": s} for n, s in nodes.items()],
            "edges": edges,
        }
        defaults = {
            "name": "train-and-evaluate",
            "state": "started",
            "created_at": self.ago(500),
            "finished_at": None,
        }
        self.put(
            tables.pipelines,
            id=identity,
            run_id=run,
            project_id=of.project,
            number=number,
            graph=graph,
            **{**defaults, **values},
        )
        return identity

    def task(self, of: Repository, run: str, sets: list[dict[str, Any]], **values: Any) -> tuple[str, int]:
        """A task of a run, one execution for each of `sets`; its id and number. `plan` adds to its plan."""
        identity = self.next_id()
        number = self._tasks[of.project] = self._tasks.get(of.project, 0) + 1
        plan = {
            "task": "sweep",
            "step": "train",
            "type": "grid_search",
            "seed": 7,
            "names": list(sets[0]),
            "sets": sets,
            "count": len(sets),
            "batch": None,
            "limit": None,
            "space": None,
            "target": None,
            "on_child_error": "continue-and-complete",
            "stop_condition": None,
            "reuse": False,
            "given": {"variables": {"API_TOKEN": "s3cr3t"}},
            "notes": [],
            "rank": {"metric": "accuracy", "goal": "max", "value": None},
            "ending": None,
        }
        defaults: dict[str, Any] = {
            "name": "sweep",
            "step": "train",
            "state": "complete",
            "created_at": self.ago(500),
            "finished_at": None,
        }
        plan |= values.pop("plan", {})
        self.put(
            tables.tasks,
            id=identity,
            run_id=run,
            project_id=of.project,
            number=number,
            plan=plan,
            **{**defaults, **values},
        )
        return identity, number

    def environment(self, name: str = "local") -> str:
        """The id of an environment, made on first use."""
        if name not in self._environments:
            identity = hashlib.sha256(name.encode()).hexdigest()[:12]
            self.put(tables.environments, id=identity, name=name, added_at=self.ago(86_400))
            self._environments[name] = identity
        return self._environments[name]

    def agent(self, name: str = "agent-1", environment: str = "local", **values: Any) -> str:
        """An agent that was heard of a few seconds ago."""
        identity = self.next_id()
        defaults = {
            "runtime": "docker 28.5.2",
            "host": "pilot",
            "version": "0.1.0",
            "slots": 2,
            "free_slots": 1,
            "added_at": self.ago(7200),
            "renewed_at": self.ago(4),
        }
        self.put(
            tables.agents,
            id=identity,
            environment_id=self.environment(environment),
            name=name,
            token_digest=sha256(identity),
            **{**defaults, **values},
        )
        return identity

    def execution(
        self,
        of: Repository,
        sha: str,
        state: str = "complete",
        seconds: float = 480,
        took: float = 84,
        attempt: str | None = "",
        agent: str | None = None,
        **values: Any,
    ) -> Execution:
        """An execution and one attempt at it, whose state follows unless it is given (None: no attempt)."""
        identity = self.next_id()
        number = self._numbers[of.project] = self._numbers.get(of.project, 0) + 1
        environment = self.environment(values.pop("environment", "local"))
        final = state in ("complete", "error", "stopped", "crashed")
        begun = final or state in ("started", "stopping")
        defaults: dict[str, Any] = {
            "kind": "step",
            "step": "train",
            "reason": "",
            "spec": self._spec(),
            "metadata": {},
            "exit_code": 0 if state == "complete" else 1 if state == "error" else None,
            "image": "python:3.12-slim" if begun else "",
            "image_digest": sha256("python:3.12-slim") if begun else "",
            "runtime": "docker 28.5.2" if begun else "",
            "created_at": self.ago(seconds),
            "started_at": self.ago(seconds - 2) if begun else None,
            "finished_at": self.ago(seconds - 2 - took) if final else None,
        }
        self.put(
            tables.executions,
            id=identity,
            project_id=of.project,
            number=number,
            sha=sha,
            environment_id=environment,
            state=state,
            **{**defaults, **values},
        )
        made = None
        if attempt is not None:
            made = self.attempt(
                Execution(identity, number, None, of, environment),
                attempt or _attempt(state),
                agent=agent,
                seconds=seconds,
            )
        return Execution(identity, number, made, of, environment)

    def _spec(self) -> dict[str, Any]:
        return {
            "commands": ["python train.py --epochs 200 --learning_rate 0.001"],
            "parameters": {"epochs": 200, "learning_rate": 0.001, "seed": 4},
            "inputs": [{"name": "wines", "uris": ["https://data.example.org/wine.csv"], "data": []}],
            "environment_variables": {"OMP_NUM_THREADS": "2"},
        }

    def attempt(
        self,
        of: Execution,
        state: str = "complete",
        number: int = 1,
        agent: str | None = None,
        seconds: float = 480,
        **values: Any,
    ) -> str:
        """One try."""
        identity = self.next_id()
        held = state != "waiting"
        final = state not in ("waiting", "claimed", "running")
        manifest = {
            "image": "python:3.12-slim",
            "image_digest": sha256("python:3.12-slim"),
            "runtime": "docker 28.5.2",
            "inputs": [
                {
                    "input": "wines",
                    "name": "wine.csv",
                    "uri": "https://data.example.org/wine.csv",
                    "size": 10_782,
                    "sha256": sha256("wine.csv"),
                }
            ],
        }
        defaults: dict[str, Any] = {
            "reason": "",
            "agent_id": agent,
            "delivery": 1,
            "created_at": self.ago(seconds),
            "claimed_at": self.ago(seconds - 2) if held else None,
            "renewed_at": self.ago(3) if held else None,
            "finished_at": self.ago(seconds - 86) if final else None,
            "manifest": manifest if state in ("running", "complete", "error") else None,
            "log": None,
            "events": [],
        }
        self.put(
            tables.attempts,
            id=identity,
            execution_id=of.id,
            environment_id=of.environment,
            number=number,
            state=state,
            **{**defaults, **values},
        )
        return identity


def _attempt(state: str) -> str:
    return {
        "created": "waiting",
        "queued": "waiting",
        "started": "running",
        "stopping": "running",
        "crashed": "lost",
    }.get(state, state)
