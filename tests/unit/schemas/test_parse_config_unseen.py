"""What neither the official schema nor its lint sees: each with its place, its severity and a hint. Minimal, invented cases.

Many were learnt from public files of strangers, where Valohai's own linter says nothing.
"""

import pytest

from schemas.parse_config import parse_config
from tests.builders.marked_yaml import marked
from tests.unit.schemas.test_parse_config_pipelines import problems

STEP = "- step: {name: train, image: i, command: c, parameters: [{name: lr, type: float, default: 1}, {name: n, type: integer, default: 1, max: 9}]}\n"
TRIGGER = "- trigger: {name: t, when: {push: }, run: {%s}}\n"

STEPS = [
    ("inputs: [{name: a, default: §data.csv}]", "`data.csv` is not an address", "needs no input"),
    ("inputs: [{name: a, default: [s3://b/c, §gs://b/c]}]", "addresses with `gs://` cannot", "Known here"),
    ("inputs: [{name: a, default: §'s3://b/{parameter:lrr}'}]", "no such parameter", "Did you mean `lr`?"),
    ("inputs: [{name: a, default: [s3://b/c, s3://b/d], §filename: x}]", "`filename` is for an input of one file", "inputs of their own"),
    ("resources: {cpu: {min: §4, max: 2}}", "`min` 4 is above `max` 2", "Swap"),
    ("resources: {memory: {max: §-1}}", "`max` must not be below 0", ""),
    ("stop-condition: §val-loss < 0.1", "`val-loss` is read as `val` minus `loss`", "with `_`"),
    ("stop-condition: a > 1 or §metadata.val-loss < 0.1", "`metadata.val-loss` is read as", "spaces around a minus"),
    ("stop-condition: loss < §parameter.lrr", "the step has no parameter `lrr`", "Did you mean `lr`?"),
    ("stop-condition: §max(loss) < 1", "there is no function `max`", "There are names"),
    ("stop-condition: §lambda > 1", "`lambda` is a word of Python's", "another name"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "message", "hint"), STEPS, ids=[case[0] for case in STEPS])
def test_steps(field: str, message: str, hint: str) -> None:
    text = f"- step:\n    name: s\n    image: i\n    command: c\n    parameters: [{{name: lr, default: a}}]\n    {field}\n"
    expect_one(text, "warning", message, hint)


@pytest.mark.parametrize(
    "field",
    [
        "stop-condition: accuracy >= 0.99 and loss - val_loss < 0.1",
        "stop-condition: \"kind == 'a-b' and metadata.x.y > parameter.lr\"",
        "stop-condition: not (done) and (a or b)",
        "stop-condition: epoch in (1, 2)",
        "inputs: [{name: a, default: 's3://b/{parameter:lr}/*.csv'}, {name: b, default: ''}, {name: c, default: '{parameter:lr}'}]",
        "inputs: [{name: a, default: [datum://x, dataset://a/b, model://a/1, file://x, http://h/x]}]",
        "resources: {cpu: {min: 1, max: 2}, memory: {min: 1}, devices: {}}",
    ],
)
def test_steps_that_are_fine(field: str) -> None:
    text = f"- step:\n    name: s\n    image: i\n    command: c\n    parameters: [{{name: lr, default: a}}]\n    {field}\n"
    assert problems(parse_config(text.encode())) == []


PASSING = [
    ("run", "{name: a, §pass-as: '-a {v}'}", "the command does not ask for `a`", "`{parameters}` or `{parameter:a}`"),
    ("run {parameter:b}", "{name: a, §pass-as: '-a {v}'}, {name: b}", "does not ask for `a`", ""),
    ("run {parameters}", "{name: a, pass-as: §'-a'}", "`pass-as` has no `{v}`", "For example `-a={v}`."),
]  # fmt: skip


@pytest.mark.parametrize(("command", "parameters", "message", "hint"), PASSING)
def test_values_that_never_reach_the_command(command: str, parameters: str, message: str, hint: str) -> None:
    text = f"- step:\n    name: s\n    image: i\n    command: [{command!r}]\n    parameters: [{parameters}]\n"
    expect_one(text, "warning", message, hint)


@pytest.mark.parametrize(
    ("command", "parameters"),
    [
        ("run {parameters}", "{name: a, pass-as: '-a {v}'}, {name: f, type: flag, pass-as: -f}"),
        ("run {parameter-value:a}", "{name: a, pass-as: '{value}'}"),
        ("run", "{name: a}, {name: f, type: flag}"),
    ],
)
def test_values_that_reach_the_command_or_are_read_from_the_file(command: str, parameters: str) -> None:
    text = f"- step: {{name: s, image: i, command: [{command!r}], parameters: [{parameters}]}}\n"
    assert problems(parse_config(text.encode())) == []


