"""Where the code of a run comes from, as the ledger and git know it, and so which variable groups it may have.

Asked twice: when an execution is planned (`granted`), and by the ledger alone when an agent claims it (`withheld`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from controller.core import grants
from controller.core.events import BRANCHES, PullRequest
from controller.core.grants import Origin
from controller.core.plan import CONTAINED
from controller.ports import Ports, VariableGroup
from controller.watching import observe
from ledger import events, executions, observations, runs
from ledger.repositories import RepositoryRow
from ledger.runs import RunRow
from schemas import codec
from schemas.errors import Refused
from schemas.repo_config import RepoConfig
from schemas.values import Sha


@dataclass(frozen=True, slots=True)
class Granted:
    """What planning has to know. `denied`: group -> why the run does not get it.

    `contained`: branches that contain the code, where groups were given or denied by them; None where nobody had to look.
    """

    denied: Mapping[str, str] = field(default_factory=dict)
    contained: tuple[str, ...] | None = None


def granted(
    ports: Ports, repository: RepositoryRow, run: RunRow, config: RepoConfig, sha: str = ""
) -> Granted:
    """Which groups that the config's steps name, or that the repository gives to each, a run does not get.

    `sha`: the commit whose code runs, where a node of the run's pipeline names another one than the run's own: both must be
    allowed to have a group.
    """
    steps = config.valohai.steps.values() if config.valohai is not None else ()
    groups = limited(ports, repository, steps)
    if not groups:
        return Granted()
    with ports.ledger.read() as connection:
        origin = of_run(connection, run)
    other = sha if sha != run.sha else ""
    branches: tuple[str, ...] | None = None
    if origin.event == "tag":
        branches = _containing(ports, repository, run.sha, groups)
        origin = replace(origin, branches=branches)
    origins = [origin]
    if other:
        there = _containing(ports, repository, other, groups)
        branches = there if branches is None else tuple(name for name in there if name in branches)
        origins.append(grants.of_commit(origin.event, branches, other))
    return Granted(grants.refusals(groups, origins), branches)


def of_run(connection: Connection, run: RunRow) -> Origin:
    """A run's origin; of a tag without the branches that contain it."""
    told = _told(connection, run)
    first = observations.ref_of(connection, run.repository_id, run.sha) or ""
    return grants.of_run(run.event, run.ref, run.trust, told, first)


def withheld(
    connection: Connection, execution_id: str, spec: Mapping[str, Any], groups: Mapping[str, VariableGroup]
) -> dict[str, str]:
    """Group -> why an execution does not get its secrets now, whatever was planned; of those that its spec names."""
    limited = {
        name: groups[name]
        for name in spec.get("variable_groups") or ()
        if name in groups and grants.is_limited(groups[name])
    }
    return grants.refusals(limited, of_execution(connection, execution_id, spec)) if limited else {}


def of_execution(connection: Connection, execution_id: str, spec: Mapping[str, Any]) -> list[Origin]:
    """All that must be allowed to have a group before an execution of this spec gets its secrets."""
    run_id = executions.by_id(connection, execution_id).run_id
    if run_id is None:
        return [Origin("", (), "it belongs to no run")]
    run = runs.by_id(connection, run_id)
    origin = of_run(connection, run)
    kept = tuple(str(name) for name in spec.get(CONTAINED) or ())
    if origin.event == "tag":
        origin = replace(origin, branches=kept)
    if spec.get("commit") == run.sha:
        return [origin]
    return [origin, grants.of_commit(origin.event, kept, str(spec.get("commit")))]


def _told(connection: Connection, run: RunRow) -> PullRequest | None:
    """What was told last of a run's pull request while its head was the run's commit.

    A number alone proves nothing: a branch that is called as a merge queue's says any number.
    """
    if run.pull_request is None:
        return None
    body = events.pull_request_at(connection, run.repository_id, run.pull_request, run.sha)
    try:
        told = None if body is None else codec.from_json(PullRequest, body)
    except Refused:
        return None
    return told if told is not None and (told.number, told.head) == (run.pull_request, run.sha) else None


def limited(ports: Ports, repository: RepositoryRow, steps: Iterable[Any]) -> dict[str, VariableGroup]:
    """The groups with limits that an execution of these steps could get."""
    groups = ports.settings.variable_groups
    if not any(grants.is_limited(group) for group in groups.values()):
        return {}
    watched = ports.settings.watched(repository.name)
    named = set(watched.variable_groups if watched is not None else ())
    for step in steps:
        named |= set(step.environment_variable_groups or ())
    return {name: group for name, group in groups.items() if name in named and grants.is_limited(group)}


def _containing(
    ports: Ports, repository: RepositoryRow, sha: str, groups: Mapping[str, VariableGroup]
) -> tuple[str, ...]:
    """Branches that any of the groups is for, and that contain a commit now."""
    mirror = observe.mirror_of(ports, repository)
    if not mirror.has(Sha(sha)):
        return ()
    heads = {
        ref.removeprefix(BRANCHES): head for ref, head in mirror.refs().items() if ref.startswith(BRANCHES)
    }
    wanted = [name for name in heads if _is_named(groups.values(), name)]
    return tuple(name for name in wanted if mirror.merge_base(heads[name], Sha(sha)) == sha)


def _is_named(groups: Iterable[VariableGroup], branch: str) -> bool:
    return any(grants.matches(group, branch) for group in groups)
