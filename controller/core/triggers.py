"""Which runs an event asks for, and for every trigger that it does not start, the reason.

Path filters hold for pushes and pull requests, skip words too; tags, schedules and comments are asked for by name.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from pathspec import GitIgnoreSpec

from controller.core import spoken
from controller.core.events import Comment, PullRequest, Push, Tagged
from schemas.repo_config import Trigger
from schemas.values import short

SKIP_WORDS = (
    "[skip ci]",
    "[ci skip]",
    "[no ci]",
    "[skip actions]",
    "[actions skip]",
    "[skip luotsi]",
    "[luotsi skip]",
)

FORK = "waits for approval: the commit comes from a fork, and nothing of it runs by itself"
UNTRUSTED = "untrusted: not run before somebody approves the commit"


class Answer(StrEnum):
    """What a trigger says to an event."""

    FIRES = "fires"
    SKIPPED = "skipped"  # declared for this event, held back: ends neutral with the reason
    SILENT = "silent"  # not declared for this kind of event or branch: no check at all


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file of a pull request's base says of a trigger, and the head's no longer does (`base_file`).

    `asks`: the base's trigger starts the run, the head's does not. `expect`: expectations that are judged all the same, with
    the base's word on whether they need an earlier run. `required`: a failure fails the check, as the base has it.
    `ran`: kind and name of what the base's trigger runs, as `step train`; "" where the head's runs the same.
    """

    branch: str
    commit: str
    asks: bool = False
    expect: tuple[str, ...] = ()
    base_required: bool = False
    required: bool = False
    ran: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One trigger's answer to one event, with the sentence that a person reads."""

    trigger: Trigger
    answer: Answer
    reason: str = ""
    kept: Kept | None = None


def on_push(
    triggers: Iterable[Trigger], push: Push, message: str, changed: frozenset[str] | None
) -> list[Decision]:
    """Answer for every trigger. `changed` are the paths between the old and the new head; None: not known, so all."""
    return [_on_push(trigger, push, message, changed) for trigger in triggers]


def on_between(
    triggers: Iterable[Trigger], push: Push, message: str, changed: frozenset[str] | None
) -> list[Decision]:
    """Answers at one of the commits before a push's head: superseded, where the trigger does not want each of them.

    The path filter is the push's own, decided once for all of it; skip words are those of the commit's message.
    """
    decisions = on_push(triggers, push, message, changed)
    return [
        decision if _runs_each(decision) else _superseded(decision.trigger, push) for decision in decisions
    ]


def _runs_each(decision: Decision) -> bool:
    return decision.answer is Answer.SILENT or decision.trigger.every_commit


def _superseded(trigger: Trigger, push: Push) -> Decision:
    return Decision(trigger, Answer.SKIPPED, f"superseded by {short(push.head)}")


def on_pull_request(
    triggers: Iterable[Trigger],
    pull_request: PullRequest,
    message: str,
    changed: frozenset[str] | None,
    approved: bool = False,
) -> list[Decision]:
    """Answer for every trigger. `changed` are the paths between the merge base and the head; None: not known, so all.

    `approved`: an approval of the head stands, so that it may run although it is not trusted.
    """
    return [_on_pull_request(trigger, pull_request, message, changed, approved) for trigger in triggers]


def on_tag(triggers: Iterable[Trigger], tag: Tagged) -> list[Decision]:
    """Answer for every trigger."""
    return [_on_tag(trigger, tag) for trigger in triggers]


def on_comment(
    triggers: Iterable[Trigger], comment: Comment, trust: str = "trusted", approved: bool = False
) -> list[Decision]:
    """Answer for every trigger. `trust` is the pull request's, `approved` whether an approval of its head stands.

    What somebody writes who may not write starts nothing.
    """
    return [_on_comment(trigger, comment, trust == "trusted" or approved) for trigger in triggers]


