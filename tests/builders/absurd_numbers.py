"""Files of which one number or duration is absurd: every place where valohai.yaml takes one, with every such value."""

from collections.abc import Iterator

VALUES = (
    ".nan", ".inf", "-.inf", "1e400", "1e308", "-1", "-0.0", "9223372036854775808", "9" * 90, "1:1:1:1", "0x" + "f" * 40,
    "99999999999999999999h", "nan", "1e400s", "P99999999999Y",
)  # fmt: skip
"""As they are written in YAML. Text is what a duration may be."""

STEP = "- step: {{name: s, image: i, command: c, {}}}\n"
TRIGGER = "- trigger: {name: t, when: {push: {}}, run: {step: s}}\n"
TASK = (
    "- step: {{name: s, image: i, command: c, parameters: [{{name: p, type: float, default: 1}}]}}\n"
    "- task: {{name: k, step: s, type: {}, parameters: [{{name: p, style: {}, rules: {{{}}}}}], {}}}\n"
    "- trigger: {{name: t, when: {{push: {{}}}}, run: {{task: k}}}}\n"
)
GRID = ("grid_search", "multiple", "items: [1, 2]")
SEARCH = ("random_search", "random", "min: 0, max: 1")
OPTIMISED = ("bayesian_tpe", "random", "min: 0, max: 1")
MODEL = (
    "- step: {{name: s, image: i, command: c}}\n"
    "- endpoint: {{name: predict, image: i, server-command: x, files: [{{name: m, path: m}}], {}}}\n"
    "- model: {{name: model, from: {{step: s, output: m}}, endpoint: predict, file: m, stages: {{prod: {{{}}}}}}}\n"
)


def step(field: str) -> str:
    """A step that runs on push."""
    return STEP.format(field) + TRIGGER


def task(kind: tuple[str, str, str], field: str) -> str:
    """A task that runs on push."""
    return TASK.format(*kind, field)


PLACES: dict[str, str] = {
    "time-limit": step("time-limit: %s"),
    "no-output-timeout": step("no-output-timeout: %s"),
    "cpu": step("resources: {{cpu: {{min: %s, max: %s}}}}".replace("{{", "{").replace("}}", "}")),
    "memory": step("resources: {memory: {min: %s}}"),
    "devices": step("resources: {devices: {'nvidia.com/gpu': %s}}"),
    "integer": step("parameters: [{name: p, type: integer, default: %s}]"),
    "float": step("parameters: [{name: p, type: float, default: 1, min: %s, max: %s}]"),
    "several": step("parameters: [{name: p, type: float, multiple: repeat, default: [1, %s]}]"),
    "stop": step('stop-condition: "a > %s"'),
    "expect": step("icon: x") .replace("run: {step: s}", 'run: {step: s}, expect: ["a >= %s", "a < base - %s"]'),
    "cron": step("icon: x").replace("push: {}", 'schedule: {cron: "%s * * * *"}'),
    "items": task(("grid_search", "multiple", "items: [%s, 1]"), "execution-count: 1"),
    "linear": task(("grid_search", "linear", "start: 0, end: %s, step: 1"), "execution-count: 1"),
    "step of linear": task(("grid_search", "linear", "start: 0, end: 9, step: %s"), "execution-count: 1"),
    "logspace": task(("grid_search", "logspace", "start: 0, end: %s, count: 3, base: 10"), "execution-count: 1"),
    "base": task(("grid_search", "logspace", "start: 0, end: 3, count: 3, base: %s"), "execution-count: 1"),
    "random": task(("random_search", "random", "min: %s, max: %s"), "execution-count: 2"),
    "seed": task(("random_search", "random", "min: 0, max: 1, seed: %s"), "execution-count: 2"),
    "count": task(SEARCH, "execution-count: %s"),
    "batch": task(OPTIMISED, "execution-count: 2, execution-batch-size: %s, optimization-target-metric: a"),
    "queued": task(GRID, "maximum-queued-executions: %s"),
    "target": task(OPTIMISED, "execution-count: 2, optimization-target-metric: a, optimization-target-value: %s"),
    "port": MODEL.format("port: %s", "") + TRIGGER,
    "cpu of an endpoint": MODEL.format("resources: {cpu: {min: %s}}", "") + TRIGGER,
    "volume": MODEL.format("workspace-volume: {mount-path: /w, size: %s}", "") + TRIGGER,
    "replicas": MODEL.format("port: 8080", "replicas: %s") + TRIGGER,
    "smoke": MODEL.format("port: 8080", "smoke: {post: x.json, expect: %s}") + TRIGGER,
}  # fmt: skip


SOUND = {
    "time-limit": "1h",
    "no-output-timeout": "1h",
    "port": "8080",
    "smoke": "200",
    "float": "1",
    "base": "10",
}
"""A number that each place takes; `1` where nothing is said."""


def files() -> Iterator[tuple[str, str]]:
    """What is absurd, and the file."""
    for place, text in PLACES.items():
        for value in VALUES:
            yield f"{place} = {value[:30]}", text.replace("%s", value)
