"""A controller with one pipeline: what a push of it starts, and the states of its nodes as the ledger has them."""

import json
from pathlib import Path
from typing import Any

from controller.core.pipelines.pipeline import node_states
from ledger import approvals, inbox, runs
from ledger.executions import ExecutionRow
from ledger.runs import PipelineRow, RunRow
from schemas.states import RunState
from tests.builders.mind import Mind

STEPS = """
- step:
    name: make
    image: python:3.12
    command: python make.py {parameters}
    parameters: [{name: size, type: integer, default: 1}]
    inputs: [{name: raw, optional: true}]
- step:
    name: use
    image: python:3.12
    command: python use.py {parameters}
    parameters: [{name: rate, type: float, default: 0.5}]
    inputs: [{name: model, optional: true}]
- task:
    name: sweep
    step: use
    type: grid-search
    parameters: [{name: rate, style: multiple, rules: {items: [0.1, 0.2]}}]
- endpoint:
    name: serve
    image: python:3.12
    server-command: python serve.py
    files: [{name: model, path: model.bin}]
- deployment: {name: shop-api, defaults: {target: local}}
"""

A = "{name: a, type: execution, step: make}"
B = "{name: b, type: execution, step: use}"
C = "{name: c, type: execution, step: use}"


def with_(node: str, fields: str) -> str:
    """A node in flow style with more fields."""
    return f"{node[:-1]}, {fields}}}"


def config(nodes: str, edges: str = "[]", more: str = "", trigger: str = "") -> str:
    """A file with the pipeline `p` and a trigger for every push. `nodes` and what follows are in flow style."""
    return (
        f"{STEPS}\n- pipeline: {{name: p, nodes: {nodes}, edges: {edges}{more}}}\n"
        f"- trigger: {{name: go, when: {{push: {{}}}}, run: {{pipeline: p}}{trigger}}}\n"
    )


class PipelineMind(Mind):
    """Nodes are named in answers; `started` has those whose execution an agent should run now."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)

    def start(self, nodes: str, edges: str = "[]", more: str = "", trigger: str = "", **files: str) -> str:
        """Push the pipeline; the commit."""
        return self.push(config(nodes, edges, more, trigger), **files)

    @property
    def pipeline(self) -> PipelineRow:
        """The pipeline of the newest run."""
        with self.ports.ledger.read() as connection:
            found = runs.pipeline_of(connection, self.run())
        assert found is not None
        return found

    @property
    def last(self) -> RunRow:
        """The newest run."""
        return self.run()

    def states(self) -> dict[str, str]:
        """Node -> state."""
        return node_states(self.pipeline.graph)

    def entry(self, node: str) -> dict[str, Any]:
        """A node of the stored graph."""
        found: dict[str, Any] = next(each for each in self.pipeline.graph["nodes"] if each["name"] == node)
        return found

    def started(self) -> list[str]:
        """Nodes with an execution that waits for an agent."""
        return [str(row.node or row.step) for row in self.waiting()]

    def of(self, node: str) -> ExecutionRow:
        """A node's newest execution."""
        return [row for row in self.executions() if row.node == node][-1]

    def end(self, node: str, outcome: Any = "complete", **said: Any) -> None:
        """The agent ends the node's newest execution."""
        self.finish(self.of(node), outcome, **said)

    def ended(self) -> tuple[str, RunState]:
        """The states of the pipeline and of its run."""
        return self.pipeline.state, self.last.state

    def approve(self, node: str, who: str = "ada") -> None:
        """A person approves a node, as `luotsi approve` writes it."""
        body = json.dumps({"pipeline": self.pipeline.id, "node": node, "who": who}).encode()
        with self.ports.ledger.write() as connection:
            inbox.receive(connection, "approve", who, f"{node}-{self.now}", body, self.now)
        self.turns()

    def cancel(self, who: str) -> None:
        """A person stops the pipeline, as `luotsi cancel` writes it."""
        body = json.dumps({"pipeline": self.pipeline.id, "who": who}).encode()
        with self.ports.ledger.write() as connection:
            inbox.receive(connection, "cancel", who, str(self.now), body, self.now)
        self.turns()

    def approvals(self) -> list[str]:
        """Who approved nodes of the pipeline."""
        with self.ports.ledger.read() as connection:
            return list(approvals.of_pipeline(connection, self.pipeline.id).values())

    def recorded(self) -> set[str]:
        """Kinds of records that were put into the system store."""
        return {key.split("/")[2] for key in self.ports.stores["system"].list("records/")}
