"""Pipelines: what no official lint looks at, and the hints that it does not give."""

import pytest

from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from tests.builders.marked_yaml import marked

TOP = """\
- step:
    name: train
    image: i
    command: c
    parameters: [{name: lr, type: float, default: 0.1}]
    inputs: [{name: data, optional: true}]
- step:
    name: test
    image: i
    command: c
    parameters: [{name: limit, default: a}]
    inputs: [{name: model, optional: true}, {name: labels, optional: true}]
- task: {name: sweep, step: train, parameters: [{name: lr, style: multiple, rules: {items: [1, 2]}}]}
- endpoint: {name: predict, image: i, server-command: a, files: [{name: model, path: m}, {name: words, path: w}]}
- trigger: {name: push, when: {push: }, run: {pipeline: p}}
"""

NODES = """\
- pipeline:
    name: p
    nodes:
      - {name: train, type: execution, step: train}
      - {name: test, type: execution, step: test}
      - {name: many, type: task, task: sweep}
      - {name: deploy, type: deployment, deployment: d, endpoints: [predict]}
"""

EDGES = """\
    edges:
      - [train.output.model.pkl, test.input.model]
      - {source: train.output.model.pkl, target: deploy.file.predict.model}
      - [test.output.words, deploy.file.predict.words]
"""


def problems(config: RepoConfig) -> list[str]:
    return [f"{problem.severity}: {problem}" for problem in config.problems]


def expect_one(text: str, severity: str, message: str, hint: str) -> RepoConfig:
    case = marked(text)
    config = parse_config(case.text)
    assert len(config.problems) == 1, problems(config)
    (problem,) = config.problems
    assert (problem.line, problem.column) == (case.line, case.column), str(problem)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.severity == severity
    return config


def test_a_good_pipeline_has_no_problems() -> None:
    config = parse_config((TOP + NODES + EDGES).encode())
    assert problems(config) == []
    assert [trigger.name for trigger in config.triggers] == ["push"]


BAD_EDGES = [
    (
        "[§trian.output.x, test.input.model]",
        "error",
        "the pipeline has no node `trian`",
        "Did you mean `train`?",
    ),
    (
        "[train.output.x, §tset.input.model]",
        "error",
        "the pipeline has no node `tset`",
        "Did you mean `test`?",
    ),
    (
        "[§train.outputs.x, test.input.model]",
        "error",
        "`outputs` is not a type of edge",
        "Did you mean `output`?",
    ),
    (
        "[train.output.x, §test.inputs.model]",
        "error",
        "`inputs` is not a type of edge",
        "Did you mean `input`?",
    ),
    ("§[train.output, test.input.model]", "error", "must have 3 parts", ""),
    ("§[train.output.x]", "error", "Malformed edge shorthand", ""),
    (
        "[train.output.x, §test.input.modle]",
        "error",
        "step `test` has no input `modle`",
        "Did you mean `model`?",
    ),
    (
        "{source: train.output.x, target: §test.input.modle}",
        "error",
        "step `test` has no input `modle`",
        "Did you mean `model`?",
    ),
    (
        "[§train.input.date, test.input.model]",
        "error",
        "step `train` has no input `date`",
        "Did you mean `data`?",
    ),
    (
        "[train.metadata.best, §test.parameter.limits]",
        "error",
        "step `test` has no parameter `limits`",
        "Did you mean `limit`?",
    ),
    (
        "[§many.parameter.l, test.parameter.limit]",
        "error",
        "step `train` has no parameter `l`",
        "",
    ),
    (
        "§[train.input.data, test.parameter.limit]",
        "error",
        "an edge cannot go from `input` to `parameter`",
        "From `input` an edge can go to input.",
    ),
    (
        "§[train.output.x, test.output.x]",
        "error",
        "an edge cannot go from `output` to `output`",
        "input, file",
    ),
    ("§[train.file.x, test.input.model]", "error", "an edge cannot go from `file` to `input`", ""),
    (
        "[train.output.x, §test.file.predict.model]",
        "error",
        "`test` is not a deployment node",
        "Use `input`.",
    ),
    (
        "[train.output.x, §deploy.file.predit.model]",
        "error",
        "has no endpoint `predit`",
        "Did you mean `predict`?",
    ),
    (
        "[train.output.x, §deploy.file.predict.modl]",
        "error",
        "`predict` has no file `modl`",
        "Did you mean `model`?",
    ),
    (
        "[train.output.x, §deploy.input.model]",
        "error",
        "`deploy` is a deployment node and takes no input",
        "",
    ),
    ("[§deploy.output.x, many.input.data]", "error", "`deploy` is a deployment node and has no output", ""),
    (
        "[§deploy.deployment.name, many.parameter.lr]",
        "error",
        "a deployment node has no `name`",
        "version_id",
    ),
    ("[§train.deployment.id, test.parameter.limit]", "error", "`train` is not a deployment node", ""),
    (
        "§[test.output.x, train.input.data]",
        "error",
        "the nodes wait for each other: test → train → test",
        "Remove",
    ),
    ("§[many.output.x, many.dependency.x]", "error", "the nodes wait for each other: many → many", "Remove"),
]


