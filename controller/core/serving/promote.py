"""Which observed tags count: the rule by which a registry tag is accepted, once and for ever. Pure.

GTO reads whatever tags a repository has today. A controller must not be led by a tag that moves, lies about its date or
makes the registry ambiguous, so it keeps the tags that it accepted; the state (`registry.py`) is GTO's over those alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from controller.core.serving.registry import (
    ModelState,
    RegistryState,
    StageState,
    VersionState,
    registry_state,
)
from controller.core.serving.tags import Action, ParsedTag, Tag, next_counter, parse_tag, spell
from schemas.values import short

__all__ = [
    "Accepted",
    "Action",
    "Decision",
    "Facts",
    "Ignored",
    "ModelState",
    "ParsedTag",
    "RefusedTag",
    "RegistryState",
    "StageState",
    "Tag",
    "VersionState",
    "Waits",
    "accept",
    "judge",
    "next_counter",
    "parse_tag",
    "registry_state",
    "spell",
]

MAX_AHEAD = timedelta(minutes=5)
"""How far a tagger's clock may run ahead of ours."""

MAX_WORD = 200
"""Characters of a model's or stage's name; `MAX_VERSION` those of a version. What the ledger's columns hold."""
MAX_VERSION = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """What a tag is judged against. `stages`: those that `.gto` or the settings allow, None for any.

    `protected`: the tagged commit is reachable from a protected ref.
    """

    accepted: tuple[Tag, ...] = ()
    stages: frozenset[str] | None = None
    protected: bool = True


@dataclass(frozen=True, slots=True)
class Accepted:
    """The tag counts from now on, whatever becomes of it in git."""

    parsed: ParsedTag


@dataclass(frozen=True, slots=True)
class Ignored:
    """The tag is none of the registry's business."""

    reason: str


@dataclass(frozen=True, slots=True)
class RefusedTag:
    """The tag asks for something and does not get it. `alarm`: an accepted tag was moved, which a person should see."""

    reason: str
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    """The tag may still come to count; it is judged again in every turn."""

    reason: str


Decision = Accepted | Ignored | RefusedTag | Waits


def accept(tag: Tag, facts: Facts, now: datetime) -> Decision:
    """Judge one observed tag. Reasons are sentences for the person who pushed it.

    Final but for `Waits`: the caller keeps the answer by (name, tag object) and never asks again.
    """
    parsed = parse_tag(tag.name)
    if parsed is None:
        return Ignored("The name is not a registry tag.")
    if parsed.action is Action.CREATE:
        return Ignored("GTO itself cannot read `@created` tags; register a version instead.")
    before = next((known for known in facts.accepted if known.name == tag.name), None)
    if before is not None:
        return Accepted(parsed) if before.tag_object == tag.tag_object else _moved(tag, before, parsed, facts)
    reason = next(_reasons(tag, parsed, facts, now), None)
    if reason is not None:
        return RefusedTag(reason)
    if not facts.protected:
        return Waits(
            f"{tag.name} waits: its commit {short(tag.target)} is not reachable from a protected branch. "
            "It counts once the commit is merged."
        )
    return Accepted(parsed)


def judge(observed: Iterable[Tag], facts: Facts, now: datetime) -> list[tuple[Tag, Decision]]:
    """Judge tags that were seen together, in the order of their dates; each accepted one is a fact for the next.

    `facts.protected` is taken for all of them: call it once for each answer to that question, the protected first.
    """
    decisions: list[tuple[Tag, Decision]] = []
    for tag in sorted(
        observed, key=lambda tag: (tag.tagged_at or datetime.max.replace(tzinfo=UTC), tag.name)
    ):
        decision = accept(tag, facts, now)
        if isinstance(decision, Accepted):
            facts = replace(facts, accepted=(*facts.accepted, tag))
        decisions.append((tag, decision))
    return decisions


def _moved(tag: Tag, before: Tag, parsed: ParsedTag, facts: Facts) -> RefusedTag:
    names = [known.name for known in facts.accepted]
    following = spell(replace(parsed, counter=next_counter(parsed.model, names)))
    what = (
        f"moved from {short(before.target)} to {short(tag.target)}"
        if before.target != tag.target
        else "made again at the same commit"
    )
    return RefusedTag(
        f"{tag.name} was {what}. An accepted tag cannot be changed: what it said before still holds. "
        f"To ask for something new, make a new tag, such as `{following}`.",
        alarm=True,
    )


def _reasons(tag: Tag, parsed: ParsedTag, facts: Facts, now: datetime) -> Iterator[str]:
    """Why the tag cannot count, the plainest reason first."""
    if not tag.annotated:
        yield f"{tag.name} is a lightweight tag, and only annotated ones count. Make it with `git tag -a`."
    elif tag.tagged_at is None:
        yield f"{tag.name} has no tagger's date, which gives tags their order. Make it again with `git tag -a -f`."
    elif tag.tagged_at > now + MAX_AHEAD:
        ahead = (tag.tagged_at - now).total_seconds()
        yield (
            f"{tag.name} is dated {_duration(ahead)} ahead of this machine's clock; at most 5 minutes are allowed. "
            "Set the clock and make it again."
        )
    if max(len(parsed.model), len(parsed.stage)) > MAX_WORD or len(parsed.version) > MAX_VERSION:
        yield f"A model's or stage's name has at most {MAX_WORD} characters, a version at most {MAX_VERSION}."
    if parsed.stage and facts.stages is not None and parsed.stage not in facts.stages:
        yield f"{parsed.stage} is not among the repository's stages ({', '.join(sorted(facts.stages)) or 'none'})."
    if parsed.version:
        yield from _ambiguity(tag, parsed, facts.accepted)


def _ambiguity(tag: Tag, parsed: ParsedTag, accepted: Sequence[Tag]) -> Iterator[str]:
    """Version and commit belong to each other one to one; GTO cannot tell anything else apart (contract 7.3, 6 and 7)."""
    for known in accepted:
        other = parse_tag(known.name)
        if other is None or other.model != parsed.model or not other.version:
            continue
        if known.target == tag.target and other.version != parsed.version:
            yield (
                f"{short(tag.target)} is already {other.version} of {parsed.model}; two versions on one commit "
                "cannot be told apart. Tag another commit."
            )
        if known.target != tag.target and other.version == parsed.version:
            advice = (
                f"To undo it, tag {short(known.target)}."
                if parsed.action is Action.DEREGISTER
                else "A version never changes: take the next number."
            )
            yield f"{parsed.version} of {parsed.model} belongs to {short(known.target)}. {advice}"


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
