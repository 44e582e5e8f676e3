"""What GitHub knows about a repository and the people who come to it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import quote

from forges.github import reading, shapes
from forges.github.client import Client, described
from forges.github.faults import Unknown
from forges.port import Account, CommentSeen, Permission, PullRequestSeen, RefMoved, RepositorySeen
from schemas.errors import Gone
from schemas.moments import from_text

MOST_FILES = 3000
"""Files of a pull request that GitHub lists."""
WRITERS = ("admin", "write")
"""GitHub's base roles that may write; `maintain` and roles of an organisation's own are told as one of these."""
MOST_MOVES = 2000
"""Moves of branches that are asked for at once."""
WINDOW = 600
"""Seconds."""
NOBODY = Permission(False, "none")
_BELOW_PULL = re.compile(r"/pull/([0-9]{1,18})#")


def repository(client: Client, name: str) -> RepositorySeen:
    """See the port."""
    value = client.get(name, "")
    with described():
        return shapes.repository(reading.an_object(value, "the repository"))


@contextmanager
def _one(client: Client, name: str, what: str, path: str = "") -> Iterator[None]:
    """That GitHub does not know one thing says that it is gone, if it shows us the repository, and not the thing at `path`."""
    try:
        yield
    except Unknown as error:
        repository(client, name)  # raises, if it is the repository that is not shown to us
        if path:
            try:
                client.get(name, path)
            except Unknown:
                pass
            else:
                raise  # it is there: the right to change it is what is missing
        raise Gone(f"{name} has no {what} any more") from error


def pulls(client: Client, name: str) -> tuple[PullRequestSeen, ...]:
    """See the port. Sorted by number, so that a page that moves while it is read shows one twice rather than not."""
    with described():
        found = {
            pull.number: pull
            for value in client.pages(name, "/pulls?state=open&sort=created&direction=asc")
            for pull in (shapes.pull(reading.an_object(value, "a pull request")),)
        }
    return tuple(found[number] for number in sorted(found))


def pull(client: Client, name: str, number: int) -> PullRequestSeen:
    """See the port."""
    with _one(client, name, f"pull request {number}"):
        value = client.get(name, f"/pulls/{int(number)}")
    with described():
        return shapes.pull(reading.an_object(value, "the pull request"))


def files(client: Client, name: str, number: int) -> frozenset[str] | None:
    """See the port."""
    paths, count = set(), 0
    with described(), _one(client, name, f"pull request {number}"):
        for value in client.pages(name, f"/pulls/{int(number)}/files"):
            entry = reading.an_object(value, "a file")
            count += 1
            paths.add(reading.free(entry, "filename", 4096))
            paths.add(reading.free(entry, "previous_filename", 4096))
    return frozenset(paths - {""}) if count < MOST_FILES else None


def permission(client: Client, name: str, account: Account) -> Permission:
    """See the port. Asked by login, as GitHub wants it, and believed only where the answer is about this very id."""
    if not re.fullmatch(r"[0-9]{1,19}", account.id):
        return NOBODY
    if account.login:
        found = _by_login(client, name, account.id, account.login)
        if found is not None:
            return found
    try:
        value = client.get_site(name, f"/user/{account.id}")
    except Unknown:
        return NOBODY
    with described():
        login = reading.login(reading.an_object(value, "the account"))
    return _by_login(client, name, account.id, login) or NOBODY


def _by_login(client: Client, name: str, id: str, login: str) -> Permission | None:
    """What the account may do; None where the login is nobody's here, or another's."""
    try:
        value = client.get(name, f"/collaborators/{quote(login, safe='')}/permission")
    except Unknown:
        repository(client, name)  # raises, if it is the repository that is not shown to us
        return None
    with described():
        said = reading.an_object(value, "the permission")
        found_id, _ = shapes.account(said, "user")
        base, role = reading.word(said, "permission"), reading.free(said, "role_name", 100)
    return Permission(base in WRITERS, role or base) if found_id == id else None


def comments_since(client: Client, name: str, moment: str) -> tuple[CommentSeen, ...]:
    """See the port. One that was edited before it was first seen is `edited`: nobody knows what stood there.

    GitHub is asked from the last full `WINDOW` on: the same question again has the same answer, which is free then.
    """
    begin = from_text(moment).astimezone(UTC).replace(microsecond=0)  # GitHub tells whole seconds
    asked = datetime.fromtimestamp(begin.timestamp() // WINDOW * WINDOW, UTC)
    since = quote(asked.strftime("%Y-%m-%dT%H:%M:%SZ"), safe="")
    found: dict[str, CommentSeen] = {}
    with described():
        for value in client.pages(name, f"/issues/comments?sort=updated&direction=asc&since={since}"):
            said = reading.an_object(value, "a comment")
            below = _BELOW_PULL.search(reading.url(said, "html_url"))
            if below is None:
                continue
            changed = reading.moment(said, "updated_at")
            if from_text(changed) < begin:
                continue
            same = reading.moment(said, "created_at") == changed
            seen = shapes.comment(said, int(below[1]), "created" if same else "edited")
            found[seen.id] = seen
    return tuple(found.values())


def moves_since(client: Client, name: str, moment: str) -> tuple[RefMoved, ...]:
    """See the port. An old Enterprise server has no such list; the same question has the same answer, which is free."""
    begin = from_text(moment).astimezone(UTC).replace(microsecond=0)  # GitHub tells whole seconds
    found: list[RefMoved] = []
    try:
        with described():
            for value in islice(client.pages(name, "/activity"), MOST_MOVES):
                said = reading.an_object(value, "a branch's move")
                at = reading.moment(said, "timestamp")
                if from_text(at) < begin:
                    break
                ends = reading.sha(said, "before"), reading.sha(said, "after")
                found.append(RefMoved(reading.full_ref(said, "ref"), *ends, at))
    except Unknown:
        repository(client, name)  # raises, if it is the repository that is not shown to us
        return ()
    return tuple(reversed(found))


def comment(client: Client, name: str, number: int, text: str, known: str) -> str:
    """See the port."""
    body = {"body": text[: shapes.LONGEST_COMMENT]}
    if known:
        path = f"/issues/comments/{int(known)}"
        with _one(client, name, f"comment {known}", path):
            answer = client.send(name, "PATCH", path, body)
    else:
        with _one(client, name, f"pull request {number}", f"/pulls/{int(number)}"):
            answer = client.send(name, "POST", f"/issues/{int(number)}/comments", body)
    with described():
        return reading.identity(reading.an_object(answer, "the comment"))
