"""A branch comes to a commit whose run began elsewhere, and may have variable groups that the run was denied there.

Push and pull request of one commit are one run. Without this, a commit that was tried on a branch of its own, or in a merge queue,
and then became the head of main would never run with what is main's.
"""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from controller.core import grants
from controller.core.events import TAGS
from controller.ports import Ports
from controller.triggering import origins
from controller.watching import configs
from ledger import attempts, executions, repositories, runs, verdicts
from ledger.runs import NewRun, RunRow
from schemas.repo_config import RepoConfig, Trigger
from schemas.states import FINAL_EXECUTION, RunState
from schemas.values import short

log = structlog.get_logger()


def overtake(connection: Connection, ports: Ports, new: NewRun, now: datetime) -> str | None:
    """The run that a push asks for begins again as the push's, if it gets all that it had and more; its id, else None.

    What it has begun is asked to end, and a new round opens. A run that a person has cancelled stays so.
    """
    groups = ports.settings.variable_groups
    if not any(grants.is_limited(group) for group in groups.values()):
        return None
    known = runs.same(connection, new) if new.event == "push" and new.state is RunState.WAITING else None
    if known is None or known.state is RunState.CANCELLED or known.ref == new.ref:
        return None
    if (
        known.trust != "trusted"
        or known.ref.startswith(TAGS)
        or not _gets_more(connection, ports, known, new)
    ):
        return None
    for row in executions.of_run(connection, known.id, known.round):
        if row.state not in FINAL_EXECUTION:
            attempts.ask_to_stop(connection, row.id, now)
    runs.overtake(connection, known, new, now)
    log.info("run begins again", trigger=new.trigger, commit=short(new.sha), ref=new.ref, was=known.ref)
    return known.id


def _gets_more(connection: Connection, ports: Ports, known: RunRow, new: NewRun) -> bool:
    verdict = verdicts.of_project(connection, new.project_id, new.sha)
    config = configs.parsed(verdict.text) if verdict is not None and verdict.text is not None else None
    trigger = next((each for each in config.triggers if each.name == new.trigger), None) if config else None
    if config is None or trigger is None:
        return False
    repository = repositories.by_id(connection, new.repository_id)
    groups = origins.limited(ports, repository, _steps(config, trigger))
    before = grants.refusals(groups, [origins.of_run(connection, known)])
    after = grants.refusals(groups, [grants.of_run(new.event, new.ref, new.trust)])
    return after.keys() < before.keys()


def _steps(config: RepoConfig, trigger: Trigger) -> list[Any]:
    """The steps that a trigger would run, as far as the file itself has them."""
    valohai, target = config.valohai, trigger.target
    tasks = {target.name} if target.kind == "task" else set()
    names = {target.name} if target.kind == "step" else set()
    pipeline = valohai.pipelines.get(target.name) if target.kind == "pipeline" else None
    for node in pipeline.nodes if pipeline is not None else ():
        tasks.add(getattr(node, "task", None) or "")
        names.add(getattr(node, "step", None) or "")
    names |= {task.step for name, task in valohai.tasks.items() if name in tasks}
    return [step for name, step in valohai.steps.items() if name in names]
