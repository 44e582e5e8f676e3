"""What an installation's settings bring to a step that is run by hand: variable groups, mounts, access to inputs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luotsi import installation
from luotsi.installation import Installation


@dataclass(frozen=True, slots=True)
class Known:
    """Taken from the settings' values only: nothing is made, asked or opened. Without settings, nothing is known."""

    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    environments: tuple[Mapping[str, Any], ...] = ()
    folders: tuple[str, ...] = ()
    buckets: tuple[Mapping[str, Any], ...] = ()
    joiner: str = "&&"

    @classmethod
    def of(cls, opened: Installation) -> "Known":
        """What this installation's settings say."""
        groups, get = opened.variable_groups(), opened.settings.get
        return cls(
            {name: group.variables for name, group in groups.items()},
            {name: {k: s.reveal() for k, s in group.secrets.items()} for name, group in groups.items()},
            tuple(get("environments", default=())),
            tuple(get("inputs", "folders", default=())),
            tuple(get("inputs", "s3", default=())),
            get("command-joiner", default="&&"),
        )

    @classmethod
    def read(cls, settings: Path | None) -> "Known":
        """The same from a file; nothing for None. Raises `ConfigError`."""
        return cls() if settings is None else cls.of(installation.opened(settings))

    def mounts(self, environment: str | None) -> tuple[str, ...]:
        """Folders that a step of this environment may mount; for None of the first, which is the default one."""
        entries = [e for e in self.environments if environment in (None, e.get("name"), e.get("id"))]
        return tuple(entries[0].get("mounts", ())) if entries else ()

    def secrets_of(self, groups: Iterable[str]) -> dict[str, str]:
        """The secrets of these groups, the later ones over the earlier."""
        return {name: value for group in groups for name, value in self.secrets.get(group, {}).items()}
