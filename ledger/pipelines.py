"""Pipelines beside their runs: those that nobody moves any more, and one by its number."""

from sqlalchemy import Connection, select

from ledger.runs import PipelineRow
from ledger.tables import pipelines, runs

_COLUMNS = tuple(pipelines.c[name] for name in PipelineRow.__slots__)


def by_id(connection: Connection, pipeline_id: str) -> PipelineRow:
    """A pipeline that exists."""
    return PipelineRow(*connection.execute(select(*_COLUMNS).where(pipelines.c.id == pipeline_id)).one())


def left(connection: Connection) -> list[PipelineRow]:
    """Open pipelines whose run is final, or has begun another round."""
    rows = connection.execute(
        select(*_COLUMNS)
        .join(runs, runs.c.id == pipelines.c.run_id)
        .where(
            pipelines.c.finished_at.is_(None),
            runs.c.finished_at.is_not(None) | (runs.c.round != pipelines.c.round),
        )
        .order_by(pipelines.c.created_at, pipelines.c.id)
    )
    return [PipelineRow(*row) for row in rows]
