"""Commits and tags as values, read from a repository with every text made safe to keep: valid, bounded, without NUL."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pygit2

from schemas.values import Sha

_NAME, _SUBJECT, _MESSAGE = 300, 500, 20_000


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit. `author` is `Name <email>`; texts are cut to what the ledger keeps; `committed_at` is UTC."""

    sha: Sha
    author: str
    subject: str
    message: str
    committed_at: datetime
    parents: tuple[Sha, ...]


@dataclass(frozen=True, slots=True)
class TagInfo:
    """A tag. `target` is peeled all the way; it is a commit unless `commit` is False.

    `tag_object` equals `target` for a lightweight tag, which has no date. `tagged_at` is in the tagger's own zone.
    """

    name: str
    tag_object: Sha
    target: Sha
    annotated: bool
    tagged_at: datetime | None
    tagger: str
    message: str
    commit: bool = True


def commit_info(commit: pygit2.Commit) -> CommitInfo:
    """The value of a commit. What its encoding does not explain is replaced, never an error."""
    message = _text(commit.raw_message, commit.message_encoding)
    return CommitInfo(
        sha=Sha(str(commit.id)),
        author=_person(commit.author, commit.message_encoding),
        subject=message.lstrip().partition("\n")[0].rstrip()[:_SUBJECT],
        message=message[:_MESSAGE],
        committed_at=_moment(commit.commit_time, 0),
        parents=tuple(Sha(str(parent)) for parent in commit.parent_ids),
    )


def tag_info(name: str, found: pygit2.Object) -> TagInfo:
    """The value of a tag, whose ref points at `found`. Raises `KeyError` if what it leads to is not there."""
    if not isinstance(found, pygit2.Tag):
        sha = Sha(str(found.id))
        return TagInfo(name, sha, sha, False, None, "", "", isinstance(found, pygit2.Commit))
    target: pygit2.Object = found
    while isinstance(target, pygit2.Tag):
        target = target.get_object()
    tagger: pygit2.Signature | None = found.tagger
    return TagInfo(
        name=name,
        tag_object=Sha(str(found.id)),
        target=Sha(str(target.id)),
        annotated=True,
        tagged_at=_moment(tagger.time, tagger.offset) if tagger else None,
        tagger=_person(tagger, None) if tagger else "",
        message=_text(found.raw_message or b"", None)[:_MESSAGE],
        commit=isinstance(target, pygit2.Commit),
    )


def _person(person: pygit2.Signature, encoding: str | None) -> str:
    name, email = _text(person.raw_name, encoding), _text(person.raw_email, encoding)
    return f"{name[: _NAME - 100]} <{email[:90]}>".strip()


def _text(raw: bytes, encoding: str | None) -> str:
    try:
        text = raw.decode(encoding or "utf-8", errors="replace")
    except LookupError:
        text = raw.decode(errors="replace")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _moment(seconds: int, offset_minutes: int) -> datetime:
    """A commit may claim any time. What no calendar holds becomes the nearest that one does."""
    zone = timezone(timedelta(minutes=offset_minutes)) if abs(offset_minutes) < 24 * 60 else UTC
    first, last = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
    within = min(max(seconds, int(first.timestamp())), int(last.timestamp()))
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=within)).astimezone(zone)
