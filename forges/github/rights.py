"""Which rights are missing at GitHub for what the port asks, in sentences for people.

Of an App GitHub tells them. Of a token it does not: they are found by asking for something harmless, which reads, or which
names a commit or comment that is nowhere: https://docs.github.com/rest/overview/permissions-required-for-fine-grained-personal-access-tokens.
"""

from collections.abc import Iterator
from typing import Any

from forges.github import credentials, reading
from forges.github.client import Client, described
from forges.github.faults import Forbidden, Unknown
from forges.github.hooks import EVENTS
from schemas.errors import Gone, Refused

NOWHERE = "0" * 40
_STATUS = {"state": "pending", "context": "luotsi"}
_DEPLOYMENT = {"ref": NOWHERE, "auto_merge": False, "required_contexts": []}
_READS = (
    ("/branches", "code", "contents: read"),
    ("/pulls", "pull requests", "pull requests: read and write"),
)
_WRITES: tuple[tuple[str, str, dict[str, Any], str, str], ...] = (
    ("POST", f"/statuses/{NOWHERE}", _STATUS, "set statuses", "commit statuses: read and write"),
    ("POST", "/deployments", _DEPLOYMENT, "show deployments", "deployments: read and write"),
)


def rights(client: Client, repository: str) -> tuple[str, ...]:
    """See the port."""
    app = client.credentials.app
    found = _of_token(client, repository) if app is None else _of_app(app, repository)
    return tuple(found)


def _of_app(app: credentials.App, repository: str) -> Iterator[str]:
    try:
        there = app.installation(repository)
    except Unknown:
        yield f"The App is not installed on {repository}. Install it, at its page at GitHub, for this repository."
        return
    for name in credentials.missing(there.permissions):
        yield f"The App lacks the permission \u201c{name}\u201d. Add it to the App, and accept it in the installation."
    if there.suspended:
        yield "The App's installation is suspended. Its owner can end that at GitHub."
    # Requests of checks come to every App that may write them.
    lacking = set(EVENTS) - set(there.events) - {"check_run", "check_suite"}
    for event in sorted(lacking):
        yield f"The App does not subscribe to the event \u201c{event}\u201d. Tick it on the App's page."


def _of_token(client: Client, repository: str) -> Iterator[str]:
    try:
        value = client.get(repository, "")
    except Unknown:
        yield f"The token does not see {repository}. Give it access to the repository, or check the name."
        return
    with described():
        can = reading.maybe_part(reading.an_object(value, "the repository"), "permissions") or {}
    writes = can.get("push") is True
    if not writes:
        yield (
            f"The token's account may not write to {repository}: statuses and comments need that. Make it a collaborator."
        )
    for path, what, right in _READS:
        if not _reads(client, repository, path):
            yield f"The token may not read {what}. Give it {right} (a classic token: repo)."
    for method, path, body, does, right in _WRITES if writes else ():
        if not _takes(client, repository, method, path, body):
            yield f"The token may not {does}. Give it {right} (a classic token: repo)."
    if not _reads(client, repository, "/hooks"):
        yield (
            "The token may not see hooks. Give it webhooks: read and write (a classic token: admin:repo_hook),"
            " or make the hook by hand."
        )


def _reads(client: Client, repository: str, path: str) -> bool:
    try:
        next(client.pages(repository, path), None)
    except (Unknown, Forbidden):
        return False
    return True


def _takes(client: Client, repository: str, method: str, path: str, body: dict[str, Any]) -> bool:
    """If GitHub would take it, were there such a commit."""
    try:
        client.send(repository, method, path, body)
    except (Unknown, Forbidden):
        return False
    except (Gone, Refused):
        pass  # who may not does not learn that there is no such commit
    return True
