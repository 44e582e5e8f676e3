"""Deployments and their statuses."""

from typing import Any

from tests.standins.github import pushes
from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.model import Deployment, DeploymentStatus
from tests.standins.github.pulls import GITHUB, missing_checks
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import checks

SCOPES = "repo public_repo repo_deployment"
READ: dict[str, Any] = {"app": "deployments:read", "scopes": SCOPES}
WRITE: dict[str, Any] = {"app": "deployments:write", "role": "write", "scopes": SCOPES}
LONGEST = 140


def _deployment(call: Call) -> Deployment:
    found = call.repo.deployments.get(call.path["deployment_id"])
    if found is None:
        raise not_found()
    return found


@operation("repos/list-deployments", **READ)
def list_deployments(call: Call) -> Page:
    found = [
        one
        for one in reversed(call.repo.deployments.values())
        if call.query.get("sha") in (None, one.sha)
        and all(call.query.get(name) in (None, one.told[name]) for name in ("ref", "task", "environment"))
    ]
    return Page(found, lambda one: checks.deployment(call.links, call.repo, one))


@operation("repos/get-deployment", **READ)
def get(call: Call) -> Answer:
    return Answer(200, checks.deployment(call.links, call.repo, _deployment(call)))


@operation("repos/create-deployment", **WRITE)
def create(call: Call) -> Answer:
    """Checks contexts as asked; brings a branch up to the default one first, unless `auto_merge` is false."""
    body = call.body
    found = (call.bare.resolve(prefix + body["ref"]) for prefix in ("refs/heads/", "refs/tags/", ""))
    sha = next((one for one in found if one), None)
    if sha is None:
        raise refused(422, f"No ref found for: {body['ref']}")
    if body.get("auto_merge", True) and (merged := _auto_merged(call, body["ref"], sha)):
        return merged
    _check_contexts(call, sha, body.get("required_contexts"))
    environment = body.get("environment", "production")
    payload = body.get("payload", {})
    told = {
        "ref": body["ref"],
        "task": body.get("task", "deploy"),
        "payload": payload if payload != "" else {},
        "environment": environment,
        "description": body.get("description") or None,
        "transient_environment": body.get("transient_environment", False),
        "production_environment": body.get("production_environment", environment == "production"),
    }
    now = call.world.clock.now()
    one = Deployment(call.world.ids.new("deployment"), told, sha, call.actor, call.grant.app, now, now)
    call.repo.deployments[one.id] = one
    view = checks.deployment(call.world.webhooks.links, call.repo, one)
    parts = {"deployment": view, "workflow": None, "workflow_run": None}
    call.world.webhooks.emit("deployment", "created", call.actor, parts, call.repo)
    return Answer(201, checks.deployment(call.links, call.repo, one))


def _auto_merged(call: Call, name: str, sha: str) -> Answer | None:
    """Merges the default branch into a branch that is behind it, and makes no deployment then."""
    refs, base = call.bare.refs(), call.repo.default_branch
    head = refs[f"refs/heads/{base}"]
    if f"refs/heads/{name}" not in refs or call.bare.is_ancestor(head, sha):
        return None
    tree = call.bare.merged_tree(sha, head)
    if tree is None:
        raise refused(409, f"Conflict merging {base} into {name}.")
    made = call.bare.commit_tree(tree, [sha, head], f"Merge {base} into {name}", GITHUB)
    pushes.move(call.world, call.repo, call.actor, f"refs/heads/{name}", made)
    return Answer(202, {"message": f"Auto-merged {base} into {name} on deployment."})


def _check_contexts(call: Call, sha: str, required: list[str] | None) -> None:
    """Without `required_contexts` every status of the commit must be good; with them, these."""
    newest = {one.context: one.state for one in call.repo.statuses if one.sha == sha}
    wanted = newest if required is None else required
    bad = [{"context": name, "state": newest.get(name, "pending")} for name in wanted if newest.get(name) != "success"]  # fmt: skip
    if required is not None:
        good = {run.name for run in call.repo.runs().values() if run.suite.head_sha == sha and run.conclusion == "success"}  # fmt: skip
        bad = [one for one in bad if one["context"] not in good]
    else:
        bad += [{"context": name, "state": "pending"} for name in missing_checks(call.repo, sha)]
    if bad:
        told = {"contexts": bad, "resource": "Deployment", "field": "required_contexts", "code": "invalid"}
        answer = refused(409, f"Conflict: Commit status checks failed for {call.body['ref']}.", [told])
        raise answer


@operation("repos/list-deployment-statuses", **READ)
def list_statuses(call: Call) -> Page:
    parent = _deployment(call)
    return Page(parent.statuses[::-1], lambda one: checks.deployment_status(call.links, call.repo, parent, one))  # fmt: skip


@operation("repos/get-deployment-status", **READ)
def get_status(call: Call) -> Answer:
    parent = _deployment(call)
    for one in parent.statuses:
        if one.id == call.path["status_id"]:
            return Answer(200, checks.deployment_status(call.links, call.repo, parent, one))
    raise not_found()


@operation("repos/create-deployment-status", **WRITE)
def create_status(call: Call) -> Answer:
    """A success makes earlier ones of that environment inactive, unless `auto_inactive` is false."""
    parent, body = _deployment(call), call.body
    if len(body.get("description", "")) > LONGEST:
        raise call.invalid("DeploymentStatus", "description", f"description is too long (maximum is {LONGEST} characters)")  # fmt: skip
    url = body.get("log_url", body.get("target_url", ""))
    before = parent.statuses[-1].told if parent.statuses else parent.told
    told = {
        "state": body["state"],
        "description": body.get("description", ""),
        "environment": body.get("environment", before["environment"]),
        "environment_url": body.get("environment_url", ""),
        "target_url": url,
        "log_url": url,
    }
    if body["state"] == "success" and body.get("auto_inactive", True):
        for other in call.repo.deployments.values():
            same = other.told["environment"] == told["environment"] and other is not parent
            lives = other.statuses and other.statuses[-1].told["state"] == "success"
            if same and lives and not (other.told["transient_environment"] or other.told["production_environment"]):  # fmt: skip
                _add(call, other, {**other.statuses[-1].told, "state": "inactive"})
    made = _add(call, parent, told)
    return Answer(201, checks.deployment_status(call.links, call.repo, parent, made))


def _add(call: Call, parent: Deployment, told: dict[str, Any]) -> DeploymentStatus:
    now = call.world.clock.now()
    made = DeploymentStatus(call.world.ids.new("deployment_status"), told, call.actor, call.grant.app, now)
    parent.statuses.append(made)
    parent.updated_at = now
    if told["state"] == "inactive":
        return made  # nobody is told of these
    links = call.world.webhooks.links
    parts = {
        "deployment_status": checks.deployment_status(links, call.repo, parent, made),
        "deployment": checks.deployment(links, call.repo, parent),
        "check_run": None,
        "workflow": None,
        "workflow_run": None,
    }
    call.world.webhooks.emit("deployment_status", "created", call.actor, parts, call.repo)
    return made
