"""The tags that ask for something and do not have it: refused, waiting, accepted without their due, or failed to serve."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, exists, select

from ledger import pages
from ledger.tables import promotions, repositories, tag_observations, versions

LOOK_BACK = 200
"""How many accepted tags back one without its due is looked for, and a later tag that takes its place."""

_ASKS = re.compile(r"(?P<model>[^#@]+)(?:@(?P<version>v[^#!]+)|#(?P<stage>[^#!]+))(?P<undo>!?)(?:#[0-9]+)?")
"""A registry tag that was accepted, loosely: the grammar itself is the controller's, which accepted it."""


@dataclass(frozen=True, slots=True)
class OpenTag:
    """A tag that does not have what it asks for. `stage` or `version` say which it is; both are empty for other names.

    `state`: `refused`, `waiting` (for its commit, its version or a run; also one that is not judged yet), or `failed`
    (its promotion did). `since`: when it was first seen, or when its promotion failed.
    """

    repository: str
    name: str
    sha: str
    tagger: str
    state: Literal["refused", "waiting", "failed"]
    reason: str
    since: datetime
    model: str = ""
    version: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    id: int
    repository_id: str
    repository: str
    name: str
    tag_object: str
    target: str
    tagger: str
    reason: str | None
    first_seen: datetime


def open_tags(connection: Connection, size: int = pages.SIZE) -> tuple[OpenTag, ...]:
    """Tags that a person should know of, the newest first. A tag that was deleted, or has a successor, is none of them."""
    accepted = pages.rows(connection, _seen("accepted").limit(LOOK_BACK), _Seen)
    found = _unserved(connection, accepted) + _failed(connection, accepted, size)
    present = tag_observations.c.vanished_at.is_(None)
    for decision in ("refused", "waiting", None):
        rows = pages.rows(connection, _seen(decision).where(present).limit(size), _Seen)
        found += [_open(row, "refused" if decision == "refused" else "waiting") for row in rows]
    return tuple(sorted(found, key=lambda tag: tag.since, reverse=True)[:size])


def open_at(connection: Connection, repository: str, sha: str) -> tuple[OpenTag, ...]:
    """Those of one commit, among the newest."""
    every = open_tags(connection, LOOK_BACK)
    return tuple(tag for tag in every if (tag.repository, tag.sha) == (repository, sha))


def _seen(decision: str | None) -> Select[Any]:
    table = tag_observations
    return (
        select(table, repositories.c.name.label("repository"))
        .join(repositories, repositories.c.id == table.c.repository_id)
        .where(table.c.decision == decision, repositories.c.removed_at.is_(None))
        .order_by(table.c.id.desc())
    )


def _unserved(connection: Connection, accepted: Sequence[_Seen]) -> list[OpenTag]:
    """Accepted tags whose version is not bound, or whose promotion has not begun; the newest of each model's word only."""
    found, decided = [], set[tuple[str, str]]()
    for row in accepted:
        subject = (row.repository_id, _subject(row.name))
        asks = _ASKS.fullmatch(row.name)
        if asks is None or subject in decided:
            continue
        decided.add(subject)
        if not asks["undo"] and not _has_its_due(connection, row, asks):
            found.append(_open(row, "waiting"))
    return found


def _has_its_due(connection: Connection, row: _Seen, asks: re.Match[str]) -> bool:
    if asks["version"]:
        bound = and_(
            versions.c.repository_id == row.repository_id,
            versions.c.model == asks["model"].replace("=", ":"),
            versions.c.version == asks["version"],
        )
        return bool(connection.execute(select(exists().where(bound))).scalar())
    begun = and_(promotions.c.repository_id == row.repository_id, promotions.c.tag_object == row.tag_object)
    return bool(connection.execute(select(exists().where(begun))).scalar())


def _failed(connection: Connection, accepted: Sequence[_Seen], size: int) -> list[OpenTag]:
    """Failed promotions whose stage no later tag speaks of."""
    statement = (
        select(
            promotions.c.repository_id,
            repositories.c.name.label("repository"),
            promotions.c.tag,
            versions.c.sha,
            promotions.c.tagger,
            promotions.c.reason,
            promotions.c.finished_at,
            promotions.c.accepted_at,
            promotions.c.tag_object,
        )
        .join(versions, versions.c.id == promotions.c.version_id)
        .join(repositories, repositories.c.id == promotions.c.repository_id)
        .where(promotions.c.state == "failed", repositories.c.removed_at.is_(None))
        .order_by(promotions.c.finished_at.desc())
        .limit(size)
    )
    newest: dict[tuple[str, str], _Seen] = {}
    for row in accepted:
        newest.setdefault((row.repository_id, _subject(row.name)), row)
    found = []
    for each in connection.execute(statement):
        later = newest.get((each.repository_id, _subject(each.tag)))
        if later is None or later.tag_object == each.tag_object:
            since = each.finished_at or each.accepted_at
            tag = OpenTag(each.repository, each.tag, each.sha, each.tagger, "failed", each.reason, since)
            found.append(_named(tag))
    return found


def _subject(name: str) -> str:
    """`wine#prod` for `wine#prod!#3`: what the tag speaks of, so that a later one takes its place."""
    asks = _ASKS.fullmatch(name)
    return name if asks is None else f"{asks['model']}@{asks['version'] or ''}#{asks['stage'] or ''}"


def _open(row: _Seen, state: Literal["refused", "waiting"]) -> OpenTag:
    reason = row.reason or "it is judged in the next turn"
    return _named(OpenTag(row.repository, row.name, row.target, row.tagger, state, reason, row.first_seen))


def _named(tag: OpenTag) -> OpenTag:
    asks = _ASKS.fullmatch(tag.name)
    if asks is None:
        return tag
    model = asks["model"].replace("=", ":")
    return replace(tag, model=model, version=asks["version"] or "", stage=asks["stage"] or "")
