"""A task item becomes a plan: the values of each execution, and by what rules they are started, judged and ended.

The plan is JSON, made once when the task is created and kept in its row, so that a restart, a retry of the ledger or a
reader of it finds the same values. Its keys:

    task, step, type    what it is: grid_search, manual_search, random_search or bayesian_tpe
    seed                what draws come from; the same commit, trigger and task give the same one
    names               the parameters that vary: the columns of its table
    sets                the values of each execution, by its place; a Bayesian task's grow with each round
    count, batch        executions in all; of one Bayesian round
    limit               how many may wait or run at once; None: all
    space, target       Bayesian: what may be chosen, and the metric with the value that is sought (None: the highest)
    on_child_error      None: what the place of the task asks for (`controller/tasks.create` fills it in)
    stop_condition, reuse
    given               all else that every execution is given: see `given_json`
    notes               sentences about fields that change nothing here
    rank                by what the best is found: {metric, goal: max | min | near, value}; None: by nothing
    ending              None while it goes on; else {state, reason, fault} to come to when every execution has ended
"""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from controller.core.given import given_json
from controller.core.plan import Given, lookup
from controller.core.tasks.variants import LIMIT, Variant, chance_of, dimension, draw, unique, values
from schemas.commands import several, values_for
from schemas.errors import ConfigError

ENGINES = ("optuna",)
_BAYESIAN = ("engine", "optimization_target_metric", "optimization_target_value", "execution_batch_size")


def plan_task(config: Any, name: str, given: Given, identity: str) -> dict[str, Any]:
    """The plan of the task item `name`; `given` overrides its parameters by name, a list as one value an execution.

    `identity` is what the seed is derived from. Raises `ConfigError`.
    """
    task = lookup(config.tasks, "task", name)
    step = lookup(config.steps, "step", task.step)
    kind = task.type.value
    if kind == "distributed":
        raise ConfigError(f"task {name} is distributed: tasks of workers that work together come later")
    if task.parameter_sets and kind != "manual_search":
        raise ConfigError(
            f"task {name} has parameter-sets and is a {kind}", hint="Sets are for `type: manual_search`."
        )
    variants = {each.name: _variant(name, step, each) for each in task.parameters}
    variants, fixed = _with_given(name, step, variants, given)
    plan = {
        **_frame(name, task.step, kind, identity, given, fixed),
        "limit": _positive(name, "maximum-queued-executions", task.maximum_queued_executions),
        "on_child_error": task.on_child_error.value if task.on_child_error else None,
        "stop_condition": task.stop_condition or None,
        "reuse": bool(task.reuse_children),
        "notes": _notes(task, kind),
    }
    if kind == "bayesian_tpe":
        plan |= _bayesian(task, step, variants, fixed, plan["limit"])
        return plan
    if kind == "random_search":
        sets = _drawn(task, variants, plan["seed"])
    elif kind == "manual_search":
        own = [{key: one for key, one in each.items() if key not in fixed} for each in task.parameter_sets]
        sets = _zipped(name, own, variants, plan["seed"])
    else:
        sets = _product(name, variants, plan["seed"])
    return plan | _listed(name, step, fixed, sets)


def plan_fan(config: Any, name: str, given: Given, identity: str) -> dict[str, Any]:
    """The plan of a step as a task: a grid over the parameters that are given several values; with none a single execution."""
    step = lookup(config.steps, "step", name)
    variants, fixed = _with_given(name, step, {}, given)
    plan = _frame(name, name, "grid_search", identity, given, fixed)
    return plan | _listed(name, step, fixed, _product(name, variants, plan["seed"]))


