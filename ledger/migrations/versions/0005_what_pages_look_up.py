"""What pages look up by name or by decision"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_index("ix_tag_observations_decision", "tag_observations", ["decision", "id"])
    op.create_index("ix_promotions_state", "promotions", ["state", "finished_at"])
    op.create_index("ix_executions_step", "executions", ["project_id", "step", "number"])
    op.create_index("ix_pipelines_name", "pipelines", ["project_id", "name", "number"])
    op.create_index("ix_tasks_name", "tasks", ["project_id", "name", "number"])
