"""Deployment nodes of pipelines: makes a version of a deployment from what a node wants, and says what became of it.

Building, rolling out and the aliases are `controller/deploying`.
"""

import uuid
from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller.core.pipelines.edges import Finished
from controller.core.serving.deploying import DeploymentWanted
from controller.ports import Ports
from controller.running.scene import Scene
from ledger import deployments
from ledger.deployments import DeploymentRow, NewVersion
from schemas import codec
from schemas.errors import ConfigError
from schemas.states import DeploymentState, NodeState

log = structlog.get_logger()

_STATES = {
    DeploymentState.BUILDING: NodeState.STARTED,
    DeploymentState.DEPLOYING: NodeState.STARTED,
    DeploymentState.SERVING: NodeState.COMPLETE,
    DeploymentState.RETIRED: NodeState.COMPLETE,
    DeploymentState.FAILED: NodeState.ERROR,
}


def cluster_for(
    connection: Connection, ports: Ports, scene: Scene, deployment: str, target: str | None
) -> str:
    """Where a version serves: at the target of the deployment's item, else where the deployment does already, else on the
    only cluster that there is.

    Raises `ConfigError` when several could be meant, or when there is no such cluster.
    """
    cluster = target or deployments.cluster_of(connection, scene.project.id, deployment)
    clusters = ", ".join(ports.clusters) or "none"
    if cluster is None and len(ports.clusters) == 1:
        return next(iter(ports.clusters))
    if cluster is None:
        item = f"- deployment: {{name: {deployment}, defaults: {{target: NAME}}}}"
        raise ConfigError(
            f"there is no deployment {deployment}, and nothing says where to make it",
            hint=f"Add `{item}` to the file; clusters here: {clusters}.",
        )
    if cluster not in ports.clusters:
        raise ConfigError(
            f"the deployment {deployment} is to serve on the cluster {cluster}, which this installation does not have",
            hint=f"It has: {clusters}.",
        )
    return cluster


def create(
    connection: Connection, ports: Ports, scene: Scene, node: str, wanted: DeploymentWanted, now: datetime
) -> DeploymentRow:
    """Record the next version of the deployment. Raises `ConfigError` as `cluster_for` does."""
    assert scene.pipeline is not None
    new = NewVersion(
        project_id=scene.project.id,
        deployment=wanted.deployment,
        pipeline_id=scene.pipeline.id,
        node=node,
        sha=scene.run.sha,
        cluster=cluster_for(connection, ports, scene, wanted.deployment, wanted.target),
        endpoints={
            name: {"files": {file: codec.to_json(datum) for file, datum in files.items()}}
            for name, files in wanted.endpoints.items()
        },
        aliases=wanted.aliases,
    )
    row = deployments.create(connection, new, now)
    log.info("deployment version", deployment=row.deployment, version=row.name, node=node)
    return row


def state(row: DeploymentRow) -> NodeState:
    """What a version's state is for its node: complete as soon as it serves, whatever comes later."""
    return _STATES[row.state]


def stop(connection: Connection, row: DeploymentRow, now: datetime) -> None:
    """A version that does not serve yet is given up; `deploying` ends its builds and what the cluster has started for it."""
    if state(row) is not NodeState.STARTED:
        return
    deployments.update_version(
        connection, row, DeploymentState.FAILED, "its pipeline ended", row.endpoints, now
    )


def finished(row: DeploymentRow) -> Finished:
    """The ids that edges carry on: `id` is the deployment's, the same for all its versions, `version_id` the version's."""
    deployment = uuid.uuid5(uuid.UUID(row.project_id), row.deployment)
    return Finished(facts={"id": str(deployment), "version_id": row.id})
