"""Repositories and their projects: what is watched, and how the last look went."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, true, update

from ledger import observations, verdicts
from ledger.pieces import pieces
from ledger.tables import projects, repositories
from schemas.errors import ConfigError, Gone

LONGEST = 200
"""Characters of a project's name."""
BARE = "bare"
"""The forge of a repository that is plain git."""


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """A repository as the controller works with it."""

    id: str
    name: str
    address: str
    default_branch: str
    baseline_at: datetime | None
    tried_at: datetime | None
    looked_at: datetime | None
    trouble: str | None
    forge: str = BARE
    forge_id: str | None = None
    slug: str | None = None
    asked_at: datetime | None = None
    heard_until: datetime | None = None
    hook: str | None = None
    deaf: str | None = None


@dataclass(frozen=True, slots=True)
class AtForge:
    """Where a repository lies: the name of a forge in the settings, its own name there (`owner/name`), and what all
    spellings of its address share (empty: the address is compared as it is).
    """

    forge: str = BARE
    slug: str = ""
    spelling: str = ""


PLAIN_GIT = AtForge()


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One valohai.yaml of a repository. `root` "" is the top folder."""

    id: str
    repository_id: str
    root: str
    name: str


_REPOSITORY = tuple(repositories.c[name] for name in RepositoryRow.__slots__)
_PROJECT = (projects.c.id, projects.c.repository_id, projects.c.root, projects.c.name)


def ensure(
    connection: Connection,
    name: str,
    address: str,
    default_branch: str,
    now: datetime,
    roots: Sequence[str] = ("",),
    at: AtForge = PLAIN_GIT,
) -> str:
    """Record a repository of the settings (or its new address) with a project for every root; the repository's id.

    A name that is new here, with the address of a repository that the settings name no more (`retire` comes first), is
    that one's new name: it keeps its history. A name that is known goes on with its own history at the address of one that
    the settings name no more, which gives it free: the forge may have told meanwhile that the two are one repository.
    Raises `ConfigError` when the address is that of another that is watched, or certainly another repository's, of which
    there is a history. Projects of roots that the settings name no more keep their history. What stands at the refs now is judged for a project that is
    new, or watched again; it starts nothing.
    """
    spelled = at.spelling or address
    identifier = _known(connection, name, address, spelled)
    if identifier is None:
        identifier = str(uuid.uuid4())
        new = {"id": identifier, "name": name, "forge": at.forge, "slug": at.slug or None, "added_at": now}
        connection.execute(insert(repositories).values(address=address, spelling=spelled, **new))
    else:
        _lies_at(connection, identifier, at, spelled)
    connection.execute(
        update(repositories)
        .where(repositories.c.id == identifier)
        .values(address=address, spelling=spelled, default_branch=default_branch, removed_at=None)
    )
    there = {project.root for project in projects_of(connection, identifier)}
    for root in dict.fromkeys(roots):
        if root not in there:
            values = {"id": str(uuid.uuid4()), "repository_id": identifier, "root": root}
            connection.execute(insert(projects).values(name=_project_name(name, root), **values))
    heads = observations.heads(connection, identifier).values()
    for project in projects_of(connection, identifier) if heads else ():
        if project.root in roots:
            verdicts.owe(connection, project.repository_id, project.id, list(heads))
    return identifier


def _known(connection: Connection, name: str, address: str, spelled: str) -> str | None:
    """The id of the repository with this name, or of the one at rest with this address, which takes the name."""
    same = or_(repositories.c.spelling == spelled, repositories.c.address == address)
    columns = (repositories.c.id, repositories.c.name, repositories.c.removed_at, repositories.c.forge_id)
    found = connection.execute(select(*columns).where(or_(repositories.c.name == name, same))).all()
    mine = next((row for row in found if row.name == name), None)
    others = [row for row in found if row.name != name]
    for other in others:
        if other.removed_at is None:
            raise ConfigError(
                f"the address of {name} is that of {other.name}: a repository is watched once",
                hint="Keep one of the two entries. Several projects of it are its `roots`; it gets another name by `luotsi repo rename`.",
            )
        if mine is not None and None not in (mine.forge_id, other.forge_id):
            raise ConfigError(
                f"the address of {name} is that of {other.name}, which was watched before and is another repository",
                hint=f"Call the entry {other.name}, or as none was ever called: its history is there.",
            )
    if mine is None and others:
        mine, *others = others
        rename(connection, mine.id, name)
    for other in others:
        _give_free(connection, other.id, address)
    return None if mine is None else str(mine.id)


def _give_free(connection: Connection, repository_id: str, address: str) -> None:
    """One that is watched no more lies nowhere: its address is another's now. All that happened stays with it."""
    nowhere = {"address": f"{address}#{repository_id}", "spelling": None}
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(**nowhere))


