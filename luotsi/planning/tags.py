"""The registry tags that a person asks about, with all that their clone knows of the registry, and what becomes of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from controller.core.foresee import Foreseen
from controller.core.foresee_tags import Registry, TagForeseen
from controller.core.serving.tags import Tag, parse_tag
from controller.core.triggers import Answer
from controller.git.commits import TagInfo
from controller.git.local import LocalRepository
from luotsi.terminal import Words, line, padded, styled, widest
from schemas import moments
from schemas.repo_config import RepoConfig
from schemas.values import Sha

LOOKS = {
    "accepted": ("▶", "green", ""),
    "waits": ("◔", "yellow", ""),
    "ignored": ("–", "white", "ignored: "),
    "refused": ("▲", "yellow", "refused: "),
    "nothing": ("▲", "yellow", "counts, and does nothing: "),
}
"""Answer -> its shape, colour and first words."""
INDENT = 20
OPEN = "As far as this clone's tags tell. Whether a run made the model, and what has served, only the installation knows."


def of_clone(
    repository: LocalRepository, head: Sha, name: str, main: Sha | None
) -> tuple[list[Tag], list[Tag], frozenset[str]]:
    """The asked tags, the others, and the commits among theirs that the default branch's head `main` contains.

    `name`: a tag that is there or is to be made at `head`; empty for all that are at `head`.
    """
    there = [_tag(repository, one) for one in repository.tags() if parse_tag(one.name)]
    asked = [tag for tag in there if tag.target == head and name in ("", tag.name)]
    if name and not asked and parse_tag(name):
        when = moments.now().replace(microsecond=0)
        asked = [
            Tag(
                name,
                "",
                head,
                annotated=True,
                tagged_at=when,
                committed_at=repository.commit(head).committed_at,
            )
        ]
    known = [tag for tag in there if tag not in asked] if asked else []
    targets = {tag.target for tag in (*asked, *known)}
    protected = frozenset(
        target
        for target in targets
        if main is not None and (target == main or repository.merge_base(main, Sha(target)) == target)
    )
    return asked, known, protected


def _tag(repository: LocalRepository, tag: TagInfo) -> Tag:
    made = repository.commit(tag.target).committed_at
    return Tag(
        tag.name, tag.tag_object, tag.target, tag.annotated, tag.tagged_at, tag.tagger, tag.message, made
    )


def folders(asked: Sequence[Tag]) -> set[str]:
    """The folders that the tags' models name: `models/eu` of `models/eu:churn`."""
    parsed = (parse_tag(tag.name) for tag in asked)
    return {one.model.rpartition(":")[0] for one in parsed if one is not None} - {""}


def registry(
    found: tuple[list[Tag], list[Tag], frozenset[str]],
    configs: Mapping[str, RepoConfig],
    main: Mapping[str, RepoConfig],
    clusters: tuple[str, ...] | None,
) -> Registry:
    """All of it as one value."""
    asked, known, protected = found
    return Registry(tuple(asked), tuple(known), protected, configs, main, clusters)


def in_words(found: Sequence[TagForeseen]) -> Iterator[tuple[Words, int]]:
    """A line for each tag, then what belongs to it; each with the indent for what has to be broken off."""
    width = widest(one.tag for one in found)
    for one in found:
        shape, colour, begin = LOOKS[one.answer]
        name = padded(styled(one.tag, "bold"), width)
        said = line(styled(shape, f"bold {colour}"), " ", name, f"  {begin}{one.reason}")
        yield said, min(width + 4, INDENT)
        for label, text in one.facts:
            yield line("       ", styled(f"{label:<12}", "dim"), f" {text}"), INDENT
    if any(one.answer == "accepted" for one in found):
        yield styled(f"  {OPEN}", "dim"), 2


def as_json(found: Sequence[TagForeseen]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {key: asdict(one)[key] for key in ("tag", "model", "line", "answer", "reason")}
        | {"facts": [{"label": label, "text": text} for label, text in one.facts]}
        for one in found
    ]


def drawn(found: Sequence[TagForeseen]) -> list[Foreseen]:
    """As what the graphs draw: what makes the version, and where it serves."""
    return [
        Foreseen(one.tag, one.line, Answer.FIRES, one.reason, ("model", one.model), one.works)
        for one in found
        if one.works
    ]
