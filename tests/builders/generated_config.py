"""Configs as hypothesis makes them: whole files that a team could have written, and the same with something broken.

`files()` are sound by construction in what they refer to, though a value here and there may be refused (a list for a single
parameter, a task that expands to too much). `broken_files()` take such a file and delete, rename, replace or repeat a part.
"""

import copy
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

STEPS = ("prepare", "train", "test step")
WORDS = ("lr", "epochs", "layers", "label", "shuffle")
INPUTS = ("data", "model")
NODES = ("first", "second", "third", "fourth")
ENDPOINTS = ("serve", "explain")

Items = list[dict[str, Any]]
Draw = Any


def written(items: Items) -> bytes:
    """The items as YAML, references between equal parts written out."""
    return yaml.dump(items, Dumper=Plain, sort_keys=False, allow_unicode=True, width=10_000).encode()


class Plain(yaml.SafeDumper):
    """Writes no anchors: hypothesis hands out the same object for equal parts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


VALUES = {
    "integer": st.integers(-3, 40),
    "float": st.one_of(
        st.integers(0, 3), st.floats(0, 2, allow_nan=False).map(lambda value: round(value, 3))
    ),
    "string": st.sampled_from(["a", "b c", "it's", "{x}", "ä", "-", "5"]),
    "flag": st.booleans(),
}


@st.composite
def parameters(draw: Draw, name: str) -> dict[str, Any]:
    """A step's parameter with what its type allows."""
    kind = draw(st.sampled_from(list(VALUES)))
    made: dict[str, Any] = {"name": name, "type": kind}
    if kind == "flag":
        made |= draw(
            st.sampled_from(
                [{}, {"pass-true-as": "--yes"}, {"pass-false-as": "--no-{name}"}, {"pass-as": "-f"}]
            )
        )
    else:
        made |= draw(
            st.sampled_from([{}, {"pass-as": "-x {v}"}, {"pass-as": "--{name} {value}"}, {"optional": True}])
        )
        if draw(st.integers(0, 4)) == 0:
            made["multiple"] = draw(st.sampled_from(["repeat", "separate"]))
    if kind == "integer" and draw(st.booleans()):
        made |= {"min": -3, "max": 40}
    if draw(st.integers(0, 5)):
        value = VALUES[kind]
        made["default"] = draw(st.lists(value, max_size=3) if "multiple" in made else value)
    return made


@st.composite
def steps(draw: Draw, name: str) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(WORDS), max_size=4, unique=True))
    entries = [
        "run {parameters}",
        "echo {parameter:lr}",
        "#!/bin/sh",
        "# only words",
        "cd x",
        "f() { :; }\nf",
    ]
    made: dict[str, Any] = {
        "name": name,
        "image": draw(st.sampled_from(["python:3.12", "registry.example/team/image@sha256:" + "a" * 64])),
        "command": draw(
            st.one_of(st.just("run"), st.lists(st.sampled_from(entries), min_size=1, max_size=3))
        ),
        "parameters": [draw(parameters(one)) for one in names],
        "inputs": [
            {"name": one, **draw(st.sampled_from(INPUT_WAYS))}
            for one in draw(st.lists(st.sampled_from(INPUTS), max_size=2, unique=True))
        ],
    }
    for key, way in STEP_WAYS.items():
        if draw(st.integers(0, 7)) == 0:
            made[key] = draw(way)
    return {"step": made}


INPUT_WAYS: list[dict[str, Any]] = [
    {"optional": True},
    {"default": "https://example.org/a.csv"},
    {"default": ["s3://bucket/{parameter:lr}/*.csv", "s3://bucket/b/"], "keep-directories": "suffix"},
    {"default": "datum://an-alias", "download": "on-demand"},
    {"default": "dataset://images/latest", "filename": "images.tar"},
    {},
]
STEP_WAYS: dict[str, st.SearchStrategy[Any]] = {
    "time-limit": st.sampled_from([60, "5m", "1h 30m"]),
    "no-output-timeout": st.just("10m"),
    "stop-condition": st.sampled_from(["accuracy > 0.9", "loss < parameter.lr", "a or b"]),
    "resources": st.sampled_from([{"cpu": {"min": 1, "max": 2}}, {"memory": {"max": 512}}, {"devices": {}}]),
    "mounts": st.sampled_from([["/data:/data"], [{"source": "/a", "destination": "/b", "readonly": True}]]),
    "environment": st.just("local"),
    "environment-variables": st.sampled_from(
        [[{"name": "A", "default": "1"}], [{"name": "B", "optional": False}]]
    ),
    "environment-variable-groups": st.just(["team"]),
    "outputs": st.just([{"name": "*.pkl"}]),
    "autorestart": st.booleans(),
    "cache-volumes": st.just(["claim"]),
    "icon": st.just("x"),
}