TASKS = [
    ("type: §distributed, parameters: []", "a distributed task cannot run here yet", "refused"),
    ("§type: random_search, parameters: []", "needs `execution-count`", "how many"),
    ("§type: bayesian_tpe, execution-count: 4, parameters: []", "needs `optimization-target-metric`", "Name the metric"),
    ("type: bayesian_tpe, execution-count: 4, optimization-target-metric: m, engine: §hyperopt, parameters: []", "the engine `hyperopt` is not here", "optuna"),
    ("type: random_search, execution-count: §0, parameters: []", "`execution-count` must be at least 1", ""),
    ("type: manual_search, parameter-sets: [{lr: §fast}]", "parameter `lr`: fast is not a floating-point number", ""),
    ("parameters: [{name: n, style: multiple, rules: {items: [1, §10]}}]", "greater than the maximum allowed (9)", ""),
    ("parameters: [{name: n, style: multiple, rules: {items: §[]}}]", "there is no value to try", ""),
    ("parameters: [{name: n, style: linear, rules: {start: 1, end: 5, step: §-1}}]", "it never comes to 5", "sign"),
    ("parameters: [{name: lr, style: random, rules: {min: §2, max: 1, count: 3}}]", "`min` 2 is above `max` 1", ""),
    ("parameters: [{name: lr, style: random, §rules: {min: 1, max: 2}}]", "how many values to draw", "random_search"),
    ("parameters: [{name: lr, style: random, rules: {min: 1, max: 2, count: 3, distribution: §normal}}]", "there is no distribution `normal`", "uniform"),
    ("parameters: [{name: lr, style: random, rules: {min: §0, max: 2, count: 3, distribution: log-uniform}}]", "needs a `min` above 0", ""),
    ("parameters: [{name: lr, style: logspace, rules: {start: 0, end: 2, count: §0}}]", "`count` must be at least 1", ""),
    ("parameters: [{name: lr, style: logspace, rules: {start: 0, end: 2, count: 3, base: §-2}}]", "`base` must be above 0", ""),
    ("parameters: [{name: lr, style: multiple, rules: {items: [1]}}], stop-condition: §a-b > 1", "a hyphen is a minus", ""),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "message", "hint"), TASKS, ids=[case[0] for case in TASKS])
def test_tasks(fields: str, message: str, hint: str) -> None:
    expect_one(f"{STEP}- task: {{name: t, step: train, {fields}}}\n", "warning", message, hint)


@pytest.mark.parametrize(
    "fields",
    [
        "type: random_search, execution-count: 3, parameters: [{name: lr, style: random, rules: {min: 1, max: 2}}]",
        "parameters: [{name: lr, style: multiple, rules: {items: ['1', '2'], numberify: true}}]",
        "parameters: [{name: n, style: linear, rules: {start: 5, end: 1, step: -1}}]",
        "type: Manual-Search, parameter-sets: [{lr: 1}, {lr: '2', n: 3}]",
        "type: bayesian_tpe, execution-count: 9, optimization-target-metric: m, engine: Optuna, parameters: []",
    ],
)
def test_tasks_that_are_fine(fields: str) -> None:
    text = f"{STEP}- task: {{name: t, step: train, {fields}}}\n"
    assert problems(parse_config(text.encode())) == []


ENDPOINTS = [
    ("§server-command: []", "error", "the command is empty", "serves requests"),
    ("§wsgi: ' '", "error", "the command is empty", ""),
    ("wsgi: §app/serve.py", "warning", "is no module, and no callable", "`app:application`"),
    ("wsgi: §--daemon", "warning", "is no module, and no callable", ""),
    ("wsgi: §'app:'", "warning", "is no module, and no callable", ""),
    ("wsgi: a, shared-volumes: [{pvc-name: v, mount-path: §a}]", "error", "`a` is not absolute", "Begin it with `/`"),
    ("wsgi: a, shared-volumes: [{pvc-name: v, mount-path: /a, sub-path: §/b}]", "error", "`/b` is not relative", ""),
    ("wsgi: a, shared-volumes: [{pvc-name: v, mount-path: /a}], workspace-volume: {mount-path: §/a, size: 1}", "error", "`/a` is taken by the volume on line 1", ""),
    ("wsgi: a, files: [{name: m, path: §../m}]", "warning", "`../m` leads out of the code's folder", ""),
    ("wsgi: a, files: [{name: m, path: m.pkl}, {name: n, path: §m.pkl}]", "warning", "is the path of the file `m`, too", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "severity", "message", "hint"), ENDPOINTS, ids=[case[0] for case in ENDPOINTS]
)
def test_endpoints(fields: str, severity: str, message: str, hint: str) -> None:
    expect_one(f"- endpoint: {{name: serve, image: i, {fields}}}\n", severity, message, hint)


PIPE = """\
- step: {name: train, image: i, command: c, parameters: [{name: lr, default: a}]}
- pipeline:
    name: p
    edges: []
    nodes:
      - name: a
        type: execution
        step: train
"""

