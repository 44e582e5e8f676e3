"""Deliveries of GitHub's webhooks, of a repository's own hook or of an App's: https://docs.github.com/webhooks.

Headers: `X-GitHub-Event`, `X-GitHub-Delivery` (again the same when it is redelivered), `X-Hub-Signature-256` (HMAC-SHA256
over the exact body). The body is JSON, or a form whose field `payload` holds it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qs

from forges import signatures
from forges.github import reading, shapes
from forges.github.reading import Object
from forges.port import Delivery, InstallationSeen, MergeGroupSeen, RepositorySeen, RerunAsked
from schemas.errors import Refused
from schemas.values import Secret

SIGNATURE = "x-hub-signature-256"
EVENT = "x-github-event"
DELIVERY = "x-github-delivery"
FORM = "application/x-www-form-urlencoded"
LONGEST_NAME = 200
MOST_REPOSITORIES = 1000
"""Repositories of one installation's delivery that are kept. A look at the installation finds the others."""

_NUMBER = re.compile(r"[!-~]{1,200}")


class GitHub:
    """See the port. Every one of `secrets` signs."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._secrets = tuple(secrets)

    def verify(self, headers: Mapping[str, str], pieces: Iterable[bytes]) -> None:
        """See the port."""
        signatures.verify(headers.get(SIGNATURE, ""), "X-Hub-Signature-256", pieces, self._secrets)

    def parse(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See the port. An event that means nothing here is `other`: a hook may be set to send everything."""
        event = reading.word(headers, EVENT)
        number = reading.matching(headers, DELIVERY, _NUMBER, "up to 200 printable characters")
        said = reading.an_object(reading.json_of(_json(headers, body), "the delivery"), "the delivery")
        return replace(_EVENTS.get(event, _other)(said), id=number)


def _json(headers: Mapping[str, str], body: bytes) -> bytes:
    if not headers.get("content-type", "").lower().startswith(FORM):
        return body
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=10, errors="strict")
    except ValueError as error:
        raise Refused(
            "the delivery is not a form", "Set the hook's content type to application/json."
        ) from error
    if len(fields.get("payload", ())) != 1:
        raise Refused(
            "the form has no single field payload", "Set the hook's content type to application/json."
        )
    return fields["payload"][0].encode()


def _repository_id(said: Object) -> str:
    return reading.identity(reading.part(said, "repository"))


def _other(said: Object) -> Delivery:
    found = reading.maybe_part(said, "repository")
    return Delivery("", "other", repository_id="" if found is None else reading.identity(found))


def _ping(said: Object) -> Delivery:
    return replace(_other(said), event="ping")


def _push(said: Object) -> Delivery:
    return Delivery(
        "",
        "push",
        reading.full_ref(said, "ref"),
        reading.sha(said, "before"),
        reading.sha(said, "after"),
        repository_id=_repository_id(said),
    )


def _pull_request(said: Object) -> Delivery:
    repository_id, found = _repository_id(said), reading.part(said, "pull_request")
    shapes.same_repository(found, repository_id)
    pull = shapes.pull(found, reading.word(said, "action"))
    return Delivery("", "pull-request", repository_id=repository_id, pull=pull)


def _issue_comment(said: Object) -> Delivery:
    issue = reading.part(said, "issue")
    if reading.maybe_part(issue, "pull_request") is None:
        return _other(said)
    comment = shapes.comment(
        reading.part(said, "comment"), reading.number(issue, "number"), reading.word(said, "action")
    )
    return Delivery("", "comment", repository_id=_repository_id(said), comment=comment)


def _check_run(said: Object) -> Delivery:
    action = reading.word(said, "action")
    if action not in ("rerequested", "requested_action"):
        return _other(said)
    wanted = "rerun"
    if action == "requested_action":
        wanted = reading.free(reading.part(said, "requested_action"), "identifier", LONGEST_NAME)
    run = reading.part(said, "check_run")
    rerun = _asked(
        said,
        run,
        context=reading.free(run, "name", LONGEST_NAME),
        check_id=reading.identity(run),
        external_id=reading.free(run, "external_id", LONGEST_NAME),
        action=wanted,
    )
    return Delivery("", "rerun", repository_id=_repository_id(said), rerun=rerun)


def _check_suite(said: Object) -> Delivery:
    if reading.word(said, "action") != "rerequested":
        return _other(said)
    rerun = _asked(said, reading.part(said, "check_suite"))
    return Delivery("", "rerun", repository_id=_repository_id(said), rerun=rerun)


def _asked(
    said: Object,
    of: Object,
    context: str = "",
    check_id: str = "",
    external_id: str = "",
    action: str = "rerun",
) -> RerunAsked:
    app = reading.maybe_part(of, "app")
    author_id, author_login = shapes.account(said, "sender")
    return RerunAsked(
        head=reading.sha(of, "head_sha"),
        context=context,
        check_id=check_id,
        external_id=external_id,
        author_id=author_id,
        author_login=author_login,
        app_id="" if app is None else reading.identity(app),
        action=action,
    )


def _merge_group(said: Object) -> Delivery:
    group, action = reading.part(said, "merge_group"), reading.word(said, "action")
    queue = MergeGroupSeen(
        head=reading.sha(group, "head_sha"),
        head_ref=reading.full_ref(group, "head_ref"),
        base=reading.sha(group, "base_sha"),
        base_ref=reading.full_ref(group, "base_ref"),
        action="requested" if action == "checks_requested" else action,
        reason=reading.free(said, "reason", LONGEST_NAME),
    )
    return Delivery("", "merge-group", repository_id=_repository_id(said), queue=queue)


def _repository(said: Object) -> Delivery:
    seen = shapes.repository(reading.part(said, "repository"), reading.word(said, "action"))
    return Delivery("", "repository", repository_id=seen.id, repository=seen)


def _installation(said: Object) -> Delivery:
    installation, action = reading.part(said, "installation"), reading.word(said, "action")
    account = reading.maybe_part(installation, "account") or reading.maybe_part(said, "account") or {}
    listed = _listed(said, "repositories")
    gone = action in ("deleted", "suspend")
    seen = InstallationSeen(
        id=reading.identity(installation),
        action=action,
        account=reading.free(account, "login", LONGEST_NAME) or reading.free(account, "slug", LONGEST_NAME),
        added=() if gone else listed or _listed(said, "repositories_added"),
        removed=listed if gone else _listed(said, "repositories_removed"),
    )
    return Delivery("", "installation", installation=seen)


def _listed(said: Object, key: str) -> tuple[RepositorySeen, ...]:
    values = reading.a_list(said.get(key, []), key)[:MOST_REPOSITORIES]
    return tuple(shapes.repository(reading.an_object(value, key)) for value in values)


_EVENTS: Mapping[str, Callable[[Object], Delivery]] = {
    "push": _push,
    "pull_request": _pull_request,
    "issue_comment": _issue_comment,
    "check_run": _check_run,
    "check_suite": _check_suite,
    "merge_group": _merge_group,
    "repository": _repository,
    "installation": _installation,
    "installation_repositories": _installation,
    "installation_target": _installation,
    "ping": _ping,
}
