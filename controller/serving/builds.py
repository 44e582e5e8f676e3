"""An endpoint's image is made by an execution of kind `build`: same attempts, claims, fences, logs and results as a step."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.serving import endpoint_notes
from controller.ports import Ports
from controller.watching import configs
from ledger import executions, registry, repositories, verdicts
from ledger.executions import NewExecution
from ledger.registry import PromotionRow
from ledger.repositories import ProjectRow, RepositoryRow
from schemas import codec, moments, shell
from schemas.errors import ConfigError
from schemas.messages.job import Archive, Build, DatumFile, Resources

DEFAULT_PORT = 8000
"""Where an endpoint listens when its item names no port (contract 4)."""

WSGI_SERVER = "gunicorn"
WSGI = (
    "python3 -c 'import gunicorn' || "
    "{{ echo 'a wsgi endpoint needs gunicorn, which the Python here does not have: install it, or use server-command' >&2; exit 1; }}; "
    'exec python3 -m gunicorn --bind "${{LUOTSI_HOST:-0.0.0.0}}:$VALOHAI_PORT" {app}'
)
"""Workers, timeouts and the like are gunicorn's own, and the repository's: it reads `gunicorn.conf.py` there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An endpoint to be built: at which commit, under which name of a model (or deployment) and version, from which files."""

    project: ProjectRow
    repository: RepositoryRow
    sha: str
    endpoint: str
    model: str
    version: str
    files: Mapping[str, DatumFile]
    """Name of the endpoint's file -> the datum that it becomes."""


def plan(ports: Ports, row: PromotionRow) -> NewExecution:
    """The build that a promotion needs. Raises `ConfigError` when its endpoint cannot be built as it is written."""
    with ports.ledger.read() as connection:
        version = registry.version(connection, row.version_id)
        repository = repositories.by_id(connection, row.repository_id)
        project = repositories.project(connection, row.project_id)
        data = {datum.datum: datum for datum in executions.data_of(connection, version.execution_id)}
    config = configs.of(ports, row.project_id, version.sha)
    model = (
        next((m for m in config.models if m.name == row.model.rpartition(":")[2]), None) if config else None
    )
    if model is None or model.file is None:
        raise ConfigError(f"the commit {version.sha[:7]} no longer says how {row.model} is served")
    files = {model.file: data[version.output_id]}
    return build(
        ports, Asked(project, repository, version.sha, row.endpoint, row.model, version.version, files)
    )


def build(ports: Ports, asked: Asked) -> NewExecution:
    """The execution that builds an endpoint. Raises `ConfigError` when it cannot be built as it is written."""
    config = configs.of(ports, asked.project.id, asked.sha)
    with ports.ledger.read() as connection:
        snapshot = verdicts.snapshot(connection, asked.repository.id, asked.sha)
    if config is None or snapshot is None:
        raise ConfigError(f"there is no readable config or no snapshot of {asked.sha[:7]}")
    endpoint = config.valohai.endpoints.get(asked.endpoint)
    if endpoint is None:
        raise ConfigError(f"there is no endpoint named {asked.endpoint} at {asked.sha[:7]}")
    environment = ports.settings.environment(ports.settings.build_environment or None)
    if environment is None:
        raise ConfigError("this installation has no environment that builds")
    wanted = Build(
        model=asked.model,
        version=asked.version,
        endpoint=endpoint.name,
        image=endpoint.image,
        command=command_of(endpoint),
        packages=(WSGI_SERVER,) if endpoint.wsgi else (),
        port=int(endpoint.port or DEFAULT_PORT),
        files={_path(endpoint, name): datum for name, datum in asked.files.items()},
        repository=_registry(ports, asked.repository.name, endpoint.name),
        resources=endpoint_notes.resources(endpoint),
    )
    spec = {
        "kind": "build",
        "project": asked.project.id,
        "project_name": f"{asked.repository.name}/{asked.project.name}",
        "step": endpoint.name,
        "commit": asked.sha,
        "image": endpoint.image,
        "commands": [],
        "archive": codec.to_json(Archive(snapshot.key, snapshot.digest, snapshot.size)),
        "created": moments.to_text(ports.clock()),
        "build": codec.to_json(wanted),
        "environment_name": environment.name,
        "notes": endpoint_notes.notes(endpoint),
    }
    return NewExecution(
        project_id=asked.project.id,
        environment_id=environment.id,
        kind="build",
        step=endpoint.name,
        sha=asked.sha,
        spec=spec,
        price=environment.price,
    )


def command_of(endpoint: Any) -> str:
    """What the endpoint runs, as text for a shell. A module of `wsgi` without a callable means its `application`: gunicorn's rule."""
    if endpoint.wsgi:
        return WSGI.format(app=shlex.quote(str(endpoint.wsgi).strip()))
    command = endpoint.server_command
    return shell.grouped(command) if isinstance(command, list) else str(command)


def resources_of(kept: Mapping[str, Any]) -> Resources:
    """What a build, or an endpoint that was built, keeps of its resources; those of earlier versions keep nothing."""
    return codec.from_json(Resources, kept["resources"]) if kept.get("resources") else Resources()


def _path(endpoint: Any, file: str) -> str:
    found = next((item.path for item in endpoint.files if item.name == file), None)
    if found is None:
        raise ConfigError(f"the endpoint {endpoint.name} has no file named {file}")
    return str(found)


def _registry(ports: Ports, repository: str, endpoint: str) -> str | None:
    place = ports.settings.endpoint_repository
    return f"{place}/{repository}/{endpoint}".lower() if place else None
