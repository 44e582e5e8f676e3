"""What `datum://`, `dataset://` and `model://` addresses mean now: the files behind a name, asked for by a run.

Names are those of the run's repository: its own project's first, then the one other project that has it. Names are only
ever given by trusted runs, so everybody may read by name. By id a trusted run reads what trusted runs made, and an
untrusted one what untrusted runs made: code from outside can neither reach unnamed data nor slip its own to others.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from controller.core import data_names
from controller.core.data_names import LATEST, Address, nearest
from controller.core.serving.registry import ModelState, registry_state
from controller.core.serving.tags import Tag
from controller.ports import Ports
from ledger import data, executions, registry, repositories
from ledger.repositories import ProjectRow
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile
from schemas.states import PromotionState


def resolver(ports: Ports, project: ProjectRow, trust: str) -> Callable[[str], tuple[DatumFile, ...]]:
    """A function from a platform address to its files, as they are when it is called. Raises `ConfigError`."""

    def resolve(uri: str) -> tuple[DatumFile, ...]:
        with ports.ledger.read() as connection:
            return Names(connection, project, trust).resolve(uri)

    return resolve


class Names:
    """The names that a project's runs of one trust class can read, in one transaction."""

    def __init__(self, connection: Connection, project: ProjectRow, trust: str) -> None:
        self._connection = connection
        self._project = project
        self._trust = trust
        siblings = [row.id for row in repositories.projects_of(connection, project.repository_id)]
        self._projects = [project.id, *(id for id in siblings if id != project.id)]

    def resolve(self, uri: str) -> tuple[DatumFile, ...]:
        """The files of an address. Raises `ConfigError` with the nearest names when it means nothing."""
        wanted = data_names.address(uri)
        if wanted is None:
            raise ConfigError(
                f"{uri} is not an address of data",
                hint="Write datum://<id or alias>, dataset://<dataset>/<version> or model://<model>/<version or stage>.",
            )
        match wanted.kind:
            case "datum":
                ids = [self._datum(wanted)]
            case "dataset":
                ids = data.dataset_files(self._connection, self.dataset(wanted))
            case _:
                ids = self._model(wanted)
        return executions.data(self._connection, ids)

    def dataset(self, wanted: Address) -> str:
        """The id of a dataset's version."""
        known = data.datasets(self._connection, self._projects)
        owner = self._owner([project for project, name in known if name == wanted.name], wanted)
        if owner is None:
            raise _unknown(
                wanted, f"there is no dataset named {wanted.name}", wanted.name, (name for _, name in known)
            )
        versions = data.dataset_versions_of(self._connection, owner, wanted.name)
        if wanted.version == LATEST:
            return versions[-1].id
        found = {version.name: version.id for version in versions}
        aliases = data.dataset_aliases_of(self._connection, owner, wanted.name)
        means = found.get(wanted.version) or aliases.get(wanted.version)
        if means is None:
            what = f"the dataset {wanted.name} has no version or alias {wanted.version}"
            if not wanted.version:
                what = f"it says no version of the dataset {wanted.name}"
            raise _unknown(wanted, what, wanted.version, (LATEST, *aliases, *reversed(found)))
        return means

    def _datum(self, wanted: Address) -> str:
        if data_names.is_uuid(wanted.name):
            return self._by_id(wanted, wanted.name.lower())
        known = data.aliases(self._connection, self._projects)
        owner = self._owner([project for project, name in known if name == wanted.name], wanted)
        if owner is None:
            names = (name for _, name in known)
            raise _unknown(wanted, f"no file has the alias {wanted.name}", wanted.name, names)
        return known[owner, wanted.name]

    def _by_id(self, wanted: Address, output: str) -> str:
        found = data.origin(self._connection, output)
        if found is None or found.project_id not in self._projects:
            raise ConfigError(
                f"{wanted}: no run of this repository made a file with this id",
                hint="The page of an execution lists its outputs with their ids.",
            )
        if found.trust == self._trust:
            return output
        if self._trust == "trusted":
            raise ConfigError(
                f"{wanted} was made by an untrusted run, and this run is trusted",
                hint="Let a trusted run make the file again: data from outside is not taken into trusted work.",
            )
        raise ConfigError(
            f"{wanted} was made by a trusted run, and this run is untrusted: it reads such files only by name",
            hint="Give the file an alias, or put it into a dataset, in a trusted run.",
        )

    def _model(self, wanted: Address) -> list[str]:
        if wanted.version.isascii() and wanted.version.isdigit():
            return self._candidate(wanted)
        state = self._registry().get(wanted.name)
        if wanted.version == LATEST:
            return self._latest(wanted, state)
        serving = self._serving(wanted.name)
        if wanted.version in serving:
            return [serving[wanted.version]]
        version = wanted.version if wanted.version.startswith("v") else f"v{wanted.version}"
        bound = registry.bound(self._connection, self._project.repository_id).get((wanted.name, version))
        kept = state.versions.get(version) if state else None
        if bound is not None and kept is not None and kept.registered:
            return [bound.output_id]
        raise self._no_version(wanted, state, serving, version)

    def _latest(self, wanted: Address, state: ModelState | None) -> list[str]:
        """The highest registered version; for a model that has none yet, the newest candidate."""
        bound = registry.bound(self._connection, self._project.repository_id)
        newest = bound.get((wanted.name, state.latest)) if state and state.latest else None
        if newest is not None:
            return [newest.output_id]
        candidates = data.models(self._connection, self._projects).get(wanted.name, {})
        owner = self._owner(candidates, wanted)
        if owner is None:
            raise self._no_version(wanted, state, {}, "")
        number = str(candidates[owner][-1])
        return self._candidate(Address("model", wanted.name, number))

    def _candidate(self, wanted: Address) -> list[str]:
        known = data.models(self._connection, self._projects).get(wanted.name, {})
        number = int(wanted.version[:18])
        owner = self._owner([project for project, numbers in known.items() if number in numbers], wanted)
        files = data.model_files(self._connection, owner, wanted.name, number) if owner is not None else None
        if files is None:
            raise self._no_version(wanted, self._registry().get(wanted.name), self._serving(wanted.name), "")
        return files

    def _serving(self, model: str) -> dict[str, str]:
        """Stage -> the output that it serves at this moment."""
        rows = registry.promotions_of(self._connection, self._project.repository_id)
        serving = [row for row in rows if row.model == model and row.state is PromotionState.SERVING]
        return {row.stage: registry.version(self._connection, row.version_id).output_id for row in serving}

    def _registry(self) -> dict[str, ModelState]:
        rows = registry.tags(self._connection, self._project.repository_id)
        tags = [
            Tag(
                row.name,
                row.tag_object,
                row.target,
                row.annotated,
                row.tagged_at,
                committed_at=row.committed_at,
            )
            for row in rows
            if row.decision == "accepted"
        ]
        return dict(registry_state(tags))

    def _no_version(
        self, wanted: Address, state: ModelState | None, serving: dict[str, str], version: str
    ) -> ConfigError:
        """Say what a model has instead of what was asked for."""
        candidates = data.models(self._connection, self._projects)
        numbers = [str(number) for numbers in candidates.get(wanted.name, {}).values() for number in numbers]
        stages = state.stages if state else {}
        known = state.versions if state else {}
        if not numbers and not known:
            names = (*self._registry(), *candidates)
            return _unknown(wanted, f"there is no model named {wanted.name}", wanted.name, names)
        if version in known and not known[version].registered:
            what = f"{version} of {wanted.name} was taken back by a tag"
        elif version in known:
            what = f"{version} of {wanted.name} is not bound to a file yet"
        elif wanted.version in stages:
            what = f"the stage {wanted.version} of {wanted.name} serves nothing yet"
        else:
            what = f"the model {wanted.name} has no version or stage {wanted.version}"
        offered = [name for name, each in known.items() if each.named and each.registered]
        return _unknown(
            wanted, what, wanted.version, (LATEST, *serving, *reversed(offered), *reversed(numbers))
        )

    def _owner(self, having: Iterable[str], wanted: Address) -> str | None:
        """The project whose name is meant: the run's own, else the only other one that has it."""
        projects = list(dict.fromkeys(having))
        if self._project.id in projects or len(projects) == 1:
            return self._project.id if self._project.id in projects else projects[0]
        if not projects:
            return None
        roots = {
            row.id: row.root or "the top"
            for row in repositories.projects_of(self._connection, self._project.repository_id)
        }
        raise ConfigError(
            f"{wanted} is a name in several projects of this repository: {', '.join(roots[id] for id in projects)}",
            hint="Give it another name in one of them.",
        )


def _unknown(wanted: Address, what: str, name: str, known: Iterable[str]) -> ConfigError:
    return ConfigError(f"{wanted}: {what}", hint=nearest(name, known))
