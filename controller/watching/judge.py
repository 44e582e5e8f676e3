"""Gives every commit that came into view its snapshot and its verdict, `luotsi/config`. Bad commits stop nobody else."""

import tempfile
from pathlib import Path

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.core import status
from controller.git import snapshot
from controller.git.mirror import Mirror
from controller.ports import Ports
from controller.reporting import statuses
from controller.watching import observe, watched
from ledger import observations, outbox, repositories, verdicts
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.verdicts import SnapshotRow, VerdictRow
from schemas import codec
from schemas.errors import ConfigError, Gone, LuotsiError, Waiting
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from schemas.values import Problem, Sha, is_sha
from schemas.words import plural
from stores import keys

log = structlog.get_logger()

CONFIG_LIMIT = 1024 * 1024
"""Bytes of valohai.yaml that are read (design, section 7)."""
GONE = (
    "its branch was forced or deleted before Luotsi could fetch it, and the forge no longer gives it out:"
    " push the commit again"
)
"""What is said of a commit that an event named and that could not be had."""
BATCH, MOST = 25, 200
"""Commits of a turn: each repository's first, up to `MOST`; `BATCH` where fewer repositories wait than that."""


def judge(ports: Ports) -> int:
    """Judge commits that wait, a batch a turn, in which the repositories take turns; how many were."""
    with ports.ledger.read() as connection:
        waiting = verdicts.unjudged(connection, MOST)
        if not waiting:
            return 0
        waiting = waiting[: max(BATCH, len({id for id, _ in waiting}))]
        ids = {id for id, _ in waiting}
        known = {row.id: row for row in repositories.watched_of(connection, ids, ports.forges)}
    projects = {id: watched.projects(ports, row) for id, row in known.items()}
    mine = [(known[id], projects[id], Sha(sha)) for id, sha in waiting if id in known]
    return isolate.each(
        mine,
        lambda item: _judge(ports, *item),
        lambda item, bug: _keep(ports, item[0], item[2], None, _all(item[1], item[2], f"internal: {bug}")),
    )


def _judge(ports: Ports, repository: RepositoryRow, projects: list[ProjectRow], sha: Sha) -> bool:
    with ports.ledger.read() as connection:
        judged = verdicts.judged_projects(connection, repository.id, sha)
    projects = [project for project in projects if project.id not in judged]
    mirror = observe.mirror_of(ports, repository)
    kept: SnapshotRow | None = None
    try:
        if not is_sha(sha):
            raise Gone(f"{sha[:80]!r} is not the name of a commit")
        kept = _snapshot(ports, repository, mirror, sha)
        found = [_verdict(mirror, project, sha) for project in projects]
    except Gone as error:
        why = GONE if is_sha(sha) and not mirror.has(sha) else error.message
        found = _all(projects, sha, f"{observations.VANISHED}{why}")
    except ConfigError as error:
        found = _all(projects, sha, error.message, _plain(error.problems))
    except LuotsiError as error:
        # The store is full or away: the commit keeps waiting, and says so where people look.
        _wait(ports, repository, projects, sha, str(error))
        raise
    _keep(ports, repository, sha, kept, found)
    return True


def _all(
    projects: list[ProjectRow], sha: Sha, summary: str, problems: tuple[dict[str, object], ...] = ()
) -> list[VerdictRow]:
    return [VerdictRow(project.id, sha, "error", summary, problems, None) for project in projects]


def _keep(
    ports: Ports, repository: RepositoryRow, sha: Sha, kept: SnapshotRow | None, found: list[VerdictRow]
) -> None:
    now = ports.clock()
    with ports.ledger.write() as connection:
        verdicts.keep(connection, repository.id, sha, kept, found, now)
        for verdict in found:
            outbox.say(connection, _status(connection, ports, repository, verdict), now)
            body = {
                "project": verdict.project_id,
                "sha": sha,
                "state": verdict.state,
                "summary": verdict.summary,
                "problems": list(verdict.problems),
                "archive": kept.digest if kept else None,
            }
            statuses.record(connection, repository.id, "verdict", f"{verdict.project_id}-{sha}", body, now)
    for verdict in found:
        log.info(
            "judged",
            repository=repository.name,
            commit=sha[:7],
            verdict=verdict.state,
            why=verdict.summary,
        )


def _wait(ports: Ports, repository: RepositoryRow, projects: list[ProjectRow], sha: Sha, reason: str) -> None:
    waiting = [VerdictRow(project.id, sha, "pending", f"waits: {reason}", (), None) for project in projects]
    with ports.ledger.write() as connection:
        for verdict in waiting:
            outbox.say(connection, _status(connection, ports, repository, verdict), ports.clock())


def _snapshot(ports: Ports, repository: RepositoryRow, mirror: Mirror, sha: Sha) -> SnapshotRow:
    key = keys.code(repository.id, sha)
    with tempfile.TemporaryDirectory(prefix="luotsi-snapshot-") as folder:
        archive = Path(folder) / "code.tar.zst"
        made = snapshot.make(mirror.path, sha, archive)
        # Put if absent: a snapshot made before a crash has the same digest, and its stored size is what counts.
        ports.stores["system"].put(key, archive, absent=True)
        meta = ports.stores["system"].head(key)
    if meta is None:
        raise Waiting(f"the snapshot of {sha[:7]} is not in the store after it was put there", after=5)
    return SnapshotRow(key, made.digest, meta.size, made.files)


def _verdict(mirror: Mirror, project: ProjectRow, sha: Sha) -> VerdictRow:
    path = f"{project.root}/valohai.yaml" if project.root else "valohai.yaml"
    try:
        text = mirror.read_blob(sha, path, CONFIG_LIMIT)
    except ConfigError as error:
        return VerdictRow(project.id, sha, "failure", error.message, _plain(error.problems), None)
    if text is None:
        return VerdictRow(
            project.id, sha, "neutral", f"there is no {path} in this commit: nothing runs", (), None
        )
    config = parse_config(text, path)
    state, summary = _summary(config)
    return VerdictRow(project.id, sha, state, summary, _plain(config.problems), text.decode(errors="replace"))


def _summary(config: RepoConfig) -> tuple[str, str]:
    errors = [problem for problem in config.problems if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return "failure", f"{errors[0]}{more}"
    if not config.triggers:
        return (
            "success",
            "valohai.yaml is valid; no trigger starts anything: add a `trigger` item to run on push",
        )
    names = ", ".join(trigger.name for trigger in config.triggers)
    warnings = len(config.problems)
    return "success", f"valohai.yaml is valid; triggers: {names}" + (
        f"; {plural(warnings, 'warning')}" if warnings else ""
    )


def _status(
    connection: Connection, ports: Ports, repository: RepositoryRow, verdict: VerdictRow
) -> outbox.NewStatus:
    project = repositories.project(connection, verdict.project_id)
    neutral = verdict.state == "neutral"
    return outbox.NewStatus(
        repository.id,
        verdict.sha,
        status.context(ports.settings.prefix, "config", project.root),
        "success" if neutral else verdict.state,
        status.clip(("neutral: " if neutral else "") + verdict.summary),
        f"{ports.settings.web_address}/r/{repository.name}/commit/{verdict.sha}",
        final=verdict.state != "pending",
        project_id=verdict.project_id,
    )


def _plain(problems: tuple[Problem, ...]) -> tuple[dict[str, object], ...]:
    return tuple(codec.to_json(problem) for problem in problems)
