"""The names that results give to their files: recorded when an execution ends, in the transaction that ends it.

Only a trusted and complete execution names anything: a failed one's files are data like any other, by their ids, and may
be half of what was meant. An execution that took an old result names nothing again.
"""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller.core import data_names
from controller.core.data_names import Address, DatasetVersion, ModelVersion, Named, Names
from controller.reporting import statuses
from controller.running.resolving import Names as Known
from ledger import data, executions, repositories
from ledger.data import NewVersion
from ledger.executions import ExecutionRow
from ledger.repositories import ProjectRow
from schemas.errors import ConfigError
from schemas.messages.result import Result

log = structlog.get_logger()


def record(
    connection: Connection, project_id: str, execution: ExecutionRow, result: Result, now: datetime
) -> list[str]:
    """Give the result's files the names that their metadata asks for; sentences about what was not named, and why."""
    files = sorted(result.outputs, key=lambda output: output.name)
    wanted = data_names.names_of(Named(file.datum, file.name, file.metadata) for file in files)
    if not wanted:
        return list(wanted.troubles)
    refusal = _refusal(execution, result)
    if refusal:
        return [f"its files were given no names ({_listed(wanted)}): {refusal}"]
    return _Recording(connection, project_id, execution, now).record(wanted)


def _refusal(execution: ExecutionRow, result: Result) -> str:
    if execution.spec.get("trust", "trusted") != "trusted":
        return "an untrusted run names nothing"
    if result.outcome != "complete":
        return "only a complete execution names its files"
    return ""


def _listed(wanted: Names) -> str:
    names = [f"datum://{alias}" for alias in wanted.aliases]
    names += [f"dataset://{version.dataset}/{version.version}" for version in wanted.datasets]
    names += [f"model://{version.model}/" for version in wanted.models]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


class _Recording:
    """One execution's names on their way into the ledger."""

    def __init__(
        self, connection: Connection, project_id: str, execution: ExecutionRow, now: datetime
    ) -> None:
        self._connection = connection
        self._project: ProjectRow = repositories.project(connection, project_id)
        self._execution = execution
        self._now = now
        self._troubles: list[str] = []

    def record(self, wanted: Names) -> list[str]:
        self._troubles.extend(wanted.troubles)
        for alias, output in wanted.aliases.items():
            data.move_alias(self._connection, self._project.id, alias, output, self._now)
        datasets = [made for version in wanted.datasets if (made := self._dataset(version)) is not None]
        models = [self._model(version) for version in wanted.models]
        body = {
            "project": self._project.id,
            "aliases": dict(wanted.aliases),
            "datasets": datasets,
            "models": models,
        }
        statuses.record(
            self._connection, self._project.repository_id, "names", self._execution.id, body, self._now
        )
        log.info(
            "data named",
            execution=f"#{self._execution.number}",
            aliases=len(wanted.aliases),
            datasets=len(datasets),
            models=len(models),
        )
        return self._troubles

    def _dataset(self, wanted: DatasetVersion) -> dict[str, object] | None:
        """Make one version with its aliases; None, and a sentence, when it cannot be made."""
        versions = data.dataset_versions_of(self._connection, self._project.id, wanted.dataset)
        aliases = data.dataset_aliases_of(self._connection, self._project.id, wanted.dataset)
        known = {version.name: version.id for version in versions}
        name = wanted.version or data_names.next_version((*known, *aliases))
        uri = f"dataset://{wanted.dataset}/{name}"
        if name in known:
            self._troubles.append(f"{uri} exists already, and a version never changes: take another name")
            return None
        if name in aliases:
            self._troubles.append(f"{uri} is an alias of another version: take another name")
            return None
        try:
            files = self._files(wanted)
        except ConfigError as error:
            self._troubles.append(f"{uri} was not made: {error}")
            return None
        new = NewVersion(self._execution.id, files, wanted.tags)
        made = data.make_dataset_version(
            self._connection, self._project.id, wanted.dataset, name, new, self._now
        )
        moved = []
        for alias in wanted.aliases:
            if alias in known or alias == name:
                self._troubles.append(
                    f"{alias} is a version of {wanted.dataset} and cannot be an alias of {uri}"
                )
                continue
            data.move_dataset_alias(
                self._connection, self._project.id, wanted.dataset, alias, made, self._now
            )
            moved.append(alias)
        return {
            "id": made,
            "dataset": wanted.dataset,
            "version": name,
            "files": files,
            "aliases": moved,
            "tags": wanted.tags,
        }

    def _files(self, wanted: DatasetVersion) -> list[str]:
        """Ids by name: the run's own files, and of the base those that are not left out and have no new namesake."""
        own = executions.data(self._connection, wanted.files)
        named = {file.name: file.datum for file in own}
        if wanted.base:
            base = data_names.address(wanted.base)
            assert isinstance(base, Address)
            version = Known(self._connection, self._project, "trusted").dataset(base)
            for file in executions.data(self._connection, data.dataset_files(self._connection, version)):
                if data_names.kept(wanted.exclude, file.name):
                    named.setdefault(file.name, file.datum)
        return [named[name] for name in sorted(named)]

    def _model(self, wanted: ModelVersion) -> dict[str, object]:
        new = NewVersion(self._execution.id, wanted.files, wanted.tags, wanted.note)
        number = data.make_model_version(self._connection, self._project.id, wanted.model, new, self._now)
        return {
            "model": wanted.model,
            "number": number,
            "files": wanted.files,
            "tags": wanted.tags,
            "note": wanted.note,
        }
