"""Check suites and runs, annotations, statuses and deployments as bodies."""

from typing import Any

from tests.standins.github.bare import Bare
from tests.standins.github.clock import written
from tests.standins.github.model import (
    CheckRun,
    CheckSuite,
    Deployment,
    DeploymentStatus,
    Pull,
    Repository,
    Status,
)
from tests.standins.github.views import commits
from tests.standins.github.views.accounts import app, user
from tests.standins.github.views.links import Links, node
from tests.standins.github.views.repositories import minimal
from tests.standins.github.views.threads import pull_reference

WORST = (
    "failure", "timed_out", "cancelled", "action_required", "stale", "startup_failure", "success", "neutral", "skipped",
)  # fmt: skip


def pulls_of(where: Repository, sha: str) -> list[Pull]:
    """Open pull requests of the same repository with this head: GitHub leaves those of forks out of checks."""
    return [
        pull
        for pull in where.pulls()
        if pull.head_sha == sha and pull.state == "open" and pull.head_repository is where
    ]


def suite_state(one: CheckSuite) -> tuple[str, str | None]:
    """Status and conclusion of a suite: the worst of its runs; it waits when somebody asked for it again."""
    runs = list(one.runs.values())
    if one.asked or not runs or all(run.status == "queued" for run in runs):
        return "queued", None
    if all(run.status == "completed" for run in runs):
        return "completed", min((run.conclusion or "neutral" for run in runs), key=WORST.index)
    return "in_progress", None


def suite(links: Links, where: Repository, bare: Bare, one: CheckSuite) -> dict[str, Any]:
    status, conclusion = suite_state(one)
    base = f"{links.repo(where)}/check-suites/{one.id}"
    return {
        "id": one.id,
        "node_id": node("CheckSuite", one.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": base,
        "before": one.before,
        "after": one.head_sha,
        "pull_requests": [pull_reference(links, pull) for pull in pulls_of(where, one.head_sha)],
        "app": app(links, one.app),
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(one.runs),
        "check_runs_url": f"{base}/check-runs",
        "head_commit": commits.simple(bare.commit(one.head_sha)),
        "repository": minimal(links, where),
    }


def run(links: Links, where: Repository, one: CheckRun) -> dict[str, Any]:
    base = f"{links.repo(where)}/check-runs/{one.id}"
    output = {name: one.output.get(name) for name in ("title", "summary", "text")}
    return {
        "id": one.id,
        "node_id": node("CheckRun", one.id),
        "name": one.name,
        "head_sha": one.suite.head_sha,
        "external_id": one.external_id or "",
        "url": base,
        "html_url": f"{links.page(where)}/runs/{one.id}",
        "details_url": one.details_url or f"{links.web}/{one.suite.app.owner.login}",
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": one.started_at,
        "completed_at": one.completed_at,
        "output": {
            **output,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{base}/annotations",
        },
        "check_suite": {"id": one.suite.id},
        "app": app(links, one.suite.app),
        "pull_requests": [pull_reference(links, pull) for pull in pulls_of(where, one.suite.head_sha)],
    }


def delivered_run(links: Links, where: Repository, bare: Bare, one: CheckRun) -> dict[str, Any]:
    """A `check-run-with-simple-check-suite`: the run of a delivery carries its suite."""
    whole = suite(links, where, bare, one.suite)
    left_out = ("latest_check_runs_count", "check_runs_url", "head_commit", "repository")
    return {**run(links, where, one), "check_suite": {k: v for k, v in whole.items() if k not in left_out}}


def annotation(links: Links, where: Repository, one: CheckRun, told: dict[str, Any]) -> dict[str, Any]:
    optional = ("start_column", "end_column", "title", "raw_details")
    return {
        "path": told["path"],
        "blob_href": f"{links.page(where)}/blob/{one.suite.head_sha}/{told['path']}",
        "start_line": told["start_line"],
        "end_line": told["end_line"],
        "annotation_level": told["annotation_level"],
        "message": told["message"],
        **{name: told.get(name) for name in optional},
    }


def status(links: Links, where: Repository, one: Status) -> dict[str, Any]:
    """A `status`."""
    return {**simple_status(links, where, one), "creator": user(links, one.creator)}


def simple_status(links: Links, where: Repository, one: Status) -> dict[str, Any]:
    return {
        "url": f"{links.repo(where)}/statuses/{one.sha}",
        "avatar_url": f"{links.web}/avatars/u/{one.creator.id}?v=4",
        "id": one.id,
        "node_id": node("StatusContext", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": written(one.created_at),
        "updated_at": written(one.created_at),
    }


def deployment(links: Links, where: Repository, one: Deployment) -> dict[str, Any]:
    base = f"{links.repo(where)}/deployments/{one.id}"
    return {
        "url": base,
        "id": one.id,
        "node_id": node("Deployment", one.id),
        "sha": one.sha,
        **one.told,
        "original_environment": one.told["environment"],
        "creator": user(links, one.creator),
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "statuses_url": f"{base}/statuses",
        "repository_url": links.repo(where),
        "performed_via_github_app": app(links, one.app) if one.app else None,
    }


def deployment_status(
    links: Links, where: Repository, parent: Deployment, one: DeploymentStatus
) -> dict[str, Any]:
    base = f"{links.repo(where)}/deployments/{parent.id}"
    return {
        "url": f"{base}/statuses/{one.id}",
        "id": one.id,
        "node_id": node("DeploymentStatus", one.id),
        **one.told,
        "creator": user(links, one.creator),
        "created_at": written(one.created_at),
        "updated_at": written(one.created_at),
        "deployment_url": base,
        "repository_url": links.repo(where),
        "performed_via_github_app": app(links, one.app) if one.app else None,
    }
