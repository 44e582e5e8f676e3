"""The tables, by topic: what was seen in git, the work it started, what was promoted, and what goes out and comes in."""

from ledger.tables.base import metadata
from ledger.tables.git import (
    baseline_tips,
    commits,
    projects,
    ref_observations,
    repositories,
    snapshots,
    tag_observations,
    verdicts,
)
from ledger.tables.post import audit, inbox, records, statuses
from ledger.tables.registry import promotions, versions
from ledger.tables.work import (
    agents,
    attempts,
    environments,
    executions,
    metrics,
    outputs,
    pipelines,
    runs,
    web_starts,
)

__all__ = [
    "agents",
    "attempts",
    "audit",
    "baseline_tips",
    "commits",
    "environments",
    "executions",
    "inbox",
    "metadata",
    "metrics",
    "outputs",
    "pipelines",
    "projects",
    "promotions",
    "records",
    "ref_observations",
    "repositories",
    "runs",
    "snapshots",
    "statuses",
    "tag_observations",
    "verdicts",
    "versions",
    "web_starts",
]
