"""A run and all that its next step rests on, read before anything is written; and the words about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from controller.core.plan import Facts
from controller.ports import Ports
from controller.pulls import approved
from controller.reporting import statuses
from controller.running import reads, resolving
from controller.triggering import origins
from controller.watching import configs
from ledger import executions, repositories, runs, tasks, verdicts
from ledger.executions import ExecutionRow
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import PipelineRow, RunRow
from ledger.tasks import TaskRow
from schemas.errors import ConfigError
from schemas.repo_config import RepoConfig, Trigger
from schemas.states import RunState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scene:
    """One open run. `executions` and `tasks` are those of its present round, by number."""

    run: RunRow
    repository: RepositoryRow
    project: ProjectRow
    config: RepoConfig
    trigger: Trigger
    facts: Facts
    executions: tuple[ExecutionRow, ...]
    tasks: tuple[TaskRow, ...]
    pipeline: PipelineRow | None

    @property
    def may_reuse(self) -> bool:
        """Whether the trigger wants old results to serve: never in a scheduled run or a person's retry."""
        return self.trigger.reuse and self.run.event != "schedule" and self.run.round == 1


def read(ports: Ports, run: RunRow) -> Scene:
    """The scene of a run. Raises `ConfigError` when its trigger or snapshot is not there."""
    config = configs.of(ports, run.project_id, run.sha)
    trigger = next((t for t in config.triggers if t.name == run.trigger), None) if config else None
    if config is None or trigger is None:
        raise ConfigError(f"the trigger {run.trigger} is not in the config of {run.sha[:7]}")
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        project = repositories.project(connection, run.project_id)
        snapshot = verdicts.snapshot(connection, run.repository_id, run.sha)
        author = verdicts.author_of(connection, run.repository_id, run.sha)
        found = executions.of_run(connection, run.id, run.round)
        sweeps = tasks.of_run(connection, run.id, run.round)
        pipeline = runs.pipeline_of(connection, run)
        approval = approved.of_run(connection, run.approval_id) if run.trust != "trusted" else None
    if snapshot is None:
        raise ConfigError(f"there is no snapshot of {run.sha[:7]}")
    given = origins.granted(ports, repository, run, config)
    facts = Facts(
        project=project.id,
        project_name=f"{repository.name}/{project.name}",
        commit=run.sha,
        archive=reads.archive(ports, repository, snapshot, run.sha, trigger.reads),
        created=ports.clock(),
        trust=run.trust,
        creator=author,
        groups={name: group.variables for name, group in ports.settings.variable_groups.items()},
        secrets={name: frozenset(group.secrets) for name, group in ports.settings.variable_groups.items()},
        everywhere=next(
            (w.variable_groups for w in ports.settings.repositories if w.name == repository.name), ()
        ),
        stores=ports.settings.artifact_stores,
        joiner=ports.settings.joiner,
        resolve=resolving.resolver(ports, project, run.trust),
        # Untrusted code without an approval gets nothing, and `starting` starts nothing of it.
        granted=None if run.trust == "trusted" else frozenset(approval.grants if approval else ()),
        confined=approval.environment if approval else "",
        denied=given.denied,
        contained=given.contained,
    )
    return Scene(run, repository, project, config, trigger, facts, tuple(found), tuple(sweeps), pipeline)


def tell(
    connection: Connection, ports: Ports, scene: Scene, state: RunState, reason: str, now: datetime
) -> bool:
    """Give the run a state and say it. False when it is exactly so already."""
    changed = runs.set_state(connection, scene.run, state, reason, now)
    if changed:
        statuses.of_run(connection, ports, scene.repository, runs.by_id(connection, scene.run.id), now)
    return changed


def tell_now(ports: Ports, scene: Scene, state: RunState, reason: str) -> bool:
    """The same in a transaction of its own, if there is anything new to say."""
    if (scene.run.state, scene.run.reason) == (state, reason):
        return False
    with ports.ledger.write() as connection:
        return tell(connection, ports, scene, state, reason, ports.clock())


def finish(
    ports: Ports, run: RunRow, state: RunState, reason: str, gate: dict[str, Any] | None = None
) -> bool:
    """End a run: its state, its status and its record in one transaction."""
    now = ports.clock()
    with ports.ledger.write() as connection:
        changed = runs.set_state(connection, run, state, reason, now, gate)
        if changed:
            repository = repositories.by_id(connection, run.repository_id)
            statuses.of_run(connection, ports, repository, runs.by_id(connection, run.id), now)
    if changed:
        log.info("run ended", trigger=run.trigger, commit=run.sha[:7], state=state.value, why=reason)
    return changed
