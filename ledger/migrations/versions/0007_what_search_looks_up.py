"""What search looks up"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables to this revision."""
    op.create_index("ix_runs_trigger", "runs", ["project_id", "trigger", "created_at"])
    op.create_index("ix_commits_author", "commits", ["author", "seen_at"])