def rename(connection: Connection, repository_id: str, name: str) -> None:
    """Another name here, for it and its projects. All that happened stays with it."""
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(name=name))
    for project in projects_of(connection, repository_id):
        connection.execute(
            update(projects).where(projects.c.id == project.id).values(name=_project_name(name, project.root))
        )


def _project_name(repository: str, root: str) -> str:
    return clip(f"{repository}/{root}" if root else repository)


def _lies_at(connection: Connection, repository_id: str, at: AtForge, spelled: str) -> None:
    """What the settings say of its place at a forge. A place that they name anew is asked for its id again.

    A slug that the forge told stays while the address does: it is newer, the repository having been renamed there.
    """
    row = connection.execute(
        select(repositories.c.forge, repositories.c.slug, repositories.c.spelling).where(
            repositories.c.id == repository_id
        )
    ).one()
    moved = row.spelling not in (None, spelled) and at.slug.lower() != (row.slug or "").lower()
    values: dict[str, object] = {"forge": at.forge}
    if row.forge != at.forge or moved:
        forgotten = dict.fromkeys(("forge_id", "hook", "asked_at", "heard_until", "deaf"))
        values |= {"slug": at.slug or None, **forgotten}
    elif row.slug is None:
        values["slug"] = at.slug or None
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(**values))


def known_at_forge(connection: Connection, repository_id: str, forge_id: str, slug: str) -> str:
    """The forge's id of the repository, and its name there now. Answers with the name of another that is the same one.

    Two addresses that look different can lead to one repository. The one that was there first then keeps the id, unless
    it is watched no more; this one has none then, and is at rest (`watched`).
    """
    here = repositories.c.id == repository_id
    forge = select(repositories.c.forge).where(here).scalar_subquery()
    same = (repositories.c.forge == forge, repositories.c.forge_id == forge_id, ~here)
    connection.execute(
        update(repositories).where(*same, repositories.c.removed_at.is_not(None)).values(forge_id=None)
    )
    other = connection.execute(select(repositories.c.name).where(*same)).scalar()
    values = {"slug": slug, "forge_id": None if other else forge_id}
    connection.execute(update(repositories).where(here).values(**values))
    return other or ""


_SAME = "it is the same repository as"


def is_twin(row: RepositoryRow) -> bool:
    """Whether its forge has told that it is another one that is watched."""
    return row.forge_id is None and any(_SAME in (words or "") for words in (row.trouble, row.deaf))


def twin_words(name: str, forge: str, other: str) -> str:
    """Why a repository that is watched under another address already is at rest, for people."""
    return f"at {forge} {_SAME} {other}, which is watched already: `luotsi repo remove {name}`"


def by_forge_id(connection: Connection, forge: str, forge_id: str) -> RepositoryRow | None:
    """The watched repository that a forge calls so."""
    row = connection.execute(
        select(*_REPOSITORY).where(
            repositories.c.forge == forge,
            repositories.c.forge_id == forge_id,
            repositories.c.removed_at.is_(None),
        )
    ).first()
    return None if row is None else RepositoryRow(*row)


def asked(
    connection: Connection, repository_id: str, now: datetime, heard_until: datetime | None, deaf: str | None
) -> None:
    """The forge told its pull requests now, and what was written until `heard_until`; `deaf`: what it did not tell, and why."""
    values: dict[str, object] = {"asked_at": now, "deaf": deaf}
    if heard_until is not None:
        values["heard_until"] = heard_until
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(**values))


def to_ask(
    connection: Connection, forges: Collection[str], before: datetime, before_hooked: datetime
) -> list[RepositoryRow]:
    """Watched repositories at these forges that were asked about `before`, whoever has waited longest first.

    `before_hooked` holds for those whose hook works: it brings what there is to hear.
    """
    hears = and_(
        repositories.c.hook.is_not(None), repositories.c.forge_id.is_not(None), repositories.c.deaf.is_(None)
    )
    asked_at = repositories.c.asked_at
    due = or_(asked_at.is_(None), asked_at <= before_hooked, and_(~hears, asked_at <= before))
    rows = connection.execute(
        select(*_REPOSITORY)
        .where(
            repositories.c.removed_at.is_(None),
            repositories.c.forge.in_(list(forges)),
            repositories.c.slug.is_not(None),
            due,
        )
        .order_by(asked_at.is_not(None), asked_at, repositories.c.name)
    )
    return [RepositoryRow(*row) for row in rows]


def ask_again(connection: Connection, repository_id: str) -> None:
    """The forge shall be asked about it at once."""
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(asked_at=None))


def hooked(connection: Connection, repository_id: str, hook: str | None) -> None:
    """The forge's id of our hook there."""
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(hook=hook))


def retire(connection: Connection, kept: set[str], now: datetime) -> None:
    """Stop watching every repository whose name the settings no longer have. Its history stays."""
    connection.execute(
        update(repositories)
        .where(repositories.c.name.not_in(kept), repositories.c.removed_at.is_(None))
        .values(removed_at=now)
    )


