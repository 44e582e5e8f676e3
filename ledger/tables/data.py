"""Names for data: aliases of files, dataset versions, candidate versions of models, and deployments."""

from sqlalchemy import Column, Integer, String, Table, Text, UniqueConstraint

from ledger.tables.base import identifier, json_column, metadata, moment, reference

datum_aliases = Table(
    "datum_aliases",
    metadata,
    reference("project_id", "projects.id", primary_key=True),
    Column("name", String(200), primary_key=True),
    reference("output_id", "outputs.id"),
    moment("moved_at"),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    identifier(),
    reference("project_id", "projects.id"),
    Column("dataset", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    reference("execution_id", "executions.id"),  # which made it
    json_column("files"),  # ids of outputs, in the order of their names
    json_column("tags"),
    moment("created_at"),
    UniqueConstraint("project_id", "dataset", "name"),
)

dataset_aliases = Table(
    "dataset_aliases",
    metadata,
    reference("project_id", "projects.id", primary_key=True),
    Column("dataset", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    reference("version_id", "dataset_versions.id"),
    moment("moved_at"),
)

model_versions = Table(
    "model_versions",
    metadata,
    identifier(),
    reference("project_id", "projects.id"),
    Column("model", String(200), nullable=False),
    Column("number", Integer, nullable=False),  # from 1, per model
    reference("execution_id", "executions.id"),
    json_column("files"),  # ids of outputs
    json_column("tags"),
    Column("note", Text, nullable=False, default=""),
    moment("created_at"),
    UniqueConstraint("project_id", "model", "number"),
)

deployment_versions = Table(
    "deployment_versions",
    metadata,
    identifier(),
    reference("project_id", "projects.id"),
    Column("deployment", String(200), nullable=False),
    Column("name", String(100), nullable=False),  # YYYYMMDD.N
    reference("pipeline_id", "pipelines.id"),
    Column("node", String(200), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("cluster", String(100), nullable=False),
    json_column("endpoints"),  # name -> {files, and what came of it: see ledger/deployments}
    json_column("aliases"),  # which shall lead here once it serves
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    moment("created_at"),
    moment("finished_at", nullable=True),  # nothing of it runs any more
    UniqueConstraint("project_id", "deployment", "name"),
    UniqueConstraint("pipeline_id", "node"),
)

deployment_aliases = Table(
    "deployment_aliases",
    metadata,
    reference("project_id", "projects.id", primary_key=True),
    Column("deployment", String(200), primary_key=True),
    Column("name", String(200), primary_key=True),
    reference("version_id", "deployment_versions.id"),
    moment("moved_at"),
)
