"""What the controller holds of luotsi.yaml"""

import sqlalchemy as sa
from alembic import op

from ledger.tables import base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_table(
        "settings_in_use",
        sa.Column("process", sa.String(length=40), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("maintenance", sa.Text(), nullable=False),
        sa.Column("written_at", base.Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_settings_in_use")),
    )
