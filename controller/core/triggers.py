"""Which runs an event asks for, and for every trigger that it does not start, the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from pathspec import GitIgnoreSpec

from controller.core.events import Push
from schemas.repo_config import Trigger

SKIP_WORDS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip luotsi]")


class Answer(StrEnum):
    """What a trigger says to an event."""

    FIRES = "fires"
    SKIPPED = "skipped"  # declared for this event, held back: ends neutral with the reason
    SILENT = "silent"  # not declared for this kind of event or branch: no check at all


@dataclass(frozen=True, slots=True)
class Decision:
    """One trigger's answer to one event, with the sentence that a person reads."""

    trigger: Trigger
    answer: Answer
    reason: str = ""


def on_push(
    triggers: Iterable[Trigger], push: Push, message: str, changed: frozenset[str] | None
) -> list[Decision]:
    """Answer for every trigger. `changed` are the paths between the old and the new head; None: not known, so all."""
    return [_on_push(trigger, push, message, changed) for trigger in triggers]


def watches(trigger: Trigger, branch: str) -> bool:
    """Whether a push to this branch is an event that the trigger names."""
    rule = trigger.when.push
    return rule is not None and any(fnmatchcase(branch, pattern) for pattern in rule.branches)


def _on_push(trigger: Trigger, push: Push, message: str, changed: frozenset[str] | None) -> Decision:
    if not watches(trigger, push.branch):
        return Decision(trigger, Answer.SILENT, f"not declared for pushes to {push.branch}")
    word = next((word for word in SKIP_WORDS if word in message.lower()), None)
    if word is not None:
        return Decision(trigger, Answer.SKIPPED, f"skipped by {word} in the commit message")
    if trigger.paths and changed is not None and not affected(trigger.paths, changed):
        return Decision(
            trigger, Answer.SKIPPED, f"not affected: nothing under {', '.join(trigger.paths)} changed"
        )
    return Decision(trigger, Answer.FIRES)


def affected(patterns: Iterable[str], changed: Iterable[str]) -> bool:
    """Whether any path matches the gitignore-style patterns (a later `!pattern` takes back)."""
    spec = GitIgnoreSpec.from_lines(patterns)
    return any(spec.match_file(path) for path in changed)
