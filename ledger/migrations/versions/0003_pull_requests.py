"""Forges, approvals of pull requests, replies, deployments as forges show them, and prices"""

import sqlalchemy as sa
from alembic import op

from ledger.tables import base

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "pull_approvals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("repository_id", sa.String(length=36), nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("config_digest", sa.String(length=80), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("environment", sa.String(length=60), nullable=False),
        sa.Column("cap", sa.Float(), nullable=True),
        sa.Column("who_id", sa.String(length=100), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("comment_id", sa.String(length=200), nullable=False),
        sa.Column("approved_at", base.Moment(length=32), nullable=False),
        sa.Column("void_at", base.Moment(length=32), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_pull_approvals_repository_id_repositories")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_approvals")),
        sa.UniqueConstraint("repository_id", "comment_id", name=op.f("uq_pull_approvals_repository_id")),
    )
    with op.batch_alter_table("pull_approvals", schema=None) as batch_op:
        batch_op.create_index("ix_pull_approvals_commit", ["repository_id", "sha"], unique=False)

    op.create_table(
        "replies",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("repository_id", sa.String(length=36), nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("comment_id", sa.String(length=100), nullable=True),
        sa.Column("written_at", base.Moment(length=32), nullable=False),
        sa.Column("delivered_at", base.Moment(length=32), nullable=True),
        sa.Column("again_at", base.Moment(length=32), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_replies_repository_id_repositories")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        sa.UniqueConstraint("repository_id", "key", name=op.f("uq_replies_repository_id")),
    )
    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.create_index("ix_replies_undelivered", ["delivered_at", "repository_id"], unique=False)

    op.create_table(
        "shown_deployments",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("repository_id", sa.String(length=36), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("environment", sa.String(length=250), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("description", sa.String(length=140), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("written_at", base.Moment(length=32), nullable=False),
        sa.Column("delivered_at", base.Moment(length=32), nullable=True),
        sa.Column("said", sa.JSON(), nullable=True),
        sa.Column("again_at", base.Moment(length=32), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_shown_deployments_repository_id_repositories"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown_deployments")),
        sa.UniqueConstraint(
            "repository_id", "sha", "environment", name=op.f("uq_shown_deployments_repository_id")
        ),
    )
    with op.batch_alter_table("shown_deployments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_shown_deployments_undelivered", ["delivered_at", "repository_id"], unique=False
        )

    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("price", sa.Float(), nullable=True))

    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outcome", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("again_at", base.Moment(length=32), nullable=True))

    with op.batch_alter_table("repositories", schema=None) as batch_op:
        batch_op.add_column(sa.Column("forge_id", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("slug", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("spelling", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("asked_at", base.Moment(length=32), nullable=True))
        batch_op.add_column(sa.Column("heard_until", base.Moment(length=32), nullable=True))
        batch_op.add_column(sa.Column("hook", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("deaf", sa.Text(), nullable=True))
        batch_op.alter_column(
            "forge", existing_type=sa.VARCHAR(length=20), type_=sa.String(length=60), existing_nullable=False
        )
        batch_op.create_unique_constraint(batch_op.f("uq_repositories_forge"), ["forge", "forge_id"])
        batch_op.create_unique_constraint(batch_op.f("uq_repositories_spelling"), ["spelling"])

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("approval_id", sa.String(length=36), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_runs_approval_id_pull_approvals"), "pull_approvals", ["approval_id"], ["id"]
        )

    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("project_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("said", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("said_at", base.Moment(length=32), nullable=True))
        batch_op.add_column(sa.Column("again_at", base.Moment(length=32), nullable=True))
        batch_op.add_column(sa.Column("compared_at", base.Moment(length=32), nullable=True))
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=True))
        batch_op.alter_column(
            "state", existing_type=sa.VARCHAR(length=10), type_=sa.String(length=20), existing_nullable=False
        )
        batch_op.create_foreign_key(batch_op.f("fk_statuses_run_id_runs"), "runs", ["run_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_statuses_project_id_projects"), "projects", ["project_id"], ["id"]
        )
