"""What a registry tag would do, or why nothing: decided by the functions that decide it later, over the tags of one clone.

What only an installation knows stays open and is said so: whether a run at the commit succeeded, and what has served before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.core.foresee import Work
from controller.core.serving import policies
from controller.core.serving.promote import (
    Accepted,
    Decision,
    Facts,
    Ignored,
    RefusedTag,
    RegistryState,
    Waits,
    judge,
    registry_state,
)
from controller.core.serving.registry import StageState
from controller.core.serving.tags import Action, ParsedTag, Tag, parse_tag, spell
from schemas.errors import ConfigError
from schemas.repo_config import Model, RepoConfig, Stage
from schemas.values import short

EARLIER = "stage:"


@dataclass(frozen=True, slots=True)
class Registry:
    """What a clone knows of a registry. `asked`: the tags in question; `known`: all others."""

    asked: tuple[Tag, ...]
    known: tuple[Tag, ...]
    protected: frozenset[str]
    """The tags' commits that the default branch contains. Which branches are protected, the settings say."""
    configs: Mapping[str, RepoConfig]
    """The files of the asked tags' commit, by root."""
    main: Mapping[str, RepoConfig]
    """Those of the default branch."""
    clusters: tuple[str, ...] | None = None
    """None: not known, so that any will do."""


@dataclass(frozen=True, slots=True)
class TagForeseen:
    """One tag's effect. `answer`: `accepted`, `waits`, `ignored`, `refused`, or `nothing` where it counts in vain.

    `facts`: what belongs to it, as pairs of a label and a sentence. `works`: from what runs to what serves.
    """

    tag: str
    model: str
    line: int
    answer: str
    reason: str
    facts: tuple[tuple[str, str], ...] = ()
    works: tuple[Work, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it does what it asks for, or may still."""
        return self.answer not in ("refused", "nothing")


@dataclass(slots=True)
class _Effect:
    """Filled in while a tag's effect is found out."""

    answer: str = "accepted"
    line: int = 0
    reason: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)


def foresee_tags(registry: Registry, now: datetime) -> tuple[TagForeseen, ...]:
    """The effect of every asked tag, as if all of the clone's tags were seen at once. Never raises."""
    decisions = _judged(registry, now)
    accepted = [tag for tag, decision in decisions if isinstance(decision, Accepted)]
    return tuple(
        _foreseen(tag, decision, accepted, registry) for tag, decision in decisions if tag in registry.asked
    )


def _judged(registry: Registry, now: datetime) -> list[tuple[Tag, Decision]]:
    found: list[tuple[Tag, Decision]] = []
    accepted: tuple[Tag, ...] = ()
    for protected in (True, False):
        tags = [
            tag
            for tag in (*registry.known, *registry.asked)
            if (tag.target in registry.protected) is protected
        ]
        judged = judge(tags, Facts(accepted, None, protected), now)
        accepted += tuple(tag for tag, decision in judged if isinstance(decision, Accepted))
        found += judged
    return found


def _foreseen(tag: Tag, decision: Decision, accepted: list[Tag], registry: Registry) -> TagForeseen:
    parsed = parse_tag(tag.name)
    model = parsed.model if parsed else ""
    match decision:
        case Accepted(asked):
            effect = _Effect()
            try:
                _find_out(tag, asked, accepted, registry, effect)
            except ConfigError as error:
                return TagForeseen(tag.name, model, effect.line, "nothing", str(error))
            facts, works = tuple(effect.facts), tuple(effect.works)
            return TagForeseen(tag.name, model, effect.line, effect.answer, effect.reason, facts, works)
        case RefusedTag(reason):
            return TagForeseen(tag.name, model, 0, "refused", reason)
        case Waits(reason):
            return TagForeseen(tag.name, model, 0, "waits", reason)
        case Ignored(reason):
            return TagForeseen(tag.name, model, 0, "ignored", reason)


def _find_out(tag: Tag, asked: ParsedTag, accepted: list[Tag], registry: Registry, effect: _Effect) -> None:
    """Raises `ConfigError` where the files do not let the tag do what it asks for."""
    before = registry_state(one for one in accepted if one != tag)
    after = registry_state(accepted)
    at = short(tag.target)
    match asked.action:
        case Action.REGISTER:
            effect.reason = f"registers {asked.version} of {asked.model} at {at}"
            _register(tag, asked, registry, effect)
        case Action.ASSIGN:
            _assign(tag, asked, after, registry, effect)
        case Action.DEREGISTER:
            effect.reason = f"takes back {asked.version} of {asked.model}"
        case Action.UNASSIGN:
            effect.reason = f"takes the version at {at} out of {asked.stage} of {asked.model}"
        case _:
            effect.reason = f"hides {asked.model} from lists; its stages go on serving"
    if effect.answer == "accepted":
        effect.facts += _moves(asked.model, before, after)


