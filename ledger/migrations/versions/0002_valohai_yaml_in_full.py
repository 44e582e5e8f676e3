"""Tasks, events of forges, schedules, approvals, pins of images, reuse, and names for data"""

import sqlalchemy as sa
from alembic import op

from ledger.tables import base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("repository_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_at", base.Moment(length=32), nullable=False),
        sa.Column("handled_at", base.Moment(length=32), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_events_repository_id_repositories")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("repository_id", "kind", "key", name=op.f("uq_events_repository_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_unhandled", ["handled_at", "id"], unique=False)

    op.create_table(
        "image_pins",
        sa.Column("environment_id", sa.String(length=12), nullable=False),
        sa.Column("image", sa.String(length=500), nullable=False),
        sa.Column("digest", sa.String(length=120), nullable=False),
        sa.Column("resolved_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environments.id"], name=op.f("fk_image_pins_environment_id_environments")
        ),
        sa.PrimaryKeyConstraint("environment_id", "image", name=op.f("pk_image_pins")),
    )
    op.create_table(
        "schedule_fires",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("trigger", sa.String(length=200), nullable=False),
        sa.Column("rule", sa.String(length=300), nullable=False),
        sa.Column("considered_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_schedule_fires_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("project_id", "trigger", name=op.f("pk_schedule_fires")),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("pipeline_id", sa.String(length=36), nullable=False),
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("approved_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_approvals_pipeline_id_pipelines")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("pipeline_id", "node", name=op.f("uq_approvals_pipeline_id")),
    )
    op.create_table(
        "deployment_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("deployment", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("pipeline_id", sa.String(length=36), nullable=False),
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("cluster", sa.String(length=100), nullable=False),
        sa.Column("endpoints", sa.JSON(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", base.Moment(length=32), nullable=False),
        sa.Column("finished_at", base.Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_deployment_versions_pipeline_id_pipelines")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_deployment_versions_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_versions")),
        sa.UniqueConstraint("pipeline_id", "node", name=op.f("uq_deployment_versions_pipeline_id")),
        sa.UniqueConstraint(
            "project_id", "deployment", "name", name=op.f("uq_deployment_versions_project_id")
        ),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("pipeline_id", sa.String(length=36), nullable=True),
        sa.Column("node", sa.String(length=200), nullable=True),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("created_at", base.Moment(length=32), nullable=False),
        sa.Column("finished_at", base.Moment(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_tasks_pipeline_id_pipelines")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_tasks_project_id_projects")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_tasks_run_id_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_tasks_project_id")),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index("ix_tasks_open", ["finished_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_tasks_pipeline_id"), ["pipeline_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tasks_run_id"), ["run_id"], unique=False)

    op.create_table(
        "deployment_aliases",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("deployment", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("moved_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_deployment_aliases_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["deployment_versions.id"],
            name=op.f("fk_deployment_aliases_version_id_deployment_versions"),
        ),
        sa.PrimaryKeyConstraint("project_id", "deployment", "name", name=op.f("pk_deployment_aliases")),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("dataset", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_dataset_versions_execution_id_executions")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_dataset_versions_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_versions")),
        sa.UniqueConstraint("project_id", "dataset", "name", name=op.f("uq_dataset_versions_project_id")),
    )
    op.create_table(
        "model_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("execution_id", sa.String(length=36), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("fk_model_versions_execution_id_executions")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_model_versions_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("project_id", "model", "number", name=op.f("uq_model_versions_project_id")),
    )
    op.create_table(
        "dataset_aliases",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("dataset", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("moved_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_dataset_aliases_project_id_projects")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_dataset_aliases_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("project_id", "dataset", "name", name=op.f("pk_dataset_aliases")),
    )
    op.create_table(
        "datum_aliases",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("output_id", sa.String(length=36), nullable=False),
        sa.Column("moved_at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["output_id"], ["outputs.id"], name=op.f("fk_datum_aliases_output_id_outputs")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_datum_aliases_project_id_projects")
        ),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_datum_aliases")),
    )
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cpus", sa.Float(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("memory", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("devices", sa.JSON(), nullable=True))

    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("task_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("child", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("reuse_key", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("reused_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("status_detail", sa.Text(), nullable=False, server_default=""))
        batch_op.create_index("ix_executions_reuse", ["project_id", "reuse_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_executions_task_id"), ["task_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_executions_task_id_tasks"), "tasks", ["task_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_executions_reused_id_executions"), "executions", ["reused_id"], ["id"]
        )

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("concurrency_group", sa.String(length=400), nullable=True))
        batch_op.add_column(sa.Column("pull_request", sa.Integer(), nullable=True))
        batch_op.create_index(
            "ix_runs_group", ["repository_id", "concurrency_group", "finished_at"], unique=False
        )
        batch_op.create_index("ix_runs_page", ["repository_id", "created_at", "id"], unique=False)
