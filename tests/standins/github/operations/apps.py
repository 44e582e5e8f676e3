"""Apps: the app itself, its installations, their tokens, and the app's own deliveries."""

from typing import Any

from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.auth import HOUR, INSTALLATION, LEVELS, new_token
from tests.standins.github.clock import written
from tests.standins.github.model import Delivery, Installation, Repository
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import accounts, hooks, repositories
from tests.standins.github.world import Token

MOST_REPOSITORIES = 500
"""Repositories that a token may name."""


@operation("apps/get-authenticated", jwt=True)
def get_app(call: Call) -> Answer:
    told = accounts.app(call.links, call.app)
    return Answer(200, {**told, "installations_count": len(call.app.installations)})


@operation("apps/list-installations", jwt=True)
def list_installations(call: Call) -> Page:
    found = list(call.app.installations.values())
    return Page(found, lambda one: accounts.installation(call.links, one))


def _installation(call: Call) -> Installation:
    found = call.app.installations.get(call.path["installation_id"])
    if found is None:
        raise not_found()
    return found


@operation("apps/get-installation", jwt=True)
def get_installation(call: Call) -> Answer:
    return Answer(200, accounts.installation(call.links, _installation(call)))


@operation("apps/get-repo-installation", jwt=True)
def of_repository(call: Call) -> Answer:
    for one in call.app.installations.values():
        if one.covers(call.repo):
            return Answer(200, accounts.installation(call.links, one))
    raise not_found()


@operation("apps/create-installation-access-token", jwt=True)
def create_token(call: Call) -> Answer:
    """Limited to what is asked of what the installation has; without asking, to all of that. Ends after an hour."""
    one = _installation(call)
    if one.suspended_at is not None:
        raise refused(403, "This installation has been suspended")
    wanted = call.body.get("permissions") or dict(one.permissions)
    for name, level in wanted.items():
        if LEVELS.index(level) > LEVELS.index(one.permissions.get(name, "none")) and name != "metadata":
            raise refused(422, "The permissions requested are not granted to this installation.")
    chosen = _chosen(call, one)
    ids = frozenset(repository.id for repository in chosen) if chosen is not None else None
    token = Token("", "installation", call.app.bot, call.world.clock.now() + HOUR, one, ids, {**wanted, "metadata": "read"})  # fmt: skip
    new_token(call.world, INSTALLATION, token)
    limited = one.repository_ids is not None or chosen is not None
    told: dict[str, Any] = {
        "token": token.value,
        "expires_at": written(call.world.clock.now() + HOUR),
        "permissions": token.permissions,
        "repository_selection": "selected" if limited else "all",
    }
    if chosen is not None:
        told["repositories"] = [repositories.repository(call.links, repository) for repository in chosen]
    return Answer(201, told)


def _chosen(call: Call, one: Installation) -> list[Repository] | None:
    """The repositories that a token is asked for; None where none are named."""
    names, ids = call.body.get("repositories"), call.body.get("repository_ids")
    if not names and not ids:
        return None
    if len(names or []) + len(ids or []) > MOST_REPOSITORIES:
        raise refused(422, f"A token may be for {MOST_REPOSITORIES} repositories at most")
    own = [repository for repository in call.world.repositories.values() if one.covers(repository)]
    found = [repository for repository in own if repository.name in (names or []) or repository.id in (ids or [])]  # fmt: skip
    known = {repository.name for repository in own} | {repository.id for repository in own}
    if not {*(names or []), *(ids or [])} <= known:
        raise refused(422, "There is at least one repository that does not exist or is not accessible to the parent installation.")  # fmt: skip
    return found


@operation("apps/list-repos-accessible-to-installation", role=None)
def list_repositories(call: Call) -> Page:
    if call.grant.kind != "installation":
        raise refused(403, "You must authenticate with an installation access token in order to list the repositories for an installation.")  # fmt: skip
    found = [one for one in call.world.repositories.values() if not one.deleted and call.grant.reaches(one)]
    assert call.grant.token is not None
    some = call.grant.token.repository_ids is not None
    more = {"repository_selection": "selected" if some else "all"}
    return Page(found, lambda one: repositories.repository(call.links, one), "repositories", more)


@operation("apps/revoke-installation-access-token", role=None)
def revoke_token(call: Call) -> Answer:
    if call.grant.kind != "installation" or call.grant.token is None:
        raise refused(401, "Bad credentials")
    call.grant.token.revoked = True
    return Answer(204)


@operation("apps/get-webhook-config-for-app", jwt=True)
def get_hook_config(call: Call) -> Answer:
    return Answer(200, hooks.config(call.app.hook))


@operation("apps/update-webhook-config-for-app", jwt=True)
def update_hook_config(call: Call) -> Answer:
    hook = call.app.hook
    hook.url = call.body.get("url", hook.url)
    hook.secret = call.body.get("secret", hook.secret)
    hook.content_type = call.body.get("content_type", hook.content_type)
    hook.insecure_ssl = str(call.body.get("insecure_ssl", hook.insecure_ssl))
    hook.updated_at = call.world.clock.now()
    return Answer(200, hooks.config(hook))


@operation("apps/list-webhook-deliveries", jwt=True)
def list_deliveries(call: Call) -> Page:
    found = sorted(call.app.hook.deliveries, key=lambda one: one.id, reverse=True)
    return Page(filtered(call, found), hooks.delivery_item)


def filtered(call: Call, deliveries: list[Delivery]) -> list[Delivery]:
    """Those of the `status` that is asked for: success or failure."""
    wanted = call.query.get("status")
    return [one for one in deliveries if wanted in (None, "success" if one.code < 400 else "failure")]


def _delivery(call: Call) -> Delivery:
    for one in call.app.hook.deliveries:
        if one.id == call.path["delivery_id"]:
            return one
    raise not_found()


@operation("apps/get-webhook-delivery", jwt=True)
def get_delivery(call: Call) -> Answer:
    one = _delivery(call)
    return Answer(200, hooks.delivery(one, f"{call.links.api}/app/hook/deliveries/{one.id}"))


@operation("apps/redeliver-webhook-delivery", jwt=True)
def redeliver(call: Call) -> Answer:
    call.world.webhooks.redeliver(call.app.hook, _delivery(call))
    return Answer(202, {})
