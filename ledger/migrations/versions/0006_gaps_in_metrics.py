"""Gaps in metrics"""

import sqlalchemy as sa
from alembic import op

from ledger.tables import base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "metric_gaps",
        sa.Column("attempt_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("word", sa.String(length=10), nullable=False),
        sa.Column("at", base.Moment(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_metric_gaps_attempt_id_attempts")
        ),
        sa.PrimaryKeyConstraint("attempt_id", "key", "position", name=op.f("pk_metric_gaps")),
    )