def watched(connection: Connection, asked: Collection[str] = ()) -> list[RepositoryRow]:
    """Every repository that is watched, by name; of those at the forges `asked` only the ones whose id there is known.

    Until a forge has told its id it may be one that is watched already, under another address: nothing is done for it.
    """
    return _watched(connection, asked, true())


def watched_of(
    connection: Connection, ids: Collection[str], asked: Collection[str] = ()
) -> list[RepositoryRow]:
    """Those of the `watched` that have these ids, by name; without ids nothing is asked."""
    found = [row for some in pieces(ids) for row in _watched(connection, asked, repositories.c.id.in_(some))]
    return sorted(found, key=lambda row: row.name)


def to_look_at(
    connection: Connection,
    now: datetime,
    interval: timedelta,
    hinted: Collection[str],
    asked: Collection[str] = (),
) -> list[RepositoryRow]:
    """Those of the `watched` that are hinted at (by name), never looked at, or last an interval ago; the longest waiting first.

    One that was looked at in the future, by a clock that has been put right since, is due too.
    """
    tried = repositories.c.tried_at
    wanted = [or_(tried.is_(None), tried <= now - interval, tried > now)]
    wanted += [repositories.c.name.in_(some) for some in pieces(hinted)]
    found = {row.id: row for which in wanted for row in _watched(connection, asked, which)}
    return sorted(found.values(), key=lambda row: (row.tried_at is not None, row.tried_at or now, row.name))


def _watched(
    connection: Connection, asked: Collection[str], which: ColumnElement[bool]
) -> list[RepositoryRow]:
    statement = (
        select(*_REPOSITORY).where(repositories.c.removed_at.is_(None), which).order_by(repositories.c.name)
    )
    rows = [RepositoryRow(*row) for row in connection.execute(statement)]
    return [row for row in rows if row.forge_id is not None or row.forge not in asked]


def by_id(connection: Connection, repository_id: str) -> RepositoryRow:
    """A repository. Raises `Gone`."""
    row = connection.execute(select(*_REPOSITORY).where(repositories.c.id == repository_id)).first()
    if row is None:
        raise Gone(f"there is no repository {repository_id}")
    return RepositoryRow(*row)


def by_name(connection: Connection, name: str) -> RepositoryRow | None:
    """A repository by the name that the settings give it."""
    row = connection.execute(select(*_REPOSITORY).where(repositories.c.name == name)).first()
    return None if row is None else RepositoryRow(*row)


def looked(connection: Connection, repository_id: str, trouble: str | None, now: datetime) -> bool:
    """How a look went. True when the trouble is new, or has ended: worth a line in the log."""
    before = connection.execute(
        select(repositories.c.trouble, repositories.c.trouble_since).where(repositories.c.id == repository_id)
    ).one()
    values: dict[str, object] = {"trouble": trouble, "tried_at": now}
    if trouble is None:
        values |= {"looked_at": now, "trouble_since": None}
    elif before.trouble is None:
        values["trouble_since"] = now
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(**values))
    return bool(before.trouble != trouble)


def all_well(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    """Looks at these repositories, of which none was in trouble, went well."""
    well = update(repositories).values(trouble=None, tried_at=now, looked_at=now)
    for some in pieces(ids):
        connection.execute(well.where(repositories.c.id.in_(some)))


def default_branch(connection: Connection, repository_id: str, name: str) -> None:
    """Record what the repository's HEAD names."""
    connection.execute(
        update(repositories).where(repositories.c.id == repository_id).values(default_branch=name)
    )


def projects_of(connection: Connection, repository_id: str) -> list[ProjectRow]:
    """The projects of a repository."""
    statement = select(*_PROJECT).where(projects.c.repository_id == repository_id).order_by(projects.c.root)
    return [ProjectRow(*row) for row in connection.execute(statement)]


def clip(name: str) -> str:
    """A project's name as the ledger keeps it: of a very long one the end, which tells it from others."""
    return name if len(name) <= LONGEST else "…" + name[1 - LONGEST :]


def project(connection: Connection, project_id: str) -> ProjectRow:
    """A project. Raises `Gone`."""
    row = connection.execute(select(*_PROJECT).where(projects.c.id == project_id)).first()
    if row is None:
        raise Gone(f"there is no project {project_id}")
    return ProjectRow(*row)


def next_number(connection: Connection, project_id: str, kind: str, count: int = 1) -> int:
    """The next number of a project's `executions`, `pipelines` or `tasks`: counted up in this transaction.

    With a `count` that many are taken, and the last of them is answered.
    """
    column = projects.c[f"{kind}_numbered"]
    connection.execute(update(projects).where(projects.c.id == project_id).values({column: column + count}))
    number: int = connection.execute(select(column).where(projects.c.id == project_id)).scalar_one()
    return number
