"""Serves what deployment nodes made: builds each endpoint, rolls it out, points the aliases, and keeps it so.

A version serves as long as an alias leads to it, or while it is the newest of its deployment that serves; then it is
retired. An alias moves by the routes alone, after the new version answers, so no request finds nothing. Of a version that
failed, or that its pipeline gave up, what runs already is ended.
"""

from typing import Any

import structlog

from controller import isolate
from controller.inference.port import Applied, Serving, ServingState
from controller.ports import Ports
from controller.running import words
from controller.serving import builds, moved
from controller.serving.builds import Asked
from ledger import attempts, deployments, executions, repositories, verdicts
from ledger.deployments import DeploymentRow
from ledger.repositories import RepositoryRow
from schemas import codec
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile
from schemas.states import FINAL_EXECUTION, DeploymentState, ExecutionState

log = structlog.get_logger()


def serve(ports: Ports) -> int:
    """Move every version that is on its way, serves or leaves; how many changed."""
    with ports.ledger.read() as connection:
        rows, leaving = deployments.live(connection), deployments.leaving(connection)
    changed = isolate.each(
        rows, lambda row: _move(ports, row), lambda row, bug: _fail(ports, row, f"internal: {bug}")
    )
    # What a bug keeps from leaving is asked again next turn: only a person could do more.
    changed += isolate.each(leaving, lambda row: _leave(ports, row), lambda row, bug: None)
    return changed + (_retire(ports) if rows else 0)


def _move(ports: Ports, row: DeploymentRow) -> bool:
    try:
        return _build(ports, row) if row.state is DeploymentState.BUILDING else _roll_out(ports, row)
    except ConfigError as error:
        return _fail(ports, row, str(error))


def _build(ports: Ports, row: DeploymentRow) -> bool:
    """Start the builds that are missing, take what they made; when all are there the rollout begins."""
    endpoints = {name: dict(endpoint) for name, endpoint in row.endpoints.items()}
    waiting, numbers = False, []
    for name, endpoint in endpoints.items():
        if "execution" not in endpoint:
            continue
        with ports.ledger.read() as connection:
            made = executions.by_id(connection, endpoint["execution"])
        numbers.append(f"#{made.number}")
        if made.state not in FINAL_EXECUTION:
            waiting = True
        elif made.state is not ExecutionState.COMPLETE or made.built is None:
            return _fail(ports, row, f"#{made.number} did not build the endpoint {name}: {made.reason}")
        else:
            endpoint |= {
                **made.built,
                "port": made.spec["build"]["port"],
                "command": made.spec["build"]["command"],
                "resources": made.spec["build"].get("resources"),
            }
    if ports.settings.maintenance:
        return _say(
            ports, row, DeploymentState.BUILDING, words.resting(ports.settings.maintenance), endpoints
        )
    missing = [name for name, endpoint in endpoints.items() if "execution" not in endpoint]
    if missing:
        return _order(ports, row, endpoints, missing)
    if waiting:
        return _say(ports, row, DeploymentState.BUILDING, f"{', '.join(numbers)} build", endpoints)
    return _say(ports, row, DeploymentState.DEPLOYING, "built; it is being rolled out", endpoints)


def _order(ports: Ports, row: DeploymentRow, endpoints: dict[str, Any], missing: list[str]) -> bool:
    """Create the builds and remember them, in one transaction: a crash in between cannot double one."""
    repository = _repository(ports, row)
    with ports.ledger.read() as connection:
        project = repositories.project(connection, row.project_id)
    new = {
        name: builds.build(
            ports,
            Asked(
                project,
                repository,
                row.sha,
                name,
                row.deployment,
                row.name,
                {
                    file: codec.from_json(DatumFile, datum)
                    for file, datum in endpoints[name].get("files", {}).items()
                },
            ),
        )
        for name in missing
    }
    now = ports.clock()
    with ports.ledger.write() as connection:
        for name, wanted in new.items():
            endpoints[name]["execution"] = executions.create(connection, wanted, now).id
        deployments.update_version(
            connection, row, DeploymentState.BUILDING, "is being built", endpoints, now
        )
    return True


