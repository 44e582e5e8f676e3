"""What commits show at GitHub: statuses and checks, sent only when they say something new."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from forges.github import checks, reading
from forges.github.client import Client, described
from forges.github.faults import Forbidden, Unknown
from forges.port import Annotation, Check, CheckShown, DeploymentShown, Said
from schemas.errors import Refused, Stalled, Waiting
from schemas.messages.status import CommitState

PRODUCTION = ("prod", "production")
"""Stages and aliases that people meet. GitHub itself takes no other environment for one than `production`."""


def say_status(
    client: Client, repository: str, sha: str, wanted: tuple[str, CommitState, str, str], known: Said | None
) -> Said:
    """See the port. `wanted`: context, state, description, address. GitHub keeps every status, so none is sent twice."""
    context, state, description, url = wanted
    body: dict[str, Any] = {
        "context": context,
        "state": state,
        "description": checks.line(description, checks.LONGEST_DESCRIPTION),
    }
    if url:
        body["target_url"] = url
    digest = checks.digest({"sha": sha, **body})
    if known is not None and known.digest == digest:
        return known
    answer = client.send(repository, "POST", f"/statuses/{_commit(sha)}", body)
    with described():
        return Said(
            reading.identity(reading.an_object(answer, "the status")),
            digest,
            final=state != "pending",
            word=state,
        )


def say_check(client: Client, repository: str, check: Check, known: Said | None) -> Said:
    """See the port. What cannot be taken back begins a new check: annotations, and that it was completed."""
    if client.credentials.app is None:
        raise Stalled(
            "only a GitHub App may show checks, and there is a plain token",
            "Show statuses, or set up an App.",
        )
    if known is not None and known.digest == checks.digest(check):
        return known
    try:
        return _say_check(client, repository, check, known)
    except (Unknown, Forbidden) as error:
        # What was said last may be another App's, or a status of the time when there was none: then this is a new check.
        hidden = isinstance(error, Unknown)
        if known is None or (hidden and _is_there(client, repository, f"/check-runs/{known.id}")):
            raise
    return _say_check(client, repository, check, None)


def _is_there(client: Client, repository: str, path: str) -> bool:
    try:
        client.get(repository, path)
    except Unknown:
        return False
    return True


def _say_check(client: Client, repository: str, check: Check, known: Said | None) -> Said:
    digest = checks.digest(check)
    check = replace(check, annotations=check.annotations[: checks.MOST_REMARKS])
    if known is not None and not _goes_on(known, check):
        known = None
    known = _known(client, repository, check, known)
    said = known
    remarks = check.annotations[known.remarks if known else 0 :]
    try:
        for batch in _batches(remarks):
            said = _send(client, repository, check, batch, said)
    except Waiting as error:
        if said is None or said == known:
            raise
        return replace(said, after=error.after)  # a part is said already, under this id
    assert said is not None
    return replace(said, digest=digest, after=0.0)


def _goes_on(known: Said, check: Check) -> bool:
    begun = checks.digest(list(check.annotations[: known.remarks]))
    return begun == known.remarked and (checks.final(check.state) or not known.final)


def _known(client: Client, repository: str, check: Check, known: Said | None) -> Said | None:
    """What is there before more annotations are added, which cannot be taken back: an answer may have been lost."""
    if known is None or len(check.annotations) <= known.remarks:
        return known
    path = f"/check-runs/{known.id}"
    with described():
        run = reading.an_object(client.get(repository, path), "the check")
        count = reading.count(reading.part(run, "output"), "annotations_count")
        if count == known.remarks:
            return known
        there = [
            (note.get("path"), note.get("start_line"), note.get("message"))
            for value in client.pages(repository, f"{path}/annotations")
            for note in (reading.an_object(value, "an annotation"),)
        ]
    begun = check.annotations[: len(there)]
    ours = [(note["path"], note["start_line"], note["message"]) for note in map(checks.annotation, begun)]
    if Counter(there) != Counter(ours):
        return None
    return replace(known, remarks=len(begun), remarked=checks.digest(list(begun)))


def _batches(remarks: tuple[Annotation, ...]) -> Iterator[tuple[Annotation, ...]]:
    yield remarks[: checks.BATCH]
    for start in range(checks.BATCH, len(remarks), checks.BATCH):
        yield remarks[start : start + checks.BATCH]


def _send(
    client: Client, repository: str, check: Check, batch: tuple[Annotation, ...], said: Said | None
) -> Said:
    body = checks.body(check, batch)
    if said is None:
        answer = client.send(repository, "POST", "/check-runs", body | {"head_sha": _commit(check.head)})
    else:
        body["output"].setdefault("text", "")  # what is left out stays, and would offer what is over
        answer = client.send(repository, "PATCH", f"/check-runs/{said.id}", body)
    with described():
        id = reading.identity(reading.an_object(answer, "the check"))
    there = (said.remarks if said else 0) + len(batch)
    remarked = checks.digest(list(check.annotations[:there]))
    return Said(id, "", there, remarked, checks.final(check.state), word=checks.word(check.state))


def say_deployment(
    client: Client,
    repository: str,
    sha: str,
    wanted: tuple[str, DeploymentShown, str, str, str],
    known: Said | None,
) -> Said:
    """See the port. `wanted`: environment, state, description, the page about it, where it answers."""
    environment, state, description, url, address = wanted
    digest = checks.digest([sha, *wanted])
    if known is not None and known.digest == digest:
        return known
    said = known if known is not None and known.id else None
    if said is None:
        body: dict[str, Any] = {
            "ref": _commit(sha),
            "environment": environment,
            "auto_merge": False,  # it is served already, or about to be: GitHub only shows it
            "required_contexts": [],
            "production_environment": environment.rpartition("/")[2].lower() in PRODUCTION,
        }
        answer = client.send(repository, "POST", "/deployments", body)
        with described():
            said = Said(reading.identity(reading.an_object(answer, "the deployment")), "")
    status = {"state": state, "description": checks.line(description, checks.LONGEST_DESCRIPTION)}
    if url:
        status["log_url"] = url
    if state == "success" and address:
        status["environment_url"] = address
    try:
        client.send(repository, "POST", f"/deployments/{said.id}/statuses", status)
    except Unknown:
        if known is None or _is_there(client, repository, f"/deployments/{known.id}"):
            raise
        return say_deployment(client, repository, sha, wanted, None)  # somebody deleted it there
    except Waiting as error:
        if known is not None:
            raise
        return replace(said, after=error.after)
    return replace(said, digest=digest, final=state not in ("queued", "in_progress"), after=0.0)


def shown(client: Client, repository: str, sha: str) -> tuple[CheckShown, ...]:
    """See the port: checks, and the newest status of each context."""
    commit = f"/commits/{_commit(sha)}"
    found = []
    with described():
        for value in client.pages(repository, f"{commit}/check-runs", below="check_runs"):
            run = reading.an_object(value, "a check")
            output = reading.maybe_part(run, "output") or {}
            found.append(
                CheckShown(
                    reading.identity(run),
                    reading.free(run, "name", 255),
                    reading.free(run, "conclusion", 100) or reading.word(run, "status"),
                    reading.free(run, "external_id", 255),
                    reading.free(output, "title", checks.LONGEST_TITLE),
                )
            )
        for value in client.pages(repository, f"{commit}/status", below="statuses"):
            status = reading.an_object(value, "a status")
            words = (reading.free(status, "context", 255), reading.word(status, "state"))
            found.append(
                CheckShown(reading.identity(status), *words, title=reading.free(status, "description", 255))
            )
    return tuple(found)


def _commit(sha: str) -> str:
    if not sha or quote(sha, safe="") != sha or len(sha) > 64:
        raise Refused(f"{sha[:100]!r} is not the full id of a commit")
    return sha
