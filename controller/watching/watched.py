"""What is watched: projects whose roots the settings name, and repositories at forges. Others keep their history and rest."""

from sqlalchemy import Connection

from controller.ports import Ports
from ledger import repositories
from ledger.repositories import ProjectRow, RepositoryRow


def projects(ports: Ports, repository: RepositoryRow) -> list[ProjectRow]:
    """The watched projects of a repository, by root; of a repository that the settings do not name, all."""
    with ports.ledger.read() as connection:
        found = repositories.projects_of(connection, repository.id)
    named = next((one for one in ports.settings.repositories if one.name == repository.name), None)
    return found if named is None else [project for project in found if project.root in named.roots]


def at_forges(ports: Ports, connection: Connection) -> dict[str, RepositoryRow]:
    """By id, the watched repositories that a forge's API tells and is told of. Not those that it does not know yet."""
    if not ports.forges:
        return {}
    rows = repositories.watched(connection, ports.forges)
    return {row.id: row for row in rows if row.forge in ports.forges and row.slug}
