"""The names of registry tags, as GTO spells them (gto 1.10, `gto/constants.py`): what a name asks for, and the next name.

tag      = artifact ( "#" stage [ "!" ] | "@v" semver [ "!" ] | "@deprecated" | "@created" ) [ "#" counter ]
artifact = [ dirname "=" ] name
A colon in a model's name reads `=` in its tags: `models/eu:churn` is tagged `models/eu=churn#prod#1`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_NAME = 500
"""Characters of a tag's name that are looked at; a longer name is nobody's promotion."""

_DIRNAME = r"[a-zA-Z0-9\-_./]+"
_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9\-/_]*[a-zA-Z0-9])?"
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_SEMVER = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
_TAG = re.compile(
    rf"(?P<artifact>(?:{_DIRNAME}=)?{_NAME})"
    rf"(?:(?:#(?P<stage>{_NAME})|@(?P<version>v{_SEMVER}))(?P<undo>!?)|@(?P<word>deprecated|created))"
    r"(?:#(?P<counter>[0-9]{1,18}))?"
)


class Action(StrEnum):
    """What a tag asks for. `create` is part of the grammar, but GTO itself cannot read it; nobody makes it."""

    REGISTER = "register"
    DEREGISTER = "deregister"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    DEPRECATE = "deprecate"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ParsedTag:
    """A registry tag's name, taken apart. `version` keeps its `v`; `stage` and `version` are empty where they do not apply."""

    action: Action
    model: str
    version: str = ""
    stage: str = ""
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag as it was observed. `target` is the commit behind it, peeled; `tagged_at` the tagger's date, to the second.

    `committed_at` is the committer's date of `target`: GTO counts the commit of a version among a model's events.
    """

    name: str
    tag_object: str
    target: str
    annotated: bool
    tagged_at: datetime | None
    tagger: str = ""
    message: str = ""
    committed_at: datetime | None = None


def parse_tag(name: str) -> ParsedTag | None:
    """What the tag's name asks for, or None when it is no registry tag. `name` comes without `refs/tags/`."""
    match = _TAG.fullmatch(name) if len(name) <= MAX_NAME else None
    if match is None:
        return None
    version, stage = match["version"] or "", match["stage"] or ""
    return ParsedTag(
        action=_action(version, match["word"], undo=match["undo"] == "!"),
        model=match["artifact"].replace("=", ":"),
        version=version,
        stage=stage,
        counter=int(match["counter"]) if match["counter"] else None,
    )


def _action(version: str, word: str | None, *, undo: bool) -> Action:
    if word is not None:
        return Action.DEPRECATE if word == "deprecated" else Action.CREATE
    if version:
        return Action.DEREGISTER if undo else Action.REGISTER
    return Action.UNASSIGN if undo else Action.ASSIGN


def spell(wanted: ParsedTag) -> str:
    """The name of the tag that asks for this. The reverse of `parse_tag`."""
    rest = {
        Action.REGISTER: f"@{wanted.version}",
        Action.DEREGISTER: f"@{wanted.version}!",
        Action.ASSIGN: f"#{wanted.stage}",
        Action.UNASSIGN: f"#{wanted.stage}!",
        Action.DEPRECATE: "@deprecated",
        Action.CREATE: "@created",
    }[wanted.action]
    counter = "" if wanted.counter is None else f"#{wanted.counter}"
    return wanted.model.replace(":", "=") + rest + counter


def next_counter(model: str, names: Iterable[str]) -> int:
    """One more than the highest counter over all tags of the model, whatever they ask for, as GTO counts."""
    parsed = (parse_tag(name) for name in names)
    return 1 + max((tag.counter or 0 for tag in parsed if tag is not None and tag.model == model), default=0)


def semver_key(version: str) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
    """A sort key with the precedence of SemVer 2.0 section 11. Build metadata plays no part. Takes `v1.2.0-rc.1`."""
    core, _, pre = version.removeprefix("v").partition("+")[0].partition("-")
    major, minor, patch = (int(part) for part in core.split("."))
    parts = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in pre.split(".") if part
    )
    return (major, minor, patch), not pre, parts
