"""What goes out and comes in: statuses for forges, records for the store, the inbox, the settings in use, and the audit."""

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
    Column("state", String(20), nullable=False),  # pending, success, failure, error, neutral, action-required
    Column("description", String(140), nullable=False),
    Column("url", Text, nullable=False, default=""),
    Column("final", Boolean, nullable=False),
    moment("written_at"),
    moment("delivered_at", nullable=True),
    Column("trouble", Text),  # why the last delivery failed
    reference("run_id", "runs.id", nullable=True),  # whose word it is; NULL: the verdict's, or an alarm
    reference("project_id", "projects.id", nullable=True),
    json_column("said", nullable=True),  # what the forge was told last: forges/port.Said
    moment("said_at", nullable=True),
    moment("again_at", nullable=True),  # not to be tried before
    moment("compared_at", nullable=True),  # what the forge shows was last compared with this
    Column("number", Integer),  # of the pull request that people look at, where there is one
    UniqueConstraint("repository_id", "sha", "context"),  # one row a context: the newest word only
    Index("ix_statuses_undelivered", "delivered_at", "repository_id"),
)

replies = Table(
    "replies",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    reference("repository_id", "repositories.id"),
    Column("pull_request", Integer, nullable=False),
    Column("key", String(300), nullable=False),  # what it answers: one answer to one comment
    Column("text", Text, nullable=False),  # Markdown
    Column("comment_id", String(100)),  # the forge's id, once it is there
    moment("written_at"),
    moment("delivered_at", nullable=True),
    moment("again_at", nullable=True),
    Column("trouble", Text),
    UniqueConstraint("repository_id", "key"),
    Index("ix_replies_undelivered", "delivered_at", "repository_id"),
)

shown_deployments = Table(
    "shown_deployments",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    reference("repository_id", "repositories.id"),
    Column("sha", String(64), nullable=False),
    Column("environment", String(250), nullable=False),  # model and stage: churn/prod
    Column("state", String(20), nullable=False),  # queued, in_progress, success, failure, inactive
    Column("description", String(140), nullable=False),
    Column("url", Text, nullable=False, default=""),  # of the page about it
    Column("address", Text, nullable=False, default="", server_default=""),  # where it answers
    moment("written_at"),
    moment("delivered_at", nullable=True),
    json_column("said", nullable=True),
    moment("again_at", nullable=True),
    Column("trouble", Text),
    UniqueConstraint("repository_id", "sha", "environment"),
    Index("ix_shown_deployments_undelivered", "delivered_at", "repository_id"),
)

records = Table(
    "records",
    metadata,
    Column("key", String(500), primary_key=True),  # its key in the system store
    json_column("body"),
    moment("written_at"),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    reference("repository_id", "repositories.id"),
    Column("kind", String(20), nullable=False),  # pull-request, comment, merge-group
    Column("key", String(300), nullable=False),  # a replay is one row: see controller/core/events
    json_column("body"),  # the event in our words
    moment("received_at"),
    moment("handled_at", nullable=True),
    Column("outcome", Text),  # what came of it, for people
    UniqueConstraint("repository_id", "kind", "key"),
    Index("ix_events_unhandled", "handled_at", "id"),
)

schedule_fires = Table(
    "schedule_fires",
    metadata,
    reference("project_id", "projects.id", primary_key=True),
    Column("trigger", String(200), primary_key=True),
    Column("rule", String(300), nullable=False),  # cron, zone and branch: a changed rule begins anew
    moment("considered_at"),  # up to where fire times have been decided
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),  # delivery, cancel, retry, approve, promote, press, command
    Column("source", String(200), nullable=False),
    Column("delivery", String(200), nullable=False),  # the forge's delivery id: a replay is one row
    Column("body", LargeBinary, nullable=False),
    moment("received_at"),
    moment("handled_at", nullable=True),
    Column("outcome", Text),  # what came of it, for people
    moment("again_at", nullable=True),  # the forge has to be asked first, and not before then
    UniqueConstraint("kind", "source", "delivery"),
    Index("ix_inbox_unhandled", "handled_at", "id"),
)

settings_in_use = Table(
    "settings_in_use",
    metadata,
    Column("process", String(40), primary_key=True),  # controller, or its file events
    Column("trouble", Text, nullable=False, default=""),  # why the file, or file events, are not in use
    Column("maintenance", Text, nullable=False, default=""),  # why nothing new starts
    moment("written_at"),
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
