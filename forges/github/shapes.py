"""What GitHub's objects are in our words, whether a delivery or an answer brought them."""

from forges.github import reading
from forges.github.reading import NotDescribed, Object
from forges.port import CommentSeen, PullRequestSeen, RepositorySeen

LONGEST_TITLE = 500
LONGEST_COMMENT = 65_536
"""Characters: as many as GitHub takes."""


def repository(value: Object, action: str = "") -> RepositorySeen:
    """A repository; the short form that installations have is enough."""
    return RepositorySeen(
        id=reading.identity(value),
        name=reading.full_name(value),
        address=reading.url(value, "clone_url"),
        default_branch=reading.ref(value, "default_branch") if "default_branch" in value else "",
        action=action,
        archived=reading.flag(value, "archived"),
    )


def account(value: Object, key: str) -> tuple[str, str]:
    """Id and login of the account below a key. Both empty: the account is gone."""
    found = reading.maybe_part(value, key)
    return ("", "") if found is None else (reading.identity(found), reading.login(found))


def pull(value: Object, action: str = "") -> PullRequestSeen:
    """A pull request. It is a fork's unless GitHub says that both sides are one repository."""
    head, base = reading.part(value, "head"), reading.part(value, "base")
    source = reading.maybe_part(head, "repo")
    source_id = "" if source is None else reading.identity(source)
    author_id, author_login = account(value, "user")
    return PullRequestSeen(
        number=reading.number(value, "number"),
        head=reading.sha(head, "sha"),
        head_ref=reading.ref(head, "ref"),
        head_repository_id=source_id,
        base_ref=reading.ref(base, "ref"),
        base=reading.sha(base, "sha"),
        fork=source_id != base_id(value),
        title=reading.free(value, "title", LONGEST_TITLE),
        author_id=author_id,
        author_login=author_login,
        action=action,
        open=reading.word(value, "state") == "open",
        draft=reading.flag(value, "draft"),
    )


def base_id(value: Object) -> str:
    """The id of the repository that a pull request belongs to."""
    return reading.identity(reading.part(reading.part(value, "base"), "repo"))


def comment(value: Object, number: int, action: str) -> CommentSeen:
    """A comment below pull request `number`. Its author is the account that wrote it, whoever edits it."""
    author_id, author_login = account(value, "user")
    author = reading.maybe_part(value, "user") or {}
    return CommentSeen(
        id=reading.identity(value),
        number=number,
        text=reading.free(value, "body", LONGEST_COMMENT),
        author_id=author_id,
        author_login=author_login,
        action=action,
        at=reading.moment(value, "created_at"),
        bot=author.get("type") == "Bot",
    )


def same_repository(value: Object, repository_id: str) -> None:
    """Raise `Refused` unless the pull request belongs to the repository that the delivery is of."""
    if base_id(value) != repository_id:
        raise NotDescribed("the pull request belongs to another repository than the delivery")