def watches(trigger: Trigger, branch: str) -> bool:
    """Whether a push to this branch is an event that the trigger names."""
    rule = trigger.when.push
    return rule is not None and _any(branch, rule.branches)


def _on_push(trigger: Trigger, push: Push, message: str, changed: frozenset[str] | None) -> Decision:
    if not watches(trigger, push.branch):
        return Decision(trigger, Answer.SILENT, f"not declared for pushes to {push.branch}")
    return _held_back(trigger, message, changed) or Decision(trigger, Answer.FIRES)


def _on_pull_request(
    trigger: Trigger, event: PullRequest, message: str, changed: frozenset[str] | None, approved: bool
) -> Decision:
    targets = trigger.when.pull_request_targets
    if targets is None or not _any(event.target, targets):
        return Decision(trigger, Answer.SILENT, f"not declared for pull requests to {event.target}")
    if event.trust != "trusted" and not approved:
        return Decision(trigger, Answer.SKIPPED, FORK if event.fork else UNTRUSTED)
    return _held_back(trigger, message, changed) or Decision(trigger, Answer.FIRES)


def _held_back(trigger: Trigger, message: str, changed: frozenset[str] | None) -> Decision | None:
    word = next((word for word in SKIP_WORDS if word in message.lower()), None)
    if word is not None:
        return Decision(trigger, Answer.SKIPPED, f"skipped by {word} in the commit message")
    if trigger.paths and changed is not None and not affected(trigger.paths, changed):
        reason = f"not affected: nothing under {', '.join(trigger.paths)} changed"
        return Decision(trigger, Answer.SKIPPED, reason)
    return None


def _on_tag(trigger: Trigger, tag: Tagged) -> Decision:
    names = trigger.when.tag_names
    if names is None or not _any(tag.name, names):
        return Decision(trigger, Answer.SILENT, f"not declared for the tag {tag.name}")
    return Decision(trigger, Answer.FIRES)


def _on_comment(trigger: Trigger, comment: Comment, may_run: bool) -> Decision:
    command = trigger.when.comment
    if command is None or not commands(comment.text, command):
        return Decision(trigger, Answer.SILENT, "not declared for this comment")
    if not comment.may_write:
        return Decision(trigger, Answer.SILENT, f"{comment.author} may not write to the repository")
    if not may_run:
        return Decision(trigger, Answer.SKIPPED, UNTRUSTED)
    return Decision(trigger, Answer.FIRES)


def commands(text: str, command: str) -> bool:
    """Whether any spoken line begins with exactly this command: the end of the line or a space comes after it."""
    return any(line.split(maxsplit=1)[:1] == [command] for line in spoken.lines(text) if line.startswith("/"))


def affected(patterns: Iterable[str], changed: Iterable[str]) -> bool:
    """Whether any path matches the gitignore-style patterns (a later `!pattern` takes back)."""
    spec = GitIgnoreSpec.from_lines(patterns)
    return any(spec.match_file(path) for path in changed)


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def rule(trigger: Trigger, kept: Kept | None = None) -> dict[str, Any]:
    """What a trigger said when it fired, as JSON: the run keeps it, whatever becomes of the file.

    `kept`: a list, since pull requests to several branches share the run of a commit.
    """
    target, group = trigger.target, trigger.concurrency
    base = {} if kept is None else {"kept": [{**asdict(kept), "expect": list(kept.expect)}]}
    return base | {
        "target": {
            "kind": target.kind,
            "name": target.name,
            "parameters": _plain(target.parameters),
            "inputs": {name: list(uris) for name, uris in target.inputs.items()},
            "environment": target.environment,
        },
        "expect": [expectation.text for expectation in trigger.expect],
        "required": trigger.required,
        "concurrency": None if group is None else {"group": group.group, "replace": group.replace},
    }


def _plain(value: Any) -> Any:
    """As JSON can hold it: what YAML reads as a date, or a number that is none, becomes text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