@pytest.mark.parametrize(
    ("edge", "severity", "message", "hint"), BAD_EDGES, ids=[case[0] for case in BAD_EDGES]
)
def test_edges(edge: str, severity: str, message: str, hint: str) -> None:
    assert expect_one(f"{TOP}{NODES}{EDGES}      - {edge}\n", severity, message, hint).triggers == ()


@pytest.mark.parametrize(
    "edge",
    [
        "[train.input.da*, test.input.labels]",
        "[train.parameter.lr, test.parameter.limit]",
        "[train.metadata.accuracy.best, test.parameter.limit]",
        "[train.environment-variable.A, test.environment-variable.B]",
        "[train.dependency.x, many.dependency.y]",
        "[train.output.x, many.dependency.y]",
        "[deploy.deployment.version_id, many.parameter.lr]",
        "[many.output.*, test.input.labels]",
    ],
)
def test_edges_that_make_sense(edge: str) -> None:
    assert problems(parse_config(f"{TOP}{NODES}{EDGES}      - {edge}\n".encode())) == []


def test_unknown_ends_of_a_pipeline_that_nothing_starts_are_warnings() -> None:
    text = f"{TOP}{NODES}{EDGES}      - [train.output.x, §test.input.modle]\n".replace(
        "run: {pipeline: p}", "run: {step: train}"
    )
    config = expect_one(text, "warning", "step `test` has no input `modle`", "Did you mean")
    assert [trigger.name for trigger in config.triggers] == ["push"]


def test_a_file_that_nothing_feeds_is_a_warning() -> None:
    edges = EDGES.rpartition("      - ")[0]
    nodes = NODES.replace("endpoints: [predict]", "endpoints: [§predict]")
    expect_one(
        TOP + nodes + edges,
        "warning",
        "nothing feeds the file `words` of endpoint `predict`",
        "deploy.file.predict.words",
    )


BAD_NODES = [
    ("{name: x, type: execution, step: §trian}", "no step is called `trian`", "Did you mean `train`?"),
    ("{name: x, type: task, step: §trian}", "no step is called `trian`", "Did you mean `train`?"),
    ("{name: x, type: task, task: §swep}", "no task is called `swep`", "Did you mean `sweep`?"),
    ("{name: x, type: §exec, step: train}", "`type` cannot be `exec`", "Did you mean `execution`?"),
    ("{name: x, type: execution, step: train, §on-eror: retry}", "unknown key `on-eror`", "`on-error`"),
    ("{name: x, type: execution, step: train, on-error: §never}", "`on-error` cannot be `never`", "stop-all"),
    ("§{name: x, step: train}", "an element of `nodes` has no `type`", ""),
    ("§{name: x, type: task}", "an element of `nodes` has no `step` or `task`", ""),
    ("{name: x, type: task, step: train, §task: sweep}", "has step, task, and can have only one", ""),
    ("{name: §x.y, type: execution, step: train}", "the node name `x.y` has a dot", "use a dash"),
    (
        "{name: x, type: deployment, deployment: d, endpoints: [§predit]}",
        "no endpoint is called `predit`",
        "Did you mean `predict`?",
    ),
    (
        "{name: x, type: execution, step: train, actions: [{when: node-error, then: §stop-all}]}",
        "`then` cannot be `stop-all`",
        "stop-pipeline",
    ),
    (
        "{name: x, type: execution, step: train, actions: [{when: node-error, if: [a > 1, §a >], then: noop}]}",
        "the expression cannot be read: invalid syntax",
        "For example",
    ),
    (
        "{name: x, type: execution, step: train, override: {§command: []}}",
        "the command is empty",
        "",
    ),
    (
        "{name: x, type: execution, step: train, override: {inputs: [{name: §date}]}}",
        "step `train` has no input `date`",
        "Did you mean `data`?",
    ),
]


