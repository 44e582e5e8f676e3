"""What a trigger runs: the target exists, and the values that it gives fit the parameters and inputs there."""

from collections.abc import Iterator
from typing import Any

from valohai_yaml.objs import Step

from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items
from schemas.checks.ours import texts
from schemas.checks.pipelines import graph_of
from schemas.commands import checked
from schemas.errors import ConfigError
from schemas.repo_config import Target
from schemas.yaml_marks import Path


def target_of(run: dict[str, Any]) -> Target:
    """The `run` of a trigger that its schema has passed."""
    kind = next(kind for kind in ("step", "pipeline", "task") if kind in run)
    return Target(
        kind=kind,
        name=run[kind],
        parameters=dict(run.get("parameters", {})),
        inputs={name: texts(addresses) for name, addresses in run.get("inputs", {}).items()},
        environment=run.get("environment"),
    )


def check_target(item: Item, target: Target, items: Items, findings: Findings) -> None:
    """An unknown target is an error here; a broken one is an error where it is broken, and nothing more is said."""
    path = (*item.path, "run")
    wanted = items.find(target.kind, target.name)
    if wanted is None:
        hint = findings.nearest(target.name, items.names(target.kind), f"This file has no {target.kind}.")
        findings.error((*path, target.kind), f"no {target.kind} is called `{clip(target.name, 60)}`", hint)
        return
    if wanted.official is None:
        return
    if target.kind == "pipeline":
        _check_pipeline(wanted, target, path, items, findings)
        return
    name = target.name if target.kind == "step" else wanted.official.step
    step = items.official("step", name)
    if isinstance(step, Step):
        _check_step(step, target, path, findings)
        if target.kind == "step":
            _check_complete(step, target, path, findings)


def _check_step(step: Step, target: Target, path: Path, findings: Findings) -> None:
    for name, value in target.parameters.items():
        where = (*path, "parameters", name)
        if name not in step.parameters:
            hint = findings.nearest(name, step.parameters)
            findings.error(where, f"step `{step.name}` has no parameter `{clip(name, 60)}`", hint, key=True)
        elif value is not None:
            _check_value(step.parameters[name], value, where, findings)
    for name in target.inputs:
        if name not in step.inputs:
            hint = findings.nearest(name, step.inputs)
            where = (*path, "inputs", name)
            findings.error(where, f"step `{step.name}` has no input `{clip(name, 60)}`", hint, key=True)


def _check_value(parameter: Any, value: Any, path: Path, findings: Findings) -> None:
    try:
        checked(parameter, value)
    except ConfigError as error:
        findings.error(path, error.message)


def _check_complete(step: Step, target: Target, path: Path, findings: Findings) -> None:
    """What an execution would be refused for: required parameters and inputs that nobody gives a value."""
    for kind, name in _missing(step, target):
        message = f"{kind} `{clip(name, 60)}` of step `{step.name}` has no value"
        hint = f"Give one here under `{kind}s`, or a default in the step, or make it optional there."
        findings.error((*path, "step"), message, hint)


def _missing(step: Step, target: Target) -> Iterator[tuple[str, str]]:
    for name, parameter in step.parameters.items():
        if not parameter.optional and target.parameters.get(name, parameter.default) is None:
            yield "parameter", name
    for name, one in step.inputs.items():
        if not one.optional and not target.inputs.get(name, texts(one.default)):
            yield "input", name


def _check_pipeline(wanted: Item, target: Target, path: Path, items: Items, findings: Findings) -> None:
    known = {parameter.name for parameter in wanted.official.parameters}
    for name, value in target.parameters.items():
        where = (*path, "parameters", name)
        if name not in known:
            hint = findings.nearest(name, sorted(known), "The pipeline declares no parameters.")
            findings.error(
                where, f"pipeline `{target.name}` has no parameter `{clip(name, 60)}`", hint, key=True
            )
        elif not _plain(value):
            findings.error(where, "a value must be text, a number, true or false, or a list of these")
    graph = graph_of(wanted, items)
    for name in target.inputs:
        where = (*path, "inputs", name)
        node_name, _, input_name = name.partition(".")
        node = graph.nodes.get(node_name)
        if node is None:
            hint = f"Write `node.input`. {findings.nearest(node_name, graph.nodes)}"
            findings.error(where, f"the pipeline has no node `{clip(node_name, 60)}`", hint, key=True)
        elif node.step is not None and input_name not in node.step.inputs:
            hint = findings.nearest(input_name, node.step.inputs)
            message = f"step `{node.step.name}` has no input `{clip(input_name, 60)}`"
            findings.error(where, message, hint, key=True)


def _plain(value: Any) -> bool:
    return all(
        one is None or isinstance(one, str | int | float)
        for one in (value if isinstance(value, list) else [value])
    )
