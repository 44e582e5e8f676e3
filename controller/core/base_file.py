"""What a pull request is held to by the file of the branch that it goes to, whatever its own file says.

The file at the merge base counts together with the commit's: a trigger that the base's would start runs, and what the base
expects is judged, also where the commit takes it away. Otherwise anybody could lower a gate in the very change that does not
hold it. What the commit's code does and prints is its own: nothing here looks at it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controller.core import triggers
from controller.core.events import PullRequest
from controller.core.gate import asked_node
from controller.core.grants import listed
from controller.core.triggers import Answer, Decision, Kept
from schemas.checks.expects import without_node
from schemas.errors import ConfigError
from schemas.expectations import evaluate, parse_expectation
from schemas.repo_config import Expectation, Target, Trigger

_SHIFTED = re.compile(r"(?P<root>base(?:\.[A-Za-z0-9_.]+)?)(?:\s*(?P<sign>[-+])\s*(?P<number>[0-9.eE]+))?")
_UP, _DOWN = (">=", ">"), ("<=", "<")


def on_pull_request(
    head: Iterable[Trigger],
    base: Iterable[Trigger],
    commit: str,
    event: PullRequest,
    message: str,
    changed: frozenset[str] | None,
    approved: bool = False,
) -> list[Decision]:
    """Answer for every trigger of the head. `base`: those at `commit`, the merge base; the rest as in `triggers`.

    One that either file starts runs. One that the base's file leaves out, and the head's does not start, ends at once, of a
    fork too: that is not the fork's word.
    """
    before = {trigger.name: trigger for trigger in base}

    def answer(trigger: Trigger, message: str, approved: bool) -> Decision:
        return triggers.on_pull_request([trigger], event, message, changed, approved)[0]

    def together(trigger: Trigger) -> Decision:
        own = answer(trigger, message, approved)
        other = before.get(trigger.name)
        if other is None:
            return own
        # Of a commit that waits for approval its own message skips nothing.
        skips = message if approved or event.trust == "trusted" else ""
        there = answer(other, skips, True)
        asks = False
        if answer(trigger, skips, True).answer is Answer.FIRES or there.answer is Answer.SILENT:
            decision = own
        elif there.answer is Answer.SKIPPED:
            return replace(there, trigger=trigger)
        else:
            asks, decision = True, replace(answer(other, message, approved), trigger=trigger)
        if asks and decision.answer is Answer.FIRES:
            decision = replace(decision, reason=f"{event.target} asks for it, which this change takes away")
        return replace(decision, kept=_kept(trigger, other, event.target, commit, asks))

    return [together(trigger) for trigger in head]


def held_to(
    decisions: Iterable[Decision], base: Iterable[Trigger], branch: str, commit: str
) -> list[Decision]:
    """Decisions on what a person asked for by a comment: they are judged by the base's expectations too."""
    before = {trigger.name: trigger for trigger in base}
    return [
        replace(one, kept=_kept(one.trigger, before[one.trigger.name], branch, commit, asks=False))
        if one.trigger.name in before
        else one
        for one in decisions
    ]


def _kept(head: Trigger, base: Trigger, branch: str, commit: str, asks: bool) -> Kept | None:
    found = Kept(
        branch,
        commit,
        asks,
        tuple(each.text for each in taken_away(head, base)),
        base.base_required,
        base.required and not head.required,
        "" if _runs(head.target) == _runs(base.target) else _runs(base.target),
    )
    return found if found.asks or found.expect or found.required or found.ran else None


def _runs(target: Target) -> str:
    return f"{target.kind} {target.name}"


def taken_away(head: Trigger, base: Trigger) -> list[Expectation]:
    """What the base's trigger expects, and nothing equal or stricter is expected by the head's.

    Nothing where the base's failed gate would pass as neutral, and the head's would not.
    """
    if head.required and not base.required:
        return []

    def stays(each: Expectation) -> bool:
        needs_base = "base" in each.expression
        if needs_base and base.base_required and not head.base_required:
            return False
        return any(_implies(mine, each) for mine in head.expect)

    return [each for each in base.expect if not stays(each)]