ACTIONS = [
    ("{when: node-complete, then: §require-approval}", "can only hold a node that is about to start"),
    ("{when: node-complete, if: §metadata.val-loss > 1, then: noop}", "a hyphen is a minus"),
    ("{when: node-complete, if: [a > 1, §parameter.lrr > 1], then: noop}", "has no parameter `lrr`"),
    ("{when: node-starting, if: §metadata.loss > 1, then: stop-pipeline}", "nothing has been printed before"),
    ("{when: §node-done, then: noop}", "`node-done` never happens to a node"),
    ("{when: [node-error, §node-complet], then: noop}", "`node-complet` never happens to a node"),
]


@pytest.mark.parametrize(("action", "message"), ACTIONS)
def test_actions_that_are_never_taken(action: str, message: str) -> None:
    expect_one(f"{PIPE}        actions: [{action}]\n", "warning", message, "")


@pytest.mark.parametrize(
    "action",
    [
        "{when: Node-Starting, if: parameter.lr == 'a', then: require-approval}",
        "{when: [node-starting, node-complete], if: metadata.loss > 1, then: [noop]}",
        "{when: node-error, then: error-pipeline}",
    ],
)
def test_actions_that_are_fine(action: str) -> None:
    assert problems(parse_config(f"{PIPE}        actions: [{action}]\n".encode())) == []


def test_an_override_changes_values_only() -> None:
    text = f"{PIPE}        override: {{parameters: [{{name: lr, §type: integer, default: 3}}]}}\n"
    expect_one(text, "warning", "`type` of an override has no effect", "changes the `default`")


NEEDY = """\
- step:
    name: train
    image: i
    command: c
    parameters: [{name: lr}]
    inputs: [{name: data}]
"""

OPEN = [
    ("{name: a, type: execution, step: train, override: {parameters: [{name: lr, default: x}]}}", "input `data` of node `a` has no value"),
    ("{name: a, type: execution, step: train, override: {inputs: [{name: data, default: s3://b/c}]}}", "parameter `lr` of node `a` has no value"),
    ("{name: a, type: task, task: sweep}", "input `data` of node `a` has no value"),
]  # fmt: skip
SWEEP = "- task: {name: sweep, step: train, parameters: [{name: lr, style: multiple, rules: {items: [a]}}]}\n"


@pytest.mark.parametrize(("node", "message"), OPEN)
def test_a_node_that_would_be_refused_hours_later(node: str, message: str) -> None:
    text = f"{NEEDY}{SWEEP}- pipeline:\n    name: p\n    nodes: [{node}]\n    edges: []\n"
    assert problems(parse_config(text.encode())) == []
    expect_one(text + TRIGGER % "pipeline: §p", "error", message, "Give it an edge")


def test_a_node_that_gets_all_it_needs() -> None:
    text = f"""{NEEDY}
- pipeline:
    name: p
    parameters: [{{name: rate, target: b.parameter.lr}}]
    nodes:
      - {{name: a, type: execution, step: train, override: {{inputs: [{{name: data, default: s3://b/c}}]}}}}
      - {{name: b, type: execution, step: train}}
    edges: [[a.output.x, b.input.data]]
"""
    full = text.replace("override: {inputs", "override: {parameters: [{name: lr, default: a}], inputs")
    run = "pipeline: p, parameters: {rate: fast}"
    assert problems(parse_config((full + TRIGGER % run).encode())) == []
    expect_one(full + TRIGGER % "pipeline: §p", "error", "parameter `lr` of node `b` has no value", "")


def test_a_task_that_would_be_refused() -> None:
    expect_one(
        NEEDY + SWEEP + TRIGGER % "task: §sweep", "error", "input `data` of step `train` has no value", ""
    )
    run = "task: sweep, inputs: {data: s3://b/c}"
    assert problems(parse_config((NEEDY + SWEEP + TRIGGER % run).encode())) == []


def test_another_systems_file_is_told_how_items_look() -> None:
    text = "- version: 1\n  §steps: [{name: a}]\n"
    expect_one(text, "warning", "nothing reads the item `steps`", "as an item of its own: `- step:`")


def test_warnings_do_not_crowd_out_an_error() -> None:
    whens = ", ".join(f"w{number}" for number in range(9_000))
    config = parse_config(f"{PIPE}        actions: [{{when: [{whens}], then: nop}}]\n".encode())
    assert not config.ok
    assert any("`then` cannot be `nop`" in problem.message for problem in config.problems)


def expect_one(text: str, severity: str, message: str, hint: str) -> None:
    """Exactly one problem, at the mark."""
    case = marked(text)
    config = parse_config(case.text)
    assert len(config.problems) == 1, problems(config)
    (problem,) = config.problems
    assert (problem.line, problem.column) == (case.line, case.column), str(problem)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.severity == severity
