"""Ends a run: what its executions came to, what the gate says, and the sentence for the check."""

from typing import Any

from controller import observe
from controller.core import gate as core_gate
from controller.core import pipeline as core_pipeline
from controller.core.gate import Base
from controller.ports import Ports
from ledger import executions, observations, repositories, runs
from ledger.executions import ExecutionRow
from ledger.runs import RunRow
from schemas.codec import to_json
from schemas.errors import LuotsiError
from schemas.repo_config import Trigger
from schemas.states import ExecutionState, RunState
from schemas.values import Sha

BASE_DEPTH = 50
"""Commits that are looked at for a base (design, section 6)."""


def conclude(
    ports: Ports, run: RunRow, trigger: Trigger, outcome: str, by_node: dict[str, ExecutionRow], why: str
) -> tuple[RunState, str, dict[str, Any] | None]:
    """State, sentence and gate of a run whose executions have ended."""
    if outcome != "complete":
        state, reason = _broken(outcome, by_node, why)
        return (*_required(trigger, state, reason), None)
    metadata = {name: row.metadata for name, row in by_node.items()}
    if not trigger.expect:
        return RunState.SUCCESS, _words(by_node), None
    base = _base(ports, run)
    final = _final_node(ports, run, by_node)
    answer = core_gate.judge(trigger.expect, metadata, final, base, trigger.base_required)
    gate = to_json(answer)
    if answer.passed:
        return RunState.SUCCESS, answer.summary or _words(by_node), gate
    return (*_required(trigger, RunState.FAILURE, answer.summary), gate)


def _required(trigger: Trigger, state: RunState, reason: str) -> tuple[RunState, str]:
    if trigger.required or state is not RunState.FAILURE:
        return state, reason
    return RunState.NEUTRAL, f"not required, and failed: {reason}"


def _broken(outcome: str, by_node: dict[str, ExecutionRow], why: str) -> tuple[RunState, str]:
    rows = list(by_node.values())
    crashed = next((row for row in rows if row.state is ExecutionState.CRASHED), None)
    if crashed is not None:
        return RunState.ERROR, f"{crashed.node or crashed.step}: {crashed.reason}"
    failed = next((row for row in rows if row.state is ExecutionState.ERROR), None)
    if failed is not None:
        return RunState.FAILURE, f"{failed.node or failed.step} failed: {failed.reason}"
    if why:
        return RunState.FAILURE, why
    return RunState.CANCELLED, "stopped" if outcome == "stopped" else f"ended as {outcome}"


def _words(by_node: dict[str, ExecutionRow]) -> str:
    return ", ".join(f"#{row.number} {row.node or row.step}" for row in by_node.values()) + " complete"


def _final_node(ports: Ports, run: RunRow, by_node: dict[str, ExecutionRow]) -> str:
    with ports.ledger.read() as connection:
        pipeline = runs.pipeline_of(connection, run)
    if pipeline is None:
        return next(iter(by_node))
    names = [node["name"] for node in pipeline.graph["nodes"]]
    edges = [(a, b) for a, b in pipeline.graph["edges"]]
    return (core_pipeline.final_nodes(names, edges) or names)[-1]


def _base(ports: Ports, run: RunRow) -> Base | None:
    """The nearest commit, from the ref's previous head back, with a trusted run of this trigger that is complete."""
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        heads = observations.heads(connection, run.repository_id)
    mirror = observe.mirror_of(ports, repository)
    try:
        start = run.before
        if start is None:
            main = heads.get(f"refs/heads/{repository.default_branch}")
            start = mirror.merge_base(Sha(main), Sha(run.sha)) if main else None
        ancestors = mirror.ancestors(Sha(start), BASE_DEPTH) if start else []
    except LuotsiError:
        return None
    order = {sha: place for place, sha in enumerate(ancestors) if sha != run.sha}
    with ports.ledger.read() as connection:
        found = [row for row in runs.bases(connection, run, list(order)) if row.id != run.id]
        for row in sorted(found, key=lambda row: order[Sha(row.sha)]):
            rows = executions.of_run(connection, row.id, row.round)
            if rows and all(execution.state is ExecutionState.COMPLETE for execution in rows):
                return Base(row.sha, {(e.node or e.step): e.metadata for e in rows})
    return None
