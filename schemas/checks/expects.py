"""The expectations of a trigger, parsed, and the node that each of them is about."""

import difflib
from collections.abc import Iterator
from dataclasses import replace

from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import Item, Items
from schemas.checks.ours import texts
from schemas.checks.pipelines import Graph, graph_of
from schemas.errors import ConfigError
from schemas.expectations import parse_expectation
from schemas.repo_config import Expectation, Target
from schemas.yaml_marks import Path


def check_expectations(
    item: Item, target: Target, items: Items, findings: Findings
) -> tuple[Expectation, ...]:
    """For a pipeline every result names its node, also where the text leaves it to the pipeline's one final node.

    For a step or a task none does: there a dot is part of the metric's name, except after the target's own name.
    """
    wanted = items.find(target.kind, target.name)
    graph = None
    if wanted is not None and wanted.kind == "pipeline" and wanted.sound:
        graph = graph_of(wanted, items)
    expectations = []
    for path, text in _written(item):
        try:
            expectation = parse_expectation(text)
        except ConfigError as error:
            for problem in error.problems:
                place = findings.inside(path, problem.column - 1)
                findings.fail(item.index, place, problem.message, problem.hint)
            continue
        if target.kind != "pipeline":
            _check_dotted(expectation, target, path, items, findings)
            expectations.append(without_node(expectation, target.name))
        elif graph is not None:
            expectations.append(_with_node(expectation, graph, path, findings))
    return tuple(expectations)


def _written(item: Item) -> Iterator[tuple[Path, str]]:
    path, value = (*item.path, "expect"), item.data.get("expect")
    if isinstance(value, str):
        yield path, value
    else:
        yield from (((*path, position), text) for position, text in enumerate(texts(value)))


def _check_dotted(
    expectation: Expectation, target: Target, path: Path, items: Items, findings: Findings
) -> None:
    """A metric may have a dot in its name. Where a part of this file is called so, a node is meant that does not run."""
    named = expectation.node
    if named is None or named == target.name:
        return
    nodes = {name for item in items.of("pipeline") if item.readable for name in item.names("nodes") or ()}
    others = {*nodes, *(name for kind in ("step", "task", "pipeline") for name in items.names(kind))}
    if named in others or difflib.get_close_matches(named[:100], [target.name[:100]], 1):
        metric = clip(expectation.metric, 60)
        message = f"the {target.kind} `{clip(target.name, 60)}` has no node `{clip(named, 60)}`: a metric called `{clip(named, 60)}.{metric}` is asked for"
        findings.warning(path, message, f"For its own metric write `{metric}` alone.")


def without_node(expectation: Expectation, target: str) -> Expectation:
    """An expectation of the step or the task of this name: no node, and another first part belongs to the metric's name."""
    if expectation.node in (None, target):
        return replace(expectation, node=None)
    return replace(expectation, node=None, metric=f"{expectation.node}.{expectation.metric}")


def _with_node(expectation: Expectation, graph: Graph, path: Path, findings: Findings) -> Expectation:
    running = [name for name, node in graph.nodes.items() if node.runs]
    if expectation.node is None:
        return replace(expectation, node=_only_final(graph, path, expectation.metric, findings))
    if expectation.node not in running:
        message = f"the pipeline has no node `{clip(expectation.node, 60)}` with metrics"
        hint = findings.nearest(expectation.node, running)
        findings.error(path, message, f"{hint} Before the first dot stands a node.".strip())
    return expectation


def _only_final(graph: Graph, path: Path, metric: str, findings: Findings) -> str | None:
    final = graph.final
    if len(final) == 1:
        return final[0]
    if not final:
        findings.error(path, "the pipeline has no node with metrics")
    else:
        message = (
            f"the pipeline ends in several nodes ({listing(final)}); say whose `{clip(metric, 60)}` is meant"
        )
        findings.error(path, message, f"For example `{final[0]}.{clip(metric, 60)}`.")
    return None