def _implies(mine: Expectation, theirs: Expectation) -> bool:
    """Whether `theirs` surely holds where `mine` does: the same, or by another number only. False where that is not plain."""
    if mine.metric != theirs.metric or not _same_node(mine, theirs):
        return False
    if (mine.operator, mine.expression) == (theirs.operator, theirs.expression):
        return True
    here, there = _shifted(mine.expression), _shifted(theirs.expression)
    if here is None or there is None or here[0] != there[0]:
        return False
    more = here[1] - there[1]
    for same, direction in ((_UP, 1), (_DOWN, -1)):
        if mine.operator in same and theirs.operator in same:
            strict = theirs.operator == same[1] and mine.operator == same[0]
            return more * direction > 0 or (more == 0 and not strict)
    return False


def _same_node(mine: Expectation, theirs: Expectation) -> bool:
    """Two that name no node are both about the final one, whatever runs in each file, and however it is called there."""
    named, meant = asked_node(mine), asked_node(theirs)
    return named == meant or (meant is None and mine.node == theirs.node)


def _shifted(expression: str) -> tuple[str, float] | None:
    """`base - 0.01` as ("base", -0.01), `0.9` as ("", 0.9); None for anything else."""
    try:
        if "base" not in expression:
            return "", evaluate(expression, "", {})
        found = _SHIFTED.fullmatch(expression.strip())
        if found is None:
            return None
        return found["root"], float(f"{found['sign'] or ''}{found['number'] or 0}")
    except (ConfigError, ValueError, ArithmeticError):
        return None


def of_rule(rule: Mapping[str, Any]) -> tuple[Kept, ...]:
    """What a run is held to, as its rule keeps it: one for each branch whose pull request asked."""
    return tuple(
        Kept(
            str(each["branch"]),
            str(each["commit"]),
            bool(each["asks"]),
            tuple(each["expect"]),
            bool(each["base_required"]),
            bool(each["required"]),
            str(each.get("ran", "")),
        )
        for each in rule.get("kept", ())
    )


def expectations(kept: Kept, target: Target) -> list[Expectation]:
    """What is expected all the same, as what the base's trigger runs has it read. `target`: that of the commit's own."""
    kind, _, name = (kept.ran or _runs(target)).partition(" ")
    read = map(parse_expectation, kept.expect)
    return list(read) if kind == "pipeline" else [without_node(each, name) for each in read]


def words(trigger: str, kept: Sequence[Kept]) -> list[str]:
    """A sentence for each branch of whose gate the commit takes something away."""
    return [_words(trigger, each) for each in kept if each.asks or each.expect or each.required]


def changes(trigger: str, rule: Mapping[str, Any]) -> list[str]:
    """`This change makes `train` run `train2` instead of `train``: once for each other thing that a base's file runs."""
    target = rule["target"]
    found = dict.fromkeys(each.ran for each in of_rule(rule) if each.ran)
    return [_changed(trigger, ran, target["kind"], target["name"]) for ran in found]


def _changed(trigger: str, ran: str, kind: str, name: str) -> str:
    was, _, other = ran.partition(" ")
    here, there = (
        (f"`{name}`", f"`{other}`") if was == kind else (f"the {kind} `{name}`", f"the {was} `{other}`")
    )
    return f"This change makes `{trigger}` run {here} instead of {there}"


def _words(trigger: str, kept: Kept) -> str:
    says = ["starts this run"] if kept.asks else []
    if kept.expect:
        needs = ["an earlier run to compare with"] if kept.base_required else []
        says.append(f"expects {listed([*(f'`{each}`' for each in kept.expect), *needs])}")
    if kept.required:
        says.append("requires that it passes")
    said = "; it ".join(says)
    return (
        f"This commit weakens the gate of `{trigger}`: `{kept.branch}` {said}. The commit's own file does not"
    )
