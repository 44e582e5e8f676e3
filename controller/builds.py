"""An endpoint's image is made by an execution of kind `build`: same attempts, claims, fences, logs and results as a step."""

from typing import Any

from controller import configs
from controller.ports import Ports
from ledger import executions, registry, repositories, verdicts
from ledger.executions import NewExecution
from ledger.registry import PromotionRow
from schemas import codec, moments
from schemas.errors import ConfigError
from schemas.messages.job import Archive, Build

DEFAULT_PORT = 8000
"""Where an endpoint listens when its item names no port (contract 4)."""


def plan(ports: Ports, row: PromotionRow) -> NewExecution:
    """The build that a promotion needs. Raises `ConfigError` when its endpoint cannot be built as it is written."""
    with ports.ledger.read() as connection:
        version = registry.version(connection, row.version_id)
        repository = repositories.by_id(connection, row.repository_id)
        project = repositories.project(connection, row.project_id)
        snapshot = verdicts.snapshot(connection, row.repository_id, version.sha)
        data = {datum.datum: datum for datum in executions.data_of(connection, version.execution_id)}
    config = configs.of(ports, row.project_id, version.sha)
    model = next((m for m in config.models if m.name == row.model), None) if config else None
    if config is None or model is None or snapshot is None or model.file is None:
        raise ConfigError(f"the commit {version.sha[:7]} no longer says how {row.model} is served")
    endpoint = config.valohai.endpoints.get(row.endpoint)
    if endpoint is None:
        raise ConfigError(f"there is no endpoint named {row.endpoint} at {version.sha[:7]}")
    environment = ports.settings.environment(ports.settings.build_environment or None)
    if environment is None:
        raise ConfigError("this installation has no environment that builds")
    build = Build(
        model=row.model,
        version=version.version,
        endpoint=endpoint.name,
        image=endpoint.image,
        command=_command(endpoint),
        port=int(endpoint.port or DEFAULT_PORT),
        files={_path(endpoint, model.file): data[version.output_id]},
        repository=_registry(ports, repository.name, endpoint.name),
    )
    spec = {
        "kind": "build",
        "project": project.id,
        "project_name": f"{repository.name}/{project.name}",
        "step": endpoint.name,
        "commit": version.sha,
        "image": endpoint.image,
        "commands": [],
        "archive": codec.to_json(Archive(snapshot.key, snapshot.digest, snapshot.size)),
        "created": moments.to_text(ports.clock()),
        "build": codec.to_json(build),
        "environment_name": environment.name,
    }
    return NewExecution(
        project_id=project.id,
        environment_id=environment.id,
        kind="build",
        step=endpoint.name,
        sha=version.sha,
        spec=spec,
    )


def _command(endpoint: Any) -> str:
    if endpoint.wsgi:
        raise ConfigError(
            f"the endpoint {endpoint.name} is a wsgi one, which is not yet supported",
            hint="Use server-command.",
        )
    command = endpoint.server_command
    return " && ".join(command) if isinstance(command, list) else str(command)


def _path(endpoint: Any, file: str) -> str:
    found = next((item.path for item in endpoint.files if item.name == file), None)
    if found is None:
        raise ConfigError(f"the endpoint {endpoint.name} has no file named {file}")
    return str(found)


def _registry(ports: Ports, repository: str, endpoint: str) -> str | None:
    place = ports.settings.endpoint_repository
    return f"{place}/{repository}/{endpoint}".lower() if place else None
