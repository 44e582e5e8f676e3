"""Models: their source, endpoint, stages; and the `Model` that a sound one becomes."""

import re
from typing import Any

from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import Item, Items
from schemas.checks.pipelines import graph_of
from schemas.repo_config import Model, ModelSource, Smoke, Stage
from schemas.yaml_marks import Path

SIGNED = "signed-tag"
EARLIER = "stage:"
STAGE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_/-]*[A-Za-z0-9])?")
"""As GTO's tags allow it."""


def read_models(items: Items, findings: Findings) -> tuple[Model, ...]:
    """All models that are sound and build on sound items only, in the order of the file."""
    models = []
    for item in items.of("model"):
        if not item.readable:
            continue
        model = _model(item, items, findings)
        _check_maker(item, model.source, items, findings)
        _check_paths(item, findings)
        _check_served(item, items, findings)
        _check_stages(item, findings)
        if not any(one.index in findings.broken for one in (item, *items.needed(item))):
            models.append(model)
    return tuple(models)


def _model(item: Item, items: Items, findings: Findings) -> Model:
    data = item.data
    return Model(
        name=item.name,
        source=_source(item, items, findings),
        endpoint=data.get("endpoint"),
        file=_file(item, items, findings),
        stages={name: _stage(name, stage or {}) for name, stage in data.get("stages", {}).items()},
        line=findings.marks.key(item.path).line,
    )


def _stage(name: str, data: dict[str, Any]) -> Stage:
    smoke = Smoke(**(data["smoke"] or {})) if "smoke" in data else None
    return Stage(
        name=name,
        cluster=data.get("cluster", "local"),
        replicas=data.get("replicas", 1),
        require=tuple(data.get("require", ())),
        smoke=smoke,
    )


def _source(item: Item, items: Items, findings: Findings) -> ModelSource:
    data, path = item.data["from"], (*item.path, "from")
    kind = "pipeline" if "pipeline" in data else "step"
    wanted = items.find(kind, data[kind])
    node = data.get("node")
    if items.lacks(kind, data[kind]):
        hint = findings.nearest(data[kind], items.names(kind))
        findings.error((*path, kind), f"no {kind} is called `{clip(data[kind], 60)}`", hint)
    elif kind == "step" and node is not None:
        findings.error((*path, "node"), "`node` belongs to a pipeline, and this names a step", key=True)
    elif kind == "pipeline" and wanted is not None and wanted.sound and item.whole("from"):
        node = _node(wanted, node, path, items, findings)
    return ModelSource(
        output=data["output"],
        step=data.get("step"),
        pipeline=data.get("pipeline"),
        node=node,
        trigger=data.get("trigger"),
    )


def _node(wanted: Item, name: str | None, path: Path, items: Items, findings: Findings) -> str | None:
    """The node of the pipeline whose output it is; a pipeline's one final node need not be named."""
    graph = graph_of(wanted, items)
    running = [one.name for one in graph.nodes.values() if one.runs]
    if name is None and len(graph.final) == 1:
        return graph.final[0]
    if name is None:
        message = f"the pipeline ends in several nodes ({listing(graph.final)})"
        findings.error((*path, "pipeline"), message, "Say with `node` whose output it is.")
    elif name not in running:
        message = f"the pipeline has no node `{clip(name, 60)}` with outputs"
        findings.error((*path, "node"), message, findings.nearest(name, running))
    return name


def _file(item: Item, items: Items, findings: Findings) -> str | None:
    """The endpoint's file that the model becomes; the only one need not be named."""
    path, name, file = item.path, item.data.get("endpoint"), item.data.get("file")
    if name is None:
        if file is not None and item.whole("endpoint"):
            hint = "Name the endpoint whose file it is."
            findings.error((*path, "file"), "`file` without `endpoint`", hint, key=True)
        return None
    if items.lacks("endpoint", name):
        hint = findings.nearest(name, items.names("endpoint"))
        findings.error((*path, "endpoint"), f"no endpoint is called `{clip(name, 60)}`", hint)
    endpoint = items.official("endpoint", name)
    if endpoint is None:
        return str(file) if file is not None else None
    known = [one.name for one in endpoint.files]
    if file in known:
        return str(file)
    if file is not None:
        message = f"endpoint `{name}` has no file `{clip(file, 60)}`"
        findings.error((*path, "file"), message, findings.nearest(file, known))
    elif len(known) == 1:
        return str(known[0])
    elif item.whole("file"):
        has = f"has the files {listing(known)}" if known else "has no files"
        hint = "Say with `file` which of them the model becomes." if known else "Give it one, under `files`."
        findings.error((*path, "endpoint"), f"endpoint `{name}` {has}", hint)
    return None