def _roll_out(ports: Ports, row: DeploymentRow) -> bool:
    repository = _repository(ports, row)
    cluster = ports.clusters.get(row.cluster)
    if cluster is None:
        raise ConfigError(
            f"there is no cluster {row.cluster}", hint=f"This installation has: {', '.join(ports.clusters)}."
        )
    with ports.ledger.read() as connection:
        aliases = deployments.aliases(connection).get(row.id, ())
    endpoints = {name: dict(endpoint) for name, endpoint in row.endpoints.items()}
    answers: dict[str, Applied] = {}
    for name, endpoint in endpoints.items():
        applied = cluster.apply(_serving(repository, row, name, endpoint, aliases))
        answers[name] = applied
        endpoint |= {"running_digest": applied.digest, "reason": applied.reason}
        rest = f"{row.deployment}/{row.name}/{name}"
        former = moved.before(ports, endpoint.get("address", ""), repository.name, rest)
        serves = applied.state is ServingState.SERVING
        # The address of before says what is to be ended, so it stays until that is done.
        if not former or (serves and cluster.end(f"{former}/{rest}")):
            endpoint["address"] = applied.address
    failed = next((name for name, a in answers.items() if a.state is ServingState.FAILED), None)
    if failed is not None and row.state is not DeploymentState.SERVING:
        return _fail(ports, row, f"the endpoint {failed} does not serve: {answers[failed].reason}")
    if all(applied.state is ServingState.SERVING for applied in answers.values()):
        return _serves(ports, row, endpoints)
    reason = "; ".join(a.reason for a in answers.values() if a.state is not ServingState.SERVING)
    return _say(ports, row, row.state, reason, endpoints)


def _serves(ports: Ports, row: DeploymentRow, endpoints: dict[str, Any]) -> bool:
    now = ports.clock()
    serves = f"{row.deployment} {row.name} serves {', '.join(endpoints)}"
    with ports.ledger.write() as connection:
        if row.state is not DeploymentState.SERVING:
            for alias in row.aliases:
                deployments.point(connection, row, alias, now)
        changed = deployments.update_version(connection, row, DeploymentState.SERVING, serves, endpoints, now)
    if row.state is not DeploymentState.SERVING:
        log.info("serving", deployment=row.deployment, version=row.name, aliases=list(row.aliases))
    return changed


def _serving(
    repository: RepositoryRow,
    row: DeploymentRow,
    name: str,
    endpoint: dict[str, Any],
    aliases: tuple[str, ...],
) -> Serving:
    base = f"/{repository.name}/{row.deployment}"
    return Serving(
        repository=repository.name,
        project=row.project_id,
        model=row.deployment,
        stage=f"{row.name}/{name}",
        version=row.name,
        kind=endpoint["kind"],
        reference=endpoint["reference"],
        digest=endpoint["digest"],
        port=endpoint["port"],
        prefix=f"{base}/{row.name}/{name}",
        command=endpoint["command"],
        aliases=tuple(f"{base}/{alias}/{name}" for alias in aliases),
        resources=builds.resources_of(endpoint),
    )


def _retire(ports: Ports) -> int:
    """End the versions to which nothing leads any more and that are not the newest that serves."""
    with ports.ledger.read() as connection:
        rows = [row for row in deployments.live(connection) if row.state is DeploymentState.SERVING]
        named = deployments.aliases(connection)
    newest = {
        (row.project_id, row.deployment): row.id for row in rows
    }  # the oldest come first: the last one stays
    changed = 0
    for row in rows:
        if row.id in named or newest[row.project_id, row.deployment] == row.id:
            continue
        if _is_ended(ports, row):
            changed += _say(
                ports, row, DeploymentState.RETIRED, "a later version took its place", row.endpoints
            )
    return changed


def _leave(ports: Ports, row: DeploymentRow) -> bool:
    """End what there is of a version that failed: its builds, and what the cluster started. Asked until nothing is left."""
    now = ports.clock()
    with ports.ledger.write() as connection:
        for endpoint in row.endpoints.values():
            if "execution" in endpoint:
                attempts.ask_to_stop(connection, endpoint["execution"], now)
    if not _is_ended(ports, row):
        return False
    with ports.ledger.write() as connection:
        deployments.has_left(connection, row, now)
    return True


def _is_ended(ports: Ports, row: DeploymentRow) -> bool:
    """Ask the cluster to end every endpoint of a version; whether nothing of it is left."""
    repository, cluster = _repository(ports, row), ports.clusters.get(row.cluster)
    if cluster is None:
        return True
    # All are asked, also after one that takes its time.
    ended = [cluster.end(f"{repository.name}/{row.deployment}/{row.name}/{name}") for name in row.endpoints]
    return all(ended)


def _repository(ports: Ports, row: DeploymentRow) -> RepositoryRow:
    with ports.ledger.read() as connection:
        return repositories.by_id(connection, verdicts.repository_of(connection, row.project_id))


def _fail(ports: Ports, row: DeploymentRow, reason: str) -> bool:
    """Give a version up. One that serves goes on doing so: requests matter more than our trouble with it."""
    if row.state is DeploymentState.SERVING:
        return _say(ports, row, DeploymentState.SERVING, reason, row.endpoints)
    log.warning("a deployment failed", deployment=row.deployment, version=row.name, why=reason)
    return _say(ports, row, DeploymentState.FAILED, reason, row.endpoints)


def _say(
    ports: Ports, row: DeploymentRow, state: DeploymentState, reason: str, endpoints: dict[str, Any]
) -> bool:
    if (row.state, row.reason, row.endpoints) == (state, reason, endpoints):
        return False
    with ports.ledger.write() as connection:
        return deployments.update_version(connection, row, state, reason, endpoints, ports.clock())