def example(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The values of its first execution, or for a Bayesian task some that it could have."""
    if plan["sets"]:
        return dict(plan["sets"][0])
    return {name: _ends(each)[0] for name, each in (plan["space"] or {}).items()}


def check_values(task: str, step: Any, explicit: Mapping[str, Any]) -> None:
    """Whether the step takes these values. Raises `ConfigError` that names the task."""
    try:
        values_for(step, explicit)
    except ConfigError as error:
        raise ConfigError(f"task {task}: {error.message}", error.problems, error.hint) from error


def _frame(
    name: str, step: str, kind: str, identity: str, given: Given, fixed: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "task": name,
        "step": step,
        "type": kind,
        "seed": int.from_bytes(hashlib.sha256(f"{identity}/{name}".encode()).digest()[:4]),
        "names": [],
        "sets": [],
        "count": 0,
        "batch": None,
        "limit": None,
        "space": None,
        "target": None,
        "on_child_error": None,
        "stop_condition": None,
        "reuse": False,
        "given": given_json(given, fixed),
        "notes": [],
        "rank": None,
        "ending": None,
    }


def _variant(task: str, step: Any, each: Any) -> Variant:
    rules = each.rules if isinstance(each.rules, Mapping) else {}
    return Variant(task, each.name, each.style.value, rules, _whole(step, each.name))


def _whole(step: Any, name: str) -> bool:
    return name in step.parameters and step.parameters[name].type == "integer"


def _with_given(
    task: str, step: Any, variants: dict[str, Variant], given: Given
) -> tuple[dict[str, Variant], dict[str, Any]]:
    """What varies and what does not, once the values from outside are in (`schemas.commands.several`)."""
    fixed: dict[str, Any] = {}
    for name, value in given.parameters.items():
        parameter = step.parameters.get(name)
        items = several(parameter, value) if parameter is not None else None
        if items is None and name in variants and value is not None:
            items = [value]
        if items is None:
            fixed[name] = value
            variants = {key: variant for key, variant in variants.items() if key != name}
        else:
            made = Variant(task, name, "multiple", {"items": items}, _whole(step, name))
            variants = {**variants, name: made}
    return variants, fixed


def _product(task: str, variants: Mapping[str, Variant], seed: int) -> list[dict[str, Any]]:
    """Every combination, the last parameter fastest."""
    columns = {name: unique(values(variant, str(seed))) for name, variant in variants.items()}
    _few(task, math.prod(len(column) for column in columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in itertools.product(*columns.values())]


def _zipped(
    task: str, sets: Sequence[Mapping[str, Any]], variants: Mapping[str, Variant], seed: int
) -> list[dict[str, Any]]:
    """One execution a set, or a position; what has one value only repeats it."""
    columns = {name: values(variant, str(seed)) for name, variant in variants.items()}
    lengths = {name: len(column) for name, column in columns.items() if len(column) > 1}
    count = len(sets) or max(lengths.values(), default=1)
    _few(task, count)
    uneven = [f"{name} has {length}" for name, length in lengths.items() if length != count]
    if uneven:
        raise ConfigError(
            f"task {task} is a manual search of {count} executions, but {', '.join(uneven)} values",
            hint="Values belong together by their position; a single one is repeated.",
        )
    return [
        {
            **(sets[place] if sets else {}),
            **{name: column[place if len(column) > 1 else 0] for name, column in columns.items()},
        }
        for place in range(count)
    ]


def _drawn(task: Any, variants: Mapping[str, Variant], seed: int) -> list[dict[str, Any]]:
    count = _total(task)
    chances = {name: chance_of(variant, str(seed)) for name, variant in variants.items()}
    return [{name: draw(variant, chances[name]) for name, variant in variants.items()} for _ in range(count)]


def _listed(task: str, step: Any, fixed: Mapping[str, Any], sets: list[dict[str, Any]]) -> dict[str, Any]:
    """The part of a plan whose sets are all known, each checked against the step's parameters."""
    for each in sets:
        check_values(task, step, {**fixed, **each})
    names = list(dict.fromkeys(name for each in sets for name in each))
    varied = [name for name in names if len(unique([each.get(name) for each in sets])) > 1]
    return {"sets": sets, "count": len(sets), "names": varied}


def _bayesian(
    task: Any, step: Any, variants: Mapping[str, Variant], fixed: Mapping[str, Any], limit: int | None
) -> dict[str, Any]:
    engine = str(task.engine or "optuna").lower()
    if engine not in ENGINES:
        hint = "Write `engine: optuna`, or leave it out: it searches in the same way (TPE)."
        raise ConfigError(f"task {task.name} asks for the engine {task.engine}, which is not here", hint=hint)
    if not task.optimization_target_metric:
        raise ConfigError(f"task {task.name} is Bayesian and needs optimization-target-metric")
    count = _total(task)
    space = {name: dimension(variant) for name, variant in variants.items()}
    first = {name: _ends(each)[0] for name, each in space.items()}
    for name, each in space.items():
        for value in _ends(each):
            check_values(task.name, step, {**fixed, **first, name: value})
    batch = _positive(task.name, "execution-batch-size", task.execution_batch_size)
    target, value = task.optimization_target_metric, task.optimization_target_value
    return {
        "count": count,
        "batch": min(batch or limit or 1, count),
        "space": space,
        "names": [name for name, each in space.items() if each["kind"] != "choice" or len(each["items"]) > 1],
        "target": {"metric": target, "value": value},
        "rank": {"metric": target, "goal": "max" if value is None else "near", "value": value},
    }


def _ends(each: Mapping[str, Any]) -> list[Any]:
    """The values of a choice, or the two ends of a range: when the step takes those, it takes what lies between."""
    return list(each["items"]) if each["kind"] == "choice" else [each["low"], each["high"]]


def _total(task: Any) -> int:
    count = _positive(task.name, "execution-count", task.execution_count)
    if count is None:
        raise ConfigError(f"task {task.name} is a {task.type.value} and needs execution-count")
    return _few(task.name, count)


def _positive(task: str, field: str, value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ConfigError(f"task {task}: {field} is at least 1, and not {value}")
    return value


def _few(task: str, count: int) -> int:
    if count > LIMIT:
        raise ConfigError(
            f"task {task} would have {count:,} executions", hint=f"A task has at most {LIMIT:,}."
        )
    return count


def _notes(task: Any, kind: str) -> list[str]:
    """Fields that this type of task does not look at."""
    ignored = [] if kind == "bayesian_tpe" else [key for key in _BAYESIAN if getattr(task, key) is not None]
    if kind in ("grid_search", "manual_search") and task.execution_count is not None:
        ignored.append("execution_count")
    return [f"`{key.replace('_', '-')}` is ignored: a {kind} does not use it" for key in ignored]
