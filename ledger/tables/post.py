"""What goes out and comes in: statuses for forges, records for the store, the inbox, and the audit."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.tables.base import json_column, metadata, moment, reference

statuses = Table(
    "statuses",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    reference("repository_id", "repositories.id"),
    Column("sha", String(64), nullable=False),
    Column("context", String(250), nullable=False),  # luotsi/config, luotsi/<trigger>
    Column("state", String(10), nullable=False),  # pending, success, failure, error
    Column("description", String(140), nullable=False),
    Column("url", Text, nullable=False, default=""),
    Column("final", Boolean, nullable=False),
    moment("written_at"),
    moment("delivered_at", nullable=True),
    Column("trouble", Text),  # why the last delivery failed
    UniqueConstraint("repository_id", "sha", "context"),  # one row a context: the newest word only
    Index("ix_statuses_undelivered", "delivered_at", "repository_id"),
)

records = Table(
    "records",
    metadata,
    Column("key", String(500), primary_key=True),  # its key in the system store
    json_column("body"),
    moment("written_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),  # delivery, cancel, retry, approve, drain
    Column("source", String(200), nullable=False),
    Column("delivery", String(200), nullable=False),  # the forge's delivery id: a replay is one row
    Column("body", LargeBinary, nullable=False),
    moment("received_at"),
    moment("handled_at", nullable=True),
    UniqueConstraint("kind", "source", "delivery"),
    Index("ix_inbox_unhandled", "handled_at", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    moment("at"),
    Column("who", String(200), nullable=False),
    Column("what", String(100), nullable=False),
    Column("subject", String(300), nullable=False),
    json_column("detail"),
)
