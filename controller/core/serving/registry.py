"""The registry's state: what accepted tags add up to, equal to what GTO 1.10 shows over the same tags. Pure.

Order is the tagger's date and nothing else. A stage points at the version assigned to it last among those still assigned,
so undoing an assignment falls back to the one before. The rules are in GTO's `base.py` and `tag.py`; the tests ask GTO.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from controller.core.serving.tags import Action, Tag, parse_tag, semver_key

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VersionState:
    """A version: where it is, whether it is registered now, and the tag that said so last.

    `named` is False for a commit that was assigned to a stage and never registered; its `version` is the commit's id.
    """

    version: str
    target: str
    registered: bool
    tag: Tag
    named: bool = True


@dataclass(frozen=True, slots=True)
class StageState:
    """Where a stage points: a version, and the tag that assigned it. `assigned` are all still assigned, the newest first."""

    stage: str
    version: VersionState
    tag: Tag
    assigned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model. `versions` by name, undone ones too; `stages` only where something is assigned.

    `latest` is the highest registered version by SemVer. `deprecated` hides the model from lists; its stages still serve.
    """

    model: str
    versions: dict[str, VersionState]
    stages: dict[str, StageState]
    latest: str | None
    deprecated: bool


RegistryState = dict[str, ModelState]
"""By the model's name, as GTO shows it (`models/eu:churn`)."""


@dataclass(slots=True)
class _Version:
    """A version while its events are collected. Lists hold tags in the order of their dates."""

    target: str
    name: str
    named: bool
    place: int
    registrations: list[Tag] = field(default_factory=list)
    deregistrations: list[Tag] = field(default_factory=list)
    assignments: dict[str, list[Tag]] = field(default_factory=dict)
    unassignments: dict[str, list[Tag]] = field(default_factory=dict)

    @property
    def registered(self) -> bool:
        return _date(self.registrations) > _date(self.deregistrations)

    @property
    def active(self) -> bool:
        return self.registered or not self.named

    def assigned_at(self, stage: str) -> datetime:
        """When the stage was assigned last; `_NEVER` where it was undone since, or in the same second."""
        assigned = _date(self.assignments.get(stage, ()))
        return assigned if assigned > _date(self.unassignments.get(stage, ())) else _NEVER

    @property
    def created_at(self) -> datetime:
        """What GTO sorts versions by: the last registration, or the last event of a commit without one."""
        return _date(self.registrations) if self.named else max(map(_moment, self._all()), default=_NEVER)

    def last_event(self) -> datetime:
        return max(map(_moment, self._all()), default=_NEVER)

    def _all(self) -> list[Tag]:
        stages = [
            tag
            for events in (self.assignments, self.unassignments)
            for tags in events.values()
            for tag in tags
        ]
        return [*self.registrations, *self.deregistrations, *stages]

    def state(self) -> VersionState:
        tags = sorted(
            self._all() if not self.named else self.registrations + self.deregistrations, key=_tagged_at
        )
        return VersionState(self.name, self.target, self.registered, tags[-1], self.named)


def registry_state(accepted: Iterable[Tag]) -> RegistryState:
    """What the accepted tags add up to. Takes tags in any order; tags that are no registry tags are left out.

    Raises nothing for tags that `promote.accept` accepted. Without `committed_at`, a commit's own date cannot revive a
    deprecated model.
    """
    models: dict[str, list[Tag]] = {}
    for tag in sorted(accepted, key=lambda tag: (_tagged_at(tag), tag.name)):
        parsed = parse_tag(tag.name)
        if parsed is not None and parsed.action is not Action.CREATE:
            models.setdefault(parsed.model, []).append(tag)
    return {model: _model_state(model, tags) for model, tags in sorted(models.items())}


def _model_state(model: str, tags: Sequence[Tag]) -> ModelState:
    versions = _versions(tags)
    registered = [version for version in versions if version.registered]
    latest = max(registered, key=lambda version: (semver_key(version.name), version.place), default=None)
    deprecated_at = _date([tag for tag in tags if _action(tag) is Action.DEPRECATE])
    stages = sorted({stage for version in versions for stage in version.assignments})
    pointers = {stage: _stage_state(stage, versions) for stage in stages}
    return ModelState(
        model=model,
        versions={version.name: version.state() for version in versions},
        stages={stage: pointer for stage, pointer in pointers.items() if pointer is not None},
        latest=latest.name if latest else None,
        deprecated=deprecated_at > max((version.last_event() for version in versions), default=_NEVER),
    )


def _versions(tags: Sequence[Tag]) -> list[_Version]:
    """Versions in the order of their first event; registrations are read before assignments, whatever their dates."""
    versions: dict[str, _Version] = {}
    nameless: list[_Version] = []
    for tag in tags:
        parsed = parse_tag(tag.name)
        if parsed is None or not parsed.version:
            continue
        version = versions.setdefault(
            tag.target, _Version(tag.target, parsed.version, named=True, place=len(versions))
        )
        events = version.registrations if parsed.action is Action.REGISTER else version.deregistrations
        events.append(tag)
    for tag in tags:
        parsed = parse_tag(tag.name)
        if parsed is None or not parsed.stage:
            continue
        at = versions.get(tag.target)
        if at is None:
            # GTO makes a nameless version anew for every such tag, so that undoing one undoes nothing.
            at = _Version(tag.target, tag.target, named=False, place=len(versions) + len(nameless))
            nameless.append(at)
        stages = at.assignments if parsed.action is Action.ASSIGN else at.unassignments
        stages.setdefault(parsed.stage, []).append(tag)
    return [*versions.values(), *nameless]


def _stage_state(stage: str, versions: Sequence[_Version]) -> StageState | None:
    """The last assigned wins; in one second the one registered first, and then the first by name."""
    assigned = sorted(
        (version for version in versions if version.active and version.assigned_at(stage) > _NEVER),
        key=lambda version: (_reverse(version.assigned_at(stage)), version.created_at, version.place),
    )
    if not assigned:
        return None
    first = assigned[0]
    names = tuple(dict.fromkeys(version.name for version in assigned))
    return StageState(stage, first.state(), max(first.assignments[stage], key=_tagged_at), names)


def _reverse(moment: datetime) -> float:
    return -moment.timestamp()


def _action(tag: Tag) -> Action | None:
    parsed = parse_tag(tag.name)
    return parsed.action if parsed else None


def _tagged_at(tag: Tag) -> datetime:
    return tag.tagged_at or _NEVER


def _moment(tag: Tag) -> datetime:
    """The date of the event, or of the commit under it where that is later."""
    return max(_tagged_at(tag), tag.committed_at or _NEVER)


def _date(tags: Sequence[Tag]) -> datetime:
    return max((_tagged_at(tag) for tag in tags), default=_NEVER)
