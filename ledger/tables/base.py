"""What all tables share: the metadata with fixed constraint names, and the column types that both databases agree on."""

from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import JSON, Column, ForeignKey, MetaData, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from schemas import moments

log = structlog.get_logger()

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as text that sorts in time order: the same bytes in SQLite, PostgreSQL and records."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To the text of schemas/moments."""
        return None if value is None else moments.to_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Back to an aware datetime. What is no moment was long ago: one damaged row must not hide those beside it."""
        if value is None:
            return None
        try:
            return moments.from_text(value)
        except ValueError:
            log.error("the ledger holds something else where a moment should be", held=value[:40])
            return LONG_AGO


def identifier(name: str = "id") -> Column[str]:
    """A UUID, minted when the thing is first recorded."""
    return Column(name, String(36), primary_key=True)


def reference(
    name: str, target: str, nullable: bool = False, index: bool = False, primary_key: bool = False
) -> Column[str]:
    """A foreign key to another table's UUID."""
    return Column(
        name, String(36), ForeignKey(target), nullable=nullable, index=index, primary_key=primary_key
    )


def moment(name: str, nullable: bool = False, index: bool = False) -> Column[datetime]:
    """A point in time."""
    return Column(name, Moment, nullable=nullable, index=index)


def json_column(name: str, nullable: bool = False) -> Column[Any]:
    """A JSON value."""
    return Column(name, JSON, nullable=nullable)
