"""What a trigger runs: the target exists, and the values that it gives fit the parameters and inputs there."""

from collections.abc import Iterator
from typing import Any

from valohai_yaml.objs import Step

from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items
from schemas.checks.ours import texts
from schemas.checks.pipelines import Graph, Node, graph_of
from schemas.checks.sources import names_something
from schemas.commands import checked, several
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
    if items.lacks(target.kind, target.name):
        hint = findings.nearest(target.name, items.names(target.kind), f"This file has no {target.kind}.")
        findings.error((*path, target.kind), f"no {target.kind} is called `{clip(target.name, 60)}`", hint)
        return
    if wanted is None or not wanted.sound:
        return
    if target.kind == "pipeline":
        _check_pipeline(item, wanted, target, items, findings)
        return
    name = target.name if target.kind == "step" else wanted.official.step
    step = items.official("step", name)
    if isinstance(step, Step):
        _check_step(step, target, path, findings)
        varied = varies(wanted.data) if target.kind == "task" else set()
        if item.whole("run"):
            _check_complete(step, target, varied, path, findings)


def _check_step(step: Step, target: Target, path: Path, findings: Findings) -> None:
    for name, value in target.parameters.items():
        where = (*path, "parameters", name)
        if name not in step.parameters:
            hint = findings.nearest(name, step.parameters)
            findings.error(where, f"step `{step.name}` has no parameter `{clip(name, 60)}`", hint, key=True)
        elif value is not None:
            _check_value(step.parameters[name], value, target.kind == "task", where, findings)
    for name in target.inputs:
        if name not in step.inputs:
            hint = findings.nearest(name, step.inputs)
            where = (*path, "inputs", name)
            findings.error(where, f"step `{step.name}` has no input `{clip(name, 60)}`", hint, key=True)


def _check_value(parameter: Any, value: Any, is_task: bool, path: Path, findings: Findings) -> bool:
    """Whether the parameter takes what it is given; of a task each of several values, where that is what a list means."""
    try:
        values = several(parameter, value) if is_task else None
    except ConfigError as error:
        findings.error(path, error.message)
        return False
    places = [(path, value)] if values is None else [((*path, i), one) for i, one in enumerate(values)]
    for where, one in places:
        try:
            checked(parameter, one)
        except ConfigError as error:
            findings.error(where, error.message)
            return False
    return True


def _check_complete(step: Step, target: Target, varied: set[str], path: Path, findings: Findings) -> None:
    """What an execution would be refused for: required parameters and inputs that nobody gives a value."""
    taken = {name for name, value in target.parameters.items() if value is None}
    given = (set(target.parameters) | varied) - taken
    for kind, name in missing(step, given, taken, dict(target.inputs)):
        message = f"{kind} `{clip(name, 60)}` of step `{step.name}` has no value"
        hint = f"Give one here under `{kind}s`, or a default in the step, or make it optional there."
        findings.error((*path, target.kind), message, hint)


def missing(
    step: Step, given: set[str], taken: set[str], inputs: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    """Required parameters and inputs of a step without a value: (kind, name).

    `given`: parameters with a value from elsewhere; `taken`: those whose default was taken away; `inputs`: addresses by name.
    """
    for name, parameter in step.parameters.items():
        default = None if name in taken else parameter.default
        if not parameter.optional and name not in given and default is None:
            yield "parameter", name
    for name, one in step.inputs.items():
        if not one.optional and not any(map(names_something, inputs.get(name, texts(one.default)))):
            yield "input", name


def varies(task: dict[str, Any]) -> set[str]:
    """The parameters that every execution of a task is given."""
    names = {parameter["name"] for parameter in task.get("parameters", ())}
    sets = [set(values) for values in task.get("parameter-sets", ())]
    return names | (set.intersection(*sets) if sets else set())


def _check_pipeline(item: Item, wanted: Item, target: Target, items: Items, findings: Findings) -> None:
    path = (*item.path, "run")
    known = {parameter.name: parameter.targets for parameter in wanted.official.parameters}
    graph = graph_of(wanted, items)
    for name, value in target.parameters.items():
        where = (*path, "parameters", name)
        if name not in known:
            hint = findings.nearest(name, sorted(known), "The pipeline declares no parameters.")
            findings.error(
                where, f"pipeline `{target.name}` has no parameter `{clip(name, 60)}`", hint, key=True
            )
        elif not _plain(value):
            findings.error(where, "a value must be text, a number, true or false, or a list of these")
        else:
            _check_aims(value, known[name], graph, where, findings)
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
    for node in graph.nodes.values() if item.whole("run") else ():
        if node.step is not None:
            _check_node(node, node.step, wanted, target, path, items, findings)


def _check_node(
    node: Node, step: Step, wanted: Item, target: Target, path: Path, items: Items, findings: Findings
) -> None:
    """What a node would be refused for when its turn comes, hours into the run."""
    fed = {
        kind: {
            edge.target_key
            for edge in wanted.official.edges
            if (edge.target_node, edge.target_type) == (node.name, kind)
        }
        for kind in ("parameter", "input")
    }
    override = node.data.get("override") or {}
    values = {one["name"]: one.get("default") for one in override.get("parameters", ())}
    values |= _from_pipeline(node.name, wanted, target)
    given = {name for name, value in values.items() if value is not None} | fed["parameter"]
    task = items.find("task", node.data.get("task"))
    given |= varies(task.data) if task is not None else set()
    inputs = {one["name"]: texts(one.get("default")) for one in override.get("inputs", ())}
    own = f"{node.name}."
    inputs |= {name.removeprefix(own): uris for name, uris in target.inputs.items() if name.startswith(own)}
    inputs |= dict.fromkeys(fed["input"], ("an edge",))
    for kind, name in missing(step, given, set(values) - given, inputs):
        message = f"{kind} `{clip(name, 60)}` of node `{clip(node.name, 60)}` has no value"
        hint = f"Give it an edge, or a default in step `{clip(step.name, 60)}`, or make it optional there."
        findings.error((*path, "pipeline"), message, hint)


def _from_pipeline(node: str, wanted: Item, target: Target) -> dict[str, Any]:
    """The values that the pipeline's parameters give to a node; an empty text counts as none."""
    values: dict[str, Any] = {}
    for parameter in wanted.official.parameters:
        value = target.parameters.get(parameter.name, parameter.default)
        for aim in parameter.targets:
            name, _, rest = aim.partition(".")
            if name == node and value not in (None, ""):
                values[rest.partition(".")[2]] = value
    return values


def _check_aims(value: Any, targets: list[str], graph: Graph, path: Path, findings: Findings) -> None:
    """The value of a pipeline's parameter fits the parameters of nodes that it is for. An edge there is stronger than it."""
    if value is None or value == "":
        return
    fed = {edge.target for edge in graph.item.official.edges}
    aims = [target.replace(".parameters.", ".parameter.", 1) for target in targets]
    for aim in aims:
        name, _, key = aim.partition(".parameter.")
        node = graph.nodes.get(name)
        if aim in fed or node is None or node.step is None or key not in node.step.parameters:
            continue
        if not _check_value(node.step.parameters[key], value, node.type == "task", path, findings):
            return


def _plain(value: Any) -> bool:
    """Whether some parameter could take it. Lists of lists are for tasks."""
    if isinstance(value, list):
        return all(_plain(one) for one in value)
    return value is None or isinstance(value, str | int | float)
