"""Users, limits, and what the server is."""

from tests.standins.github.answers import Answer, not_found, refused
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import accounts


@operation("users/get-authenticated", app=None, scopes="")
def get_authenticated(call: Call) -> Answer:
    if call.grant.kind == "none":
        raise refused(401, "Requires authentication")
    return Answer(200, accounts.own_profile(call.links, call.actor))


@operation("users/get-by-username")
def get_by_username(call: Call) -> Answer:
    account = call.world.account(call.path["username"])
    if account is None:
        raise not_found()
    return Answer(200, accounts.profile(call.links, account))


@operation("users/get-by-id")
def get_by_id(call: Call) -> Answer:
    account = call.world.accounts.get(call.path["account_id"])
    if account is None:
        raise not_found()
    return Answer(200, accounts.profile(call.links, account))


@operation("rate-limit/get")
def rate_limit(call: Call) -> Answer:
    names = ("core", "graphql", "search", "code_search", "integration_manifest", "actions_runner_registration", "scim")  # fmt: skip
    return Answer(200, {"resources": dict.fromkeys(names, call.rate), "rate": call.rate})


@operation("meta/get")
def meta(call: Call) -> Answer:
    told: dict[str, object] = {"verifiable_password_authentication": False}
    if call.links.api != call.links.web:
        told["installed_version"] = "3.19.0"
    return Answer(200, told)
