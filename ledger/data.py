"""Names for data: aliases of files, dataset versions and their aliases, candidate versions of models.

Versions are made once and never change; aliases move. Names belong to a project. Readers give several projects, those of
one repository, and get answers of each.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select, update

from ledger.tables import (
    dataset_aliases,
    dataset_versions,
    datum_aliases,
    executions,
    model_versions,
    outputs,
    runs,
)


@dataclass(frozen=True, slots=True)
class VersionName:
    """A dataset's version without its files."""

    id: str
    project_id: str
    dataset: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a stored output comes from."""

    project_id: str
    execution_id: str
    trust: str


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version of a dataset or a model is made with: ids of outputs, tags, and of a model's a note."""

    execution_id: str
    files: Sequence[str]
    tags: Sequence[str] = ()
    note: str = ""


def origin(connection: Connection, output_id: str) -> Origin | None:
    """Who made an output, and with which trust; None when there is no such output."""
    row = connection.execute(
        select(executions.c.project_id, executions.c.id, runs.c.trust)
        .select_from(outputs)
        .join(executions, executions.c.id == outputs.c.execution_id)
        .outerjoin(runs, runs.c.id == executions.c.run_id)
        .where(outputs.c.id == output_id)
    ).first()
    return None if row is None else Origin(row.project_id, row.id, row.trust or "trusted")


def move_alias(connection: Connection, project_id: str, name: str, output_id: str, now: datetime) -> None:
    """Make an alias of a file, or move it to another file."""
    where = (datum_aliases.c.project_id == project_id) & (datum_aliases.c.name == name)
    values = {"output_id": output_id, "moved_at": now}
    _upsert(connection, datum_aliases, where, {"project_id": project_id, "name": name}, values)


def aliases(connection: Connection, projects: Sequence[str]) -> dict[tuple[str, str], str]:
    """(project, alias) -> output."""
    rows = connection.execute(
        select(datum_aliases).where(datum_aliases.c.project_id.in_(projects)).order_by(datum_aliases.c.name)
    )
    return {(row.project_id, row.name): row.output_id for row in rows}


def datasets(connection: Connection, projects: Sequence[str]) -> list[tuple[str, str]]:
    """(project, name) of every dataset, by name."""
    columns = (dataset_versions.c.project_id, dataset_versions.c.dataset)
    rows = connection.execute(
        select(*columns).where(columns[0].in_(projects)).distinct().order_by(columns[1], columns[0])
    )
    return [(row.project_id, row.dataset) for row in rows]


def dataset_versions_of(connection: Connection, project_id: str, dataset: str) -> list[VersionName]:
    """The versions of one dataset, in the order in which they were made; those of one moment by number or name."""
    columns = [dataset_versions.c[name] for name in VersionName.__slots__]
    rows = connection.execute(
        select(*columns).where(
            dataset_versions.c.project_id == project_id, dataset_versions.c.dataset == dataset
        )
    )
    found = [VersionName(*row) for row in rows]
    return sorted(found, key=lambda each: (each.created_at, each.name.zfill(20), each.name))


def dataset_files(connection: Connection, version_id: str) -> list[str]:
    """The outputs of a version, in the order of their names."""
    files: list[str] = connection.execute(
        select(dataset_versions.c.files).where(dataset_versions.c.id == version_id)
    ).scalar_one()
    return list(files)


def make_dataset_version(
    connection: Connection, project_id: str, dataset: str, name: str, new: NewVersion, now: datetime
) -> str:
    """Record a version, which nothing changes any more; its id. The caller has seen that the name is free."""
    minted = str(uuid.uuid4())
    connection.execute(
        insert(dataset_versions).values(
            id=minted,
            project_id=project_id,
            dataset=dataset,
            name=name,
            execution_id=new.execution_id,
            files=list(new.files),
            tags=list(new.tags),
            created_at=now,
        )
    )
    return minted


def move_dataset_alias(
    connection: Connection, project_id: str, dataset: str, name: str, version_id: str, now: datetime
) -> None:
    """Make an alias of a dataset's version, or move it to another version."""
    table = dataset_aliases
    key = {"project_id": project_id, "dataset": dataset, "name": name}
    where = (table.c.project_id == project_id) & (table.c.dataset == dataset) & (table.c.name == name)
    _upsert(connection, table, where, key, {"version_id": version_id, "moved_at": now})


def dataset_aliases_of(connection: Connection, project_id: str, dataset: str) -> dict[str, str]:
    """Alias -> version's id."""
    table = dataset_aliases
    rows = connection.execute(
        select(table.c.name, table.c.version_id)
        .where(table.c.project_id == project_id, table.c.dataset == dataset)
        .order_by(table.c.name)
    )
    return {row.name: row.version_id for row in rows}


def make_model_version(
    connection: Connection, project_id: str, model: str, new: NewVersion, now: datetime
) -> int:
    """Record a candidate under the model's next number; that number."""
    table = model_versions
    highest = connection.execute(
        select(func.max(table.c.number)).where(table.c.project_id == project_id, table.c.model == model)
    ).scalar()
    number: int = 1 + (highest or 0)
    connection.execute(
        insert(table).values(
            id=str(uuid.uuid4()),
            project_id=project_id,
            model=model,
            number=number,
            execution_id=new.execution_id,
            files=list(new.files),
            tags=list(new.tags),
            note=new.note,
            created_at=now,
        )
    )
    return number


def models(connection: Connection, projects: Sequence[str]) -> dict[str, dict[str, list[int]]]:
    """Model -> project -> the numbers of its candidates, in order."""
    columns = (model_versions.c.model, model_versions.c.project_id, model_versions.c.number)
    found: dict[str, dict[str, list[int]]] = {}
    for row in connection.execute(select(*columns).where(columns[1].in_(projects)).order_by(*columns)):
        found.setdefault(row.model, {}).setdefault(row.project_id, []).append(row.number)
    return found


def model_files(connection: Connection, project_id: str, model: str, number: int) -> list[str] | None:
    """The outputs of a candidate; None when there is none with this number."""
    table = model_versions
    files: list[str] | None = connection.execute(
        select(table.c.files).where(
            table.c.project_id == project_id, table.c.model == model, table.c.number == number
        )
    ).scalar()
    return files


def _upsert(
    connection: Connection,
    table: Table,
    where: ColumnElement[bool],
    key: dict[str, Any],
    values: dict[str, Any],
) -> None:
    if not connection.execute(update(table).where(where).values(**values)).rowcount:
        connection.execute(insert(table).values(**key, **values))
