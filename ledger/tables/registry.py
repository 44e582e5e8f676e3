"""The registry: versions of models bound to what made them, and promotions of versions to stages."""

from sqlalchemy import Column, Index, Integer, String, Table, Text, UniqueConstraint

from ledger.tables.base import identifier, json_column, metadata, moment, reference

versions = Table(
    "versions",
    metadata,
    identifier(),
    reference("repository_id", "repositories.id"),
    reference("project_id", "projects.id"),
    Column("model", String(200), nullable=False),
    Column("version", String(100), nullable=False),  # v1.2.0
    Column("sha", String(64), nullable=False),
    Column("tag", String(500), nullable=False),
    Column("tag_object", String(64), nullable=False),
    Column("tagger", String(300), nullable=False, default=""),
    reference("execution_id", "executions.id"),
    reference("output_id", "outputs.id"),
    Column("digest", String(80), nullable=False),  # of the model file
    moment("registered_at"),
    UniqueConstraint("repository_id", "model", "version"),
)

promotions = Table(
    "promotions",
    metadata,
    identifier(),
    reference("repository_id", "repositories.id"),
    reference("project_id", "projects.id"),
    reference("version_id", "versions.id"),
    Column("model", String(200), nullable=False),
    Column("stage", String(200), nullable=False),
    Column("tag", String(500), nullable=False),
    Column("tag_object", String(64), nullable=False),
    Column("tagger", String(300), nullable=False, default=""),
    Column("cluster", String(100), nullable=False),
    Column("endpoint", String(200), nullable=False),
    json_column("stage_rule"),  # replicas, require, smoke as they stood at acceptance
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    reference("execution_id", "executions.id", nullable=True),  # the build
    Column("image", Text, nullable=False, default=""),
    Column("digest", String(120), nullable=False, default=""),
    Column("running_digest", String(120), nullable=False, default=""),  # what the cluster last answered
    Column("address", Text, nullable=False, default=""),
    Column("tries", Integer, nullable=False, default=0),
    moment("accepted_at"),
    moment("serving_at", nullable=True),
    moment("checked_at", nullable=True),
    moment("finished_at", nullable=True),  # failed or superseded
    UniqueConstraint("repository_id", "tag_object", "stage"),
    Index("ix_promotions_state", "state", "finished_at"),
    Index("ix_promotions_stage", "project_id", "model", "stage", "accepted_at"),
)