@st.composite
def tasks(draw: Draw, step: dict[str, Any]) -> dict[str, Any]:
    """A task over some of the step's parameters."""
    body = step["step"]
    kind = draw(st.sampled_from(["grid_search", "manual_search", "random_search", "bayesian_tpe"]))
    made: dict[str, Any] = {"name": "sweep", "type": kind, "step": body["name"]}
    named = [one for one in body["parameters"] if one["type"] != "string"]
    if kind == "manual_search" and draw(st.booleans()):
        made["parameter-sets"] = [
            {one["name"]: draw(VALUES[one["type"]]) for one in named} for _ in range(draw(st.integers(1, 3)))
        ]
    else:
        made["parameters"] = [{"name": one["name"], **draw(styles(one["type"]))} for one in named[:3]]
    if kind in ("random_search", "bayesian_tpe"):
        made["execution-count"] = draw(st.integers(1, 6))
    if kind == "bayesian_tpe":
        made |= {
            "optimization-target-metric": "accuracy",
            "optimization-target-value": 1,
            "execution-batch-size": 2,
        }
    made |= draw(
        st.sampled_from([{}, {"maximum-queued-executions": 2}, {"on-child-error": "continue-and-complete"}])
    )
    return {"task": made}


def styles(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    ways = [{"style": "multiple", "rules": {"items": [True, False] if kind == "flag" else [1, 2, 3]}}]
    if kind != "flag":
        ways += [
            {"style": "single", "rules": {"value": 2}},
            {"style": "linear", "rules": {"start": 1, "end": 3, "step": 1}},
            {"style": "logspace", "rules": {"start": 0, "end": 1, "count": 2, "integerify": True}},
            {"style": "random", "rules": {"min": 1, "max": 3, "count": 2, "integerify": True}},
        ]
    return st.sampled_from(ways)


@st.composite
def pipelines(draw: Draw, items: Items, has_task: bool, endpoints: tuple[str, ...]) -> dict[str, Any]:
    """Nodes in an order in which they could run, and edges that lead forward only."""
    bodies = {item["step"]["name"]: item["step"] for item in items if "step" in item}
    nodes: list[dict[str, Any]] = []
    for name in NODES[: draw(st.integers(1, len(NODES)))]:
        node: dict[str, Any] = {
            "name": name,
            "type": "execution",
            "step": draw(st.sampled_from(list(bodies))),
        }
        if has_task and draw(st.integers(0, 3)) == 0:
            node = {"name": name, "type": "task", "task": "sweep"}
        node |= draw(st.sampled_from(NODE_WAYS))
        nodes.append(node)
    task_step = next((item["task"]["step"] for item in items if "task" in item), "")
    edges = []
    for late, target in enumerate(nodes):
        for source in nodes[:late]:
            edges += draw(between(source, target, bodies, task_step))
    if endpoints and draw(st.booleans()):
        nodes.append(
            {"name": "out", "type": "deployment", "deployment": "live", "endpoints": list(endpoints)}
        )
        edges += [[f"{nodes[0]['name']}.output.m", f"out.file.{one}.model"] for one in endpoints]
    made: dict[str, Any] = {"name": "whole", "nodes": nodes, "edges": edges}
    if draw(st.booleans()):
        made["reuse-executions"] = True
    return {"pipeline": made}


NODE_WAYS: list[dict[str, Any]] = [
    {},
    {},
    {"on-error": "stop-next"},
    {"on-error": "continue"},
    {"on-error": "retry"},
    {"edge-merge-mode": "append"},
    {"actions": [{"when": "node-complete", "if": "metadata.loss > 1", "then": "stop-pipeline"}]},
    {"actions": [{"when": "node-starting", "then": "noop"}]},
    {"override": {"image": "other:1", "environment-variables": [{"name": "B", "default": "x"}]}},
]


@st.composite
def between(
    draw: Draw, source: dict[str, Any], target: dict[str, Any], bodies: dict[str, Any], task_step: str
) -> list[Any]:
    """No edge, or one or two that make sense between two nodes."""
    one, two = (bodies[node.get("step", task_step)] for node in (source, target))
    a, b = source["name"], target["name"]
    known: list[Any] = [[f"{a}.dependency.x", f"{b}.dependency.x"]]
    known += [[f"{a}.output.*", f"{b}.input.{entry['name']}"] for entry in two["inputs"]]
    known += [
        {"source": f"{a}.metadata.best", "target": f"{b}.parameter.{entry['name']}"}
        for entry in two["parameters"]
    ]
    shared = {entry["name"] for entry in one["parameters"]} & {entry["name"] for entry in two["parameters"]}
    known += [[f"{a}.parameter.{name}", f"{b}.parameter.{name}"] for name in sorted(shared)]
    return draw(st.lists(st.sampled_from(known), max_size=2, unique_by=str))  # type: ignore[no-any-return]


WHENS: list[dict[str, Any]] = [
    {"push": None},
    {"push": {"branches": ["main", "release/*"]}},
    {"push": None, "pull-request": {"targets": "main"}, "comment": "/train"},
    {"push": None, "schedule": {"cron": "0 3 * * *", "timezone": "Europe/Helsinki"}},
    {"push": None, "tag": {"names": "v*"}},
]


@st.composite
def triggers(draw: Draw, name: str, kind: str, target: str) -> dict[str, Any]:
    made = {"name": name, "when": draw(st.sampled_from(WHENS)), "run": {kind: target}}
    ways: list[dict[str, Any]] = [
        {},
        {},
        {"reuse": True},
        {"commits": "each"},
        {"required": False},
        {"paths": ["src/**"]},
    ]
    return {"trigger": made | draw(st.sampled_from(ways))}


@st.composite
def files(draw: Draw) -> Items:
    """Steps, perhaps a task, endpoints, a pipeline, triggers for some of them, and a model."""
    names = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=3, unique=True))
    items: Items = [draw(steps(name)) for name in names]
    has_task = draw(st.booleans())
    if has_task:
        items.append(draw(tasks(items[0])))
    endpoints = ENDPOINTS[: draw(st.integers(0, 2))]
    for one in endpoints:
        body = {
            "name": one,
            "image": "python:3.12",
            "server-command": "serve",
            "files": [{"name": "model", "path": "m"}],
        }
        items.append({"endpoint": body})
    targets = [("step", name) for name in names] + [("task", "sweep")] * has_task
    if draw(st.booleans()):
        items.append(draw(pipelines(items, has_task, endpoints)))
        targets.append(("pipeline", "whole"))
    for number, (kind, target) in enumerate(
        draw(st.lists(st.sampled_from(targets), max_size=3, unique=True))
    ):
        items.append(draw(triggers(f"check-{number}", kind, target)))
    if endpoints and draw(st.booleans()):
        source = {"step": names[0], "output": "model.pkl"}
        items.append(
            {"model": {"name": "shop", "from": source, "endpoint": endpoints[0], "stages": {"prod": None}}}
        )
    return items


JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**9),
    st.sampled_from(
        ["", " ", "nowhere", "a.b.c", "first.output.x", "{", "0 0 31 2 *", "**/**/**/**/x", "ü" * 300]
    ),
    st.just([]),
    st.just({}),
    st.just([{}]),
    st.just({"name": {"name": []}}),
)


@st.composite
def broken_files(draw: Draw) -> Items:
    """A file with one to three parts deleted, renamed, replaced or repeated."""
    items: Items = copy.deepcopy(draw(files()))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(places(items))))
        match draw(st.sampled_from(["delete", "replace", "replace", "rename", "repeat"])):
            case "delete":
                del holder[key]
            case "replace":
                holder[key] = copy.deepcopy(draw(JUNK))
            case "rename" if isinstance(holder, dict):
                holder[f"{key}s"] = holder.pop(key)
            case _ if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
        if not items:
            break
    return items


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every part of the value: what holds it, and under which key or position."""
    for key, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(child, dict | list):
            yield from places(child)