def _moves(model: str, before: RegistryState, after: RegistryState) -> Iterator[tuple[str, str]]:
    """What each stage of the model pointed at, and what it points at with the tag."""
    old, new = (state[model].stages if model in state else {} for state in (before, after))
    for stage in sorted(old.keys() | new.keys()):
        ends = [_version(stages.get(stage)) for stages in (old, new)]
        if ends[0] != ends[1]:
            yield "stage", f"{stage}: {ends[0]} → {ends[1]}"


def _version(stage: StageState | None) -> str:
    if stage is None:
        return "nothing"
    return stage.version.version if stage.version.named else short(stage.version.target)


def _model(tag: Tag, asked: ParsedTag, registry: Registry, effect: _Effect) -> tuple[str, Model]:
    folder, _, plain = asked.model.rpartition(":")
    for root, config in registry.configs.items():
        for one in config.unusable:
            if one.kind == "model" and one.name == plain and folder in ("", root):
                effect.line = one.line
                raise ConfigError(f"the model {plain} cannot be used: {one.reason}")
    root, model = policies.model_of(registry.configs, asked.model, tag.target)
    effect.line = model.line
    return root, model


def _register(tag: Tag, asked: ParsedTag, registry: Registry, effect: _Effect) -> None:
    root, model = _model(tag, asked, registry, effect)
    source, at = model.source, short(tag.target)
    kind, name = ("pipeline", source.pipeline) if source.pipeline else ("step", source.step or "")
    node = f", node {source.node}" if source.node else ""
    effect.facts.append(("from", f"output {source.output} of {kind} {name}{node}"))
    trigger = policies.maker(registry.configs[root], model)
    words = "the first trusted run at this commit that left it, not one of a schedule; "
    if trigger is None:
        words += f"without one it waits: no trigger at {at} makes the model; name one in `from: trigger:`"
    else:
        words += f"without one, trigger {trigger.name} is started"
    effect.facts.append(("run", words))
    edge = (f"{name}.output.{source.output}", f"version.model.{source.output}")
    effect.works += [Work(name, "execution"), Work(asked.version, "version", after=(name,), edges=(edge,))]


def _assign(tag: Tag, asked: ParsedTag, after: RegistryState, registry: Registry, effect: _Effect) -> None:
    model = after[asked.model]
    version = next((one for one in model.versions.values() if one.target == tag.target), None)
    root, item = _model(tag, asked, registry, effect)
    rule = policies.stage_rule(item, registry.main.get(root), asked.stage)
    endpoint, file = policies.served_by(item)
    if registry.clusters is not None and rule.cluster not in registry.clusters:
        names = ", ".join(registry.clusters) or "none"
        raise ConfigError(f"there is no cluster {rule.cluster}", hint=f"This installation has: {names}.")
    named = version is not None and version.named and version.registered
    name = version.version if version is not None and named else short(tag.target)
    pointer = model.stages.get(asked.stage)
    if not named:
        effect.answer, effect.reason = "waits", policies.waits_for_version(asked.model, tag.target)
        first = spell(ParsedTag(Action.REGISTER, asked.model, "v1.0.0"))
        effect.facts.append(("first", f"an annotated tag such as {first} at the same commit"))
    elif pointer is not None and pointer.tag.tag_object != tag.tag_object:
        effect.reason = f"changes nothing: {asked.stage} is at {_version(pointer)} by {pointer.tag.name}, whose date is later"
    else:
        effect.reason = f"promotes {name} of {asked.model} to {asked.stage}"
    replicas = f"{rule.replicas} replica{'' if rule.replicas == 1 else 's'}"
    effect.facts.append(
        ("serves", f"endpoint {endpoint} with the model as {file}, on cluster {rule.cluster}, {replicas}")
    )
    effect.facts += _gates(rule, asked, after, tag)
    edge = (f"{name}.output.{file}", f"stage.file.{file}")
    stage = Work(asked.stage, "deployment", after=(name,), edges=(edge,))
    effect.works += [Work(name, "version"), stage]


def _gates(rule: Stage, asked: ParsedTag, after: RegistryState, tag: Tag) -> Iterator[tuple[str, str]]:
    """What must come true before it serves."""
    for need in rule.require:
        if not need.startswith(EARLIER):
            yield "requires", f"{need}, which no installation can check yet: the promotion fails"
            continue
        earlier = need.removeprefix(EARLIER)
        stage = after[asked.model].stages.get(earlier)
        there = stage is not None and stage.version.target == tag.target
        more = "" if there else "; no tag of this clone has it there now"
        yield "requires", f"this version has served {earlier}{more}"
    if rule.smoke:
        sent = f"POST of {rule.smoke.post}" if rule.smoke.post else "GET"
        yield "smoke", f"a {sent} is answered with {rule.smoke.expect} before it takes over"
