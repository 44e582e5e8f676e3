"""What pages show of names for data: those of one execution's files, and the newest of a whole repository."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, literal, select

from ledger import pages
from ledger.pages import Page
from ledger.tables import (
    dataset_aliases,
    dataset_versions,
    datum_aliases,
    executions,
    model_versions,
    outputs,
    projects,
    repositories,
    versions,
)

_EVERY = select(projects.c.id)
"""With it a name is looked up in an index, which begins with the project."""


@dataclass(frozen=True, slots=True)
class NameLine:
    """An address that means files of an execution. `files` counts all that it means; `at` is when it was made or moved."""

    uri: str
    files: int
    tags: tuple[str, ...]
    note: str
    at: datetime


def named_by(connection: Connection, execution_id: str) -> tuple[NameLine, ...]:
    """Aliases that point to the execution's outputs, dataset versions and model candidates that it made.

    An execution that took an old result shows the names of the one that made it.
    """
    source = select(executions.c.reused_id).where(executions.c.id == execution_id)
    made_by = connection.execute(source).scalar() or execution_id
    return (*_aliases(connection, made_by), *_datasets(connection, made_by), *_models(connection, made_by))


def _aliases(connection: Connection, made_by: str) -> list[NameLine]:
    rows = connection.execute(
        select(datum_aliases.c.name, datum_aliases.c.moved_at)
        .join(outputs, outputs.c.id == datum_aliases.c.output_id)
        .where(outputs.c.execution_id == made_by)
        .order_by(datum_aliases.c.name)
    )
    return [NameLine(f"datum://{row.name}", 1, (), "", row.moved_at) for row in rows]


def _datasets(connection: Connection, made_by: str) -> list[NameLine]:
    table = dataset_versions
    found = []
    for row in connection.execute(
        select(table).where(table.c.execution_id == made_by).order_by(table.c.dataset)
    ):
        aliases = connection.scalars(
            select(dataset_aliases.c.name)
            .where(dataset_aliases.c.version_id == row.id)
            .order_by(dataset_aliases.c.name)
        ).all()
        note = f"also {', '.join(aliases)}" if aliases else ""
        uri = f"dataset://{row.dataset}/{row.name}"
        found.append(NameLine(uri, len(row.files), tuple(row.tags), note, row.created_at))
    return found


def _models(connection: Connection, made_by: str) -> list[NameLine]:
    table = model_versions
    rows = connection.execute(select(table).where(table.c.execution_id == made_by).order_by(table.c.model))
    return [
        NameLine(
            f"model://{row.model}/{row.number}", len(row.files), tuple(row.tags), row.note, row.created_at
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class DatasetLine:
    """A version of a dataset. `made_by`: the number of the execution that made it; `files`: how many."""

    id: str
    repository: str
    root: str
    dataset: str
    name: str
    made_by: int
    step: str
    files: int
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """A version of a model that an execution made; `registered`: the versions that tags bound to that execution."""

    id: str
    repository: str
    root: str
    model: str
    number: int
    made_by: int
    step: str
    files: int
    tags: tuple[str, ...]
    note: str
    registered: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AliasLine:
    """A name of one file. It moves when a later execution claims it."""

    repository: str
    root: str
    name: str
    file: str
    output_id: str
    size: int
    made_by: int
    step: str
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    repository: str
    root: str
    title: str
    version: str | int
    execution_id: str
    made_by: int
    step: str
    files: list[str]
    tags: list[str]
    note: str
    created_at: datetime


def _datasets_of() -> Select[Any]:
    table = dataset_versions
    return _placed(table, table.c.dataset, table.c.name, literal("").label("note"))


def _models_of() -> Select[Any]:
    table = model_versions
    return _placed(table, table.c.model, table.c.number, table.c.note)


def _placed(table: Table, title: Column[Any], version: Column[Any], note: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            table.c.id,
            repositories.c.name.label("repository"),
            projects.c.root,
            title.label("title"),
            version.label("version"),
            table.c.execution_id,
            executions.c.number.label("made_by"),
            executions.c.step,
            table.c.files,
            table.c.tags,
            note,
            table.c.created_at,
        )
        .join(projects, projects.c.id == table.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .join(executions, executions.c.id == table.c.execution_id)
    )


def latest_datasets(
    connection: Connection, repository_id: str, before: str | None = None, size: int = pages.SIZE
) -> Page[DatasetLine]:
    """Versions of datasets, the newest first."""
    table = dataset_versions
    statement = _datasets_of().where(table.c.project_id.in_(_mine(repository_id)))
    page = pages.turn(connection, statement, (table.c.created_at, table.c.id), _Version, before, size)
    return Page(_dataset_lines(connection, page.rows), page.older)


def latest_candidates(
    connection: Connection, repository_id: str, size: int = pages.SIZE
) -> tuple[CandidateLine, ...]:
    """Candidates of models, the newest first."""
    table = model_versions
    statement = _models_of().where(table.c.project_id.in_(_mine(repository_id)))
    ordered = statement.order_by(table.c.created_at.desc(), table.c.id.desc())
    return _candidate_lines(connection, pages.rows(connection, ordered.limit(size), _Version))


def all_aliases(connection: Connection, repository_id: str, size: int = 200) -> tuple[AliasLine, ...]:
    """Names of files, in their order."""
    where = datum_aliases.c.project_id.in_(_mine(repository_id))
    statement = _aliases_of().where(where).order_by(datum_aliases.c.name, projects.c.root)
    return pages.rows(connection, statement.limit(size), AliasLine)


def datasets_named(connection: Connection, dataset: str, size: int = 20) -> tuple[DatasetLine, ...]:
    """The versions of datasets with this name, the newest first."""
    table = dataset_versions
    statement = _datasets_of().where(table.c.project_id.in_(_EVERY), table.c.dataset == dataset)
    rows = pages.rows(connection, statement.order_by(table.c.created_at.desc()).limit(size), _Version)
    return _dataset_lines(connection, rows)


def candidates_named(connection: Connection, model: str, size: int = 20) -> tuple[CandidateLine, ...]:
    """The candidates of models with this name, the newest first."""
    table = model_versions
    statement = _models_of().where(table.c.project_id.in_(_EVERY), table.c.model == model)
    rows = pages.rows(connection, statement.order_by(table.c.created_at.desc()).limit(size), _Version)
    return _candidate_lines(connection, rows)


def aliases_named(connection: Connection, name: str, size: int = 20) -> tuple[AliasLine, ...]:
    """The files that go by this name, one of each project at most."""
    where = datum_aliases.c.project_id.in_(_EVERY) & (datum_aliases.c.name == name)
    return pages.rows(connection, _aliases_of().where(where).limit(size), AliasLine)


def _aliases_of() -> Select[Any]:
    return (
        select(
            repositories.c.name.label("repository"),
            projects.c.root,
            datum_aliases.c.name,
            outputs.c.name.label("file"),
            datum_aliases.c.output_id,
            outputs.c.size,
            executions.c.number.label("made_by"),
            executions.c.step,
            datum_aliases.c.moved_at,
        )
        .join(projects, projects.c.id == datum_aliases.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .join(outputs, outputs.c.id == datum_aliases.c.output_id)
        .join(executions, executions.c.id == outputs.c.execution_id)
    )


def _mine(repository_id: str) -> Select[Any]:
    return select(projects.c.id).where(projects.c.repository_id == repository_id)


def _dataset_lines(connection: Connection, rows: Sequence[_Version]) -> tuple[DatasetLine, ...]:
    leading: dict[str, list[str]] = defaultdict(list)
    where = dataset_aliases.c.version_id.in_([row.id for row in rows])
    for alias in connection.execute(select(dataset_aliases).where(where).order_by(dataset_aliases.c.name)):
        leading[alias.version_id].append(alias.name)
    return tuple(
        DatasetLine(
            row.id,
            row.repository,
            row.root,
            row.title,
            str(row.version),
            row.made_by,
            row.step,
            len(row.files),
            tuple(row.tags),
            tuple(leading[row.id]),
            row.created_at,
        )
        for row in rows
    )


def _candidate_lines(connection: Connection, rows: Sequence[_Version]) -> tuple[CandidateLine, ...]:
    bound: dict[tuple[str, str], list[str]] = defaultdict(list)
    where = versions.c.execution_id.in_([row.execution_id for row in rows])
    for each in connection.execute(select(versions).where(where).order_by(versions.c.registered_at)):
        bound[each.execution_id, each.model].append(each.version)
    return tuple(
        CandidateLine(
            row.id,
            row.repository,
            row.root,
            row.title,
            int(row.version),
            row.made_by,
            row.step,
            len(row.files),
            tuple(row.tags),
            row.note,
            tuple(bound[row.execution_id, row.title]),
            row.created_at,
        )
        for row in rows
    )
