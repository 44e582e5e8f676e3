"""Triggers: their name, events and groups; and the `Trigger` that a sound one becomes."""

import re
from dataclasses import replace
from typing import Any

from schemas.checks.amounts import check_amounts
from schemas.checks.expects import check_expectations
from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import Item, Items
from schemas.checks.ours import check_patterns, texts
from schemas.checks.schedules import cron_problem, timezone_problem
from schemas.checks.targets import check_target, target_of
from schemas.repo_config import Concurrency, PushRule, ScheduleRule, Trigger, When
from schemas.yaml_marks import Path

RESERVED = "config"
"""`luotsi/config` is the verdict on the file itself."""
GROUP_WORDS = ("trigger", "ref", "pull-request")


def read_triggers(items: Items, findings: Findings) -> tuple[Trigger, ...]:
    """All triggers that are sound and build on sound items only, in the order of the file."""
    triggers = []
    for item in items.of("trigger"):
        if not item.readable:
            continue
        _check_name(item, findings)
        _check_when(item.data["when"], (*item.path, "when"), findings)
        for key in ("paths", "reads"):
            check_patterns(item.data.get(key), (*item.path, key), findings)
        _check_group(item, findings)
        trigger = _trigger(item, findings)
        check_target(item, trigger.target, items, findings)
        check_amounts(item, trigger.target, items, findings)
        expect = check_expectations(item, trigger.target, items, findings)
        if not any(one.index in findings.broken for one in (item, *items.needed(item))):
            triggers.append(replace(trigger, expect=expect))
    return tuple(triggers)


def _check_name(item: Item, findings: Findings) -> None:
    path = (*item.path, "name")
    if not re.fullmatch("[a-z0-9-]+", item.name):
        hint = "Lower-case letters, digits and dashes."
        findings.error(path, f"a trigger cannot be called `{clip(item.name, 60)}`", hint)
    if item.name == RESERVED:
        hint = f"`luotsi/{RESERVED}` is the verdict on this file; call it something else."
        findings.error(path, f"a trigger cannot be called `{RESERVED}`", hint)


def _check_when(when: dict[str, Any], path: Path, findings: Findings) -> None:
    for event, key in (("push", "branches"), ("pull-request", "targets"), ("tag", "names")):
        check_patterns((when.get(event) or {}).get(key), (*path, event, key), findings)
    schedule = when.get("schedule")
    if schedule:
        wrong = cron_problem(schedule["cron"])
        if wrong:
            findings.error(
                (*path, "schedule", "cron"), wrong, "For example `0 3 * * *`: every night at three."
            )
        wrong = timezone_problem(schedule.get("timezone", "UTC"))
        if wrong:
            hint = "A name of the tz database, for example `Europe/Helsinki`."
            findings.error((*path, "schedule", "timezone"), wrong, hint)


def _check_group(item: Item, findings: Findings) -> None:
    group = (item.data.get("concurrency") or {}).get("group", "")
    for word in re.findall(r"\{([^{}]*)\}", group):
        if word not in GROUP_WORDS:
            hint = f"Known here: {listing(f'{{{known}}}' for known in GROUP_WORDS)}."
            path = (*item.path, "concurrency", "group")
            findings.error(path, f"`{{{clip(word, 40)}}}` has no meaning in a group", hint)


def _trigger(item: Item, findings: Findings) -> Trigger:
    """The values; `expect` is filled in when its texts have been parsed."""
    data = item.data
    concurrency = data.get("concurrency")
    return Trigger(
        name=item.name,
        when=_when(data["when"]),
        target=target_of(data["run"]),
        paths=texts(data.get("paths")),
        concurrency=Concurrency(concurrency["group"], concurrency.get("replace", "queued"))
        if concurrency
        else None,
        reuse=data.get("reuse", False),
        reads=texts(data.get("reads")),
        base_required=data.get("base") == "required",
        required=data.get("required", True),
        every_commit=data.get("commits") == "each",
        line=findings.marks.key(item.path).line,
    )


def _when(when: dict[str, Any]) -> When:
    """An event without patterns means all branches, targets or tags."""
    schedule = when.get("schedule")
    return When(
        push=PushRule(_patterns(when, "push", "branches")) if "push" in when else None,
        pull_request_targets=_patterns(when, "pull-request", "targets") if "pull-request" in when else None,
        tag_names=_patterns(when, "tag", "names") if "tag" in when else None,
        schedule=ScheduleRule(**schedule) if schedule else None,
        comment=when.get("comment"),
    )


def _patterns(when: dict[str, Any], event: str, key: str) -> tuple[str, ...]:
    return texts((when[event] or {}).get(key)) or ("*",)