@pytest.mark.parametrize(("node", "message", "hint"), BAD_NODES, ids=[case[0] for case in BAD_NODES])
def test_nodes(node: str, message: str, hint: str) -> None:
    assert expect_one(f"{TOP}{NODES}      - {node}\n{EDGES}", "error", message, hint).triggers == ()


def test_approval_is_no_unknown_action() -> None:
    node = "{name: x, type: execution, step: train, actions: [{when: node-starting, then: require-approval}]}"
    assert problems(parse_config(f"{TOP}{NODES}      - {node}\n{EDGES}".encode())) == []


def test_two_nodes_of_one_name() -> None:
    text = f"{TOP}{NODES}      - {{name: §train, type: execution, step: train}}\n{EDGES}"
    expect_one(text, "error", "a second node is called `train`", "Give it another name.")


PARAMETERS = [
    (
        "{name: a, target: §trian.parameter.lr}",
        "error",
        "the pipeline has no node `trian`",
        "Did you mean `train`?",
    ),
    ("{name: a, target: §train.parameter.l}", "error", "step `train` has no parameter `l`", ""),
    (
        "{name: a, targets: [train.parameter.lr, §many.parameter.l]}",
        "error",
        "step `train` has no parameter `l`",
        "",
    ),
    ("{name: a, target: §train.lr}", "error", "`train.lr` is not a node's parameter", "node.parameter.name"),
    ("{name: a, target: §deploy.parameter.lr}", "error", "`deploy` is a deployment node", ""),
    ("§{name: a}", "warning", "no node gets this parameter", "under `targets`"),
    (
        "§{name: a, target: train.parameter.lr, targets: []}",
        "error",
        "cannot have both: target and targets",
        "",
    ),
]


@pytest.mark.parametrize(
    ("parameter", "severity", "message", "hint"), PARAMETERS, ids=[case[0] for case in PARAMETERS]
)
def test_parameters(parameter: str, severity: str, message: str, hint: str) -> None:
    expect_one(f"{TOP}{NODES}{EDGES}    parameters:\n      - {parameter}\n", severity, message, hint)


def test_a_broken_step_is_told_once_and_not_again_by_those_who_need_it() -> None:
    top = TOP.replace("    command: c\n", "", 1).replace("- step:", "- §step:", 1)
    parameters = "    parameters: [{name: a, target: train.parameter.lr}]\n"
    config = expect_one(top + NODES + EDGES + parameters, "error", "`step` has no `command`", "")
    assert config.triggers == ()
    assert list(config.valohai.steps) == ["test"]


def test_the_old_word_for_a_pipeline() -> None:
    text = TOP + NODES.replace("- pipeline", "- blueprint") + EDGES
    assert problems(parse_config(text.encode())) == []


def test_threat_17_a_cycle_of_nodes_is_found_among_others() -> None:
    nodes = "".join(f"      - {{name: n{number}, type: execution, step: train}}\n" for number in range(6))
    edges = "".join(
        f"      - [n{before}.output.x, n{after}.input.data]\n"
        for before, after in ((0, 1), (1, 2), (2, 3), (4, 1))
    )
    text = f"{TOP}- pipeline:\n    name: p\n    nodes:\n{nodes}    edges:\n{edges}"
    text += "      - §[n3.output.x, n1.input.data]\n      - [n3.output.x, n5.input.data]\n"
    config = expect_one(text, "error", "the nodes wait for each other: ", "Remove one of these edges.")
    assert "n1 → n2 → n3 → n1" in config.problems[0].message
