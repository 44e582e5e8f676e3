"""Triggers that a pull request takes out of the file, or breaks: their checks fail and say so.

A branch's rules may require such a check. Left out, it would be waited for without end; passed, anybody could take a gate
away in the very change that does not hold it.
"""

from dataclasses import replace

from controller.core import triggers
from controller.core.events import PullRequest
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs, watched
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import NewRun
from schemas.repo_config import RepoConfig, Trigger
from schemas.states import RunState
from schemas.values import short


def runs(ports: Ports, repository: RepositoryRow, ask: Ask, event: PullRequest) -> list[NewRun]:
    """The runs, ended already, of triggers that the merge base (`ask.before`) declares for this event and the head does not."""
    if ask.before is None:
        return []
    found = []
    for project in watched.projects(ports, repository):
        before = configs.of_base(ports, repository, project, ask.before)
        if before is None:
            continue
        here = configs.of(ports, project.id, ask.sha)
        names = {trigger.name for trigger in here.triggers} if here else set()
        gone = [trigger for trigger in before.triggers if trigger.name not in names]
        found += [
            _ended(project, ask, one.trigger, _why(project, here, event, ask.before))
            for one in triggers.on_pull_request(gone, event, "", None)
            if one.answer is not Answer.SILENT
        ]
    return found


def _ended(project: ProjectRow, ask: Ask, trigger: Trigger, reason: str) -> NewRun:
    held_back = asking.run_of(project, ask, Decision(trigger, Answer.SKIPPED, reason))
    return replace(held_back, state=RunState.FAILURE if trigger.required else RunState.NEUTRAL)


def _why(project: ProjectRow, here: RepoConfig | None, event: PullRequest, base: str) -> str:
    file = f"{project.root}/valohai.yaml" if project.root else "valohai.yaml"
    declared = f"which {event.target} has at {short(base)}"
    if here is None:
        return f"this commit has no {file}, so that the trigger is gone, {declared}"
    if here.ok:
        return f"this commit takes the trigger out of {file}, {declared}"
    return f"{file} has problems at this commit, and the trigger, {declared}, cannot be read"