def _check_maker(item: Item, source: ModelSource, items: Items, findings: Findings) -> None:
    path = (*item.path, "from")
    if source.trigger is not None:
        trigger = items.find("trigger", source.trigger)
        if items.lacks("trigger", source.trigger):
            hint = findings.nearest(source.trigger, items.names("trigger"))
            findings.error((*path, "trigger"), f"no trigger is called `{clip(source.trigger, 60)}`", hint)
        elif trigger is not None and trigger.sound and not _makes(trigger, source, items):
            made = source.pipeline or source.step or ""
            message = f"the trigger `{source.trigger}` does not run `{clip(made, 60)}`"
            findings.error((*path, "trigger"), message)
    elif (
        item.whole("from")
        and items.find(*_made(source))
        and not any(
            _makes(trigger, source, items) or not (trigger.readable and trigger.whole("run"))
            for trigger in items.of("trigger")
        )
    ):
        message = f"no trigger makes {_called(item)}"
        findings.warning(
            path, message, "A tag on a commit without a run would wait for one for ever.", key=True
        )


def _called(item: Item) -> str:
    return f"the model `{clip(item.name, 60)}`" if item.name else "the model"


def _made(source: ModelSource) -> tuple[str, str | None]:
    """The kind and name of what makes the model."""
    return ("pipeline", source.pipeline) if source.pipeline else ("step", source.step)


def _makes(trigger: Item, source: ModelSource, items: Items) -> bool:
    run = trigger.data.get("run") if isinstance(trigger.data, dict) else None
    if not isinstance(run, dict):
        return False
    if source.pipeline:
        return bool(run.get("pipeline") == source.pipeline)
    reached = [
        one.name
        for kind in ("step", "pipeline")
        for one in items.builds_on(kind, run.get(kind))
        if one.kind == "step"
    ]
    return source.step in reached


def _check_paths(item: Item, findings: Findings) -> None:
    """Names of files stay inside of their folder."""
    data = item.data
    named = [((*item.path, "from", "output"), data["from"]["output"])]
    for name, stage in data.get("stages", {}).items():
        post = ((stage or {}).get("smoke") or {}).get("post")
        named += [((*item.path, "stages", name, "smoke", "post"), post)] if post else []
    for path, text in named:
        if text.startswith("/") or ".." in text.split("/"):
            findings.error(
                path, f"`{clip(text, 60)}` leads out of its folder", "Write a relative path without `..`."
            )


def _check_served(item: Item, items: Items, findings: Findings) -> None:
    """A tag on a stage of a model without an endpoint counts, and nothing is ever served for it."""
    if item.data.get("stages") and item.data.get("endpoint") is None and item.whole("endpoint"):
        known = items.names("endpoint")
        hint = (
            f"Name what serves it: `endpoint: {clip(known[0], 60)}`."
            if known
            else "Name an `endpoint`; this file has none yet."
        )
        message = f"nothing can serve the stages of {_called(item)}: it names no endpoint"
        findings.warning((*item.path, "stages"), message, hint, key=True)


def _check_stages(item: Item, findings: Findings) -> None:
    stages = item.data.get("stages", {})
    for name, stage in stages.items():
        path = (*item.path, "stages", name)
        if not STAGE_NAME.fullmatch(name) or len(name) > 100:
            hint = "Letters, digits, `-`, `_` and `/`, with a letter or digit first and last."
            findings.error(path, f"a stage cannot be called `{clip(name, 60)}`", hint, key=True)
        for position, rule in enumerate((stage or {}).get("require", ())):
            _check_rule(rule, name, item, (*path, "require", position), findings)
    _check_circle(stages, (*item.path, "stages"), findings)


def _check_circle(stages: dict[str, Any], path: Path, findings: Findings) -> None:
    """Stages that wait for each other: no version comes to any of them. That one requires itself is said already."""
    before = {
        name: {
            other for other in stages if other != name and EARLIER + other in (stage or {}).get("require", ())
        }
        for name, stage in stages.items()
    }
    while free := [name for name, waits in before.items() if not waits]:
        before = {name: waits - set(free) for name, waits in before.items() if waits}
    if not before:
        return
    # What is left waits for something that is left: going on must come round.
    walk = [min(before)]
    while (earlier := min(before[walk[-1]])) not in walk:
        walk.append(earlier)
    circle = walk[walk.index(earlier) :]
    words = " → ".join(clip(name, 60) for name in [*circle, circle[0]])
    where = (*path, circle[0], "require")
    findings.error(
        where, f"the stages require each other: {clip(words, 200)}", "Remove one of these rules.", key=True
    )


def _check_rule(rule: str, name: str, item: Item, path: Path, findings: Findings) -> None:
    if rule == SIGNED:
        return
    if not rule.startswith(EARLIER):
        hint = f"Known here: `{SIGNED}` and `{EARLIER}NAME`."
        findings.error(path, f"`{clip(rule, 60)}` is nothing that a stage can require", hint)
        return
    earlier, known = rule.removeprefix(EARLIER), item.names("stages")
    if earlier == name:
        findings.error(path, f"the stage `{clip(name, 60)}` requires itself")
    elif known is not None and earlier not in known:
        others = [one for one in known if one != name]
        findings.error(
            path, f"the model has no stage `{clip(earlier, 60)}`", findings.nearest(earlier, others)
        )
