"""Steps, tasks, endpoints, deployments: what the official library says, and what it lets pass, with places."""

import pytest

from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from tests.builders.marked_yaml import marked

STEP = """\
- step:
    name: train
    image: python:3.12
    command: python train.py {parameters}
    parameters:
      - {name: lr, type: float, default: 0.1}
      - {name: epochs, type: integer, default: 5}
    inputs:
      - {name: data, default: "s3://b/data.csv"}
"""


def said(config: RepoConfig) -> list[str]:
    return [f"{problem.severity}: {problem}" for problem in config.problems]


def expect_one(text: str, severity: str, message: str, hint: str) -> RepoConfig:
    """Exactly one problem, at the mark."""
    case = marked(text)
    config = parse_config(case.text)
    assert len(config.problems) == 1, said(config)
    (problem,) = config.problems
    assert (problem.line, problem.column) == (case.line, case.column), str(problem)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.severity == severity
    assert config.ok is (severity == "warning")
    return config


def test_a_good_file_has_no_problems() -> None:
    config = parse_config(STEP.encode())
    assert said(config) == []
    assert list(config.valohai.steps) == ["train"]


NO_ITEMS = [
    ("§", "the file is empty", "Begin with an item"),
    ("§# only words\n", "the file is empty", "Begin with an item"),
    (
        "\n§step: {name: x}\n",
        "the file must be a list of items, not a mapping",
        "Put `- ` before each of them.",
    ),
    ("§hello\n", "the file must be a list of items, not text", "Begin with an item"),
    ("§{}\n", "the file must be a list of items, not a mapping", "Begin with an item"),
]


@pytest.mark.parametrize(("text", "message", "hint"), NO_ITEMS, ids=[case[0].strip() for case in NO_ITEMS])
def test_a_file_that_is_no_list(text: str, message: str, hint: str) -> None:
    assert expect_one(text, "error", message, hint).valohai is None


def test_an_empty_list_is_a_sound_file() -> None:
    config = parse_config(b"[]\n")
    assert config.ok
    assert config.valohai.steps == {}


ITEMS = [
    ("- §steps: {name: x}\n", "warning", "nothing reads the item `steps`", "an item of its own: `- step:`"),
    (
        "- §definitions: &d {name: x}\n",
        "warning",
        "nothing reads the item `definitions`",
        "Known here: step, task",
    ),
    ("- §step\n", "error", "an item must be a mapping, not text", "Write a kind"),
    ("- §null\n", "error", "an item must be a mapping, not nothing", "Write a kind"),
    (
        STEP + "- step: {name: other, image: i, command: c}\n  §task: {name: x}\n",
        "warning",
        "`task` is ignored, because the same item has `step`",
        "Make it an item of its own",
    ),
    (
        STEP + "- step: {name: other, image: i, command: c}\n  §trigger: {name: x}\n",
        "error",
        "`trigger` is ignored, because the same item has `step`",
        "Make it an item of its own: `- trigger:`.",
    ),
    (
        STEP + "- step: {name: §train, image: i, command: c}\n",
        "warning",
        "a second step is called `train` (the first is on line 1)",
        "The last one counts",
    ),
    (
        STEP + "- step: {name: x, image: i, command: c, §command: d}\n",
        "warning",
        "`command` is given twice (first on line 10)",
        "Remove one of them.",
    ),
    (STEP + "- step: {name: x, image: i, command: c, §7: d}\n", "error", "the key `7` is not text", "quotes"),
    (STEP + '- step: {name: x, image: i, command: §"a\\0b"}\n', "error", "cannot be stored", ""),
]


@pytest.mark.parametrize(("text", "severity", "message", "hint"), ITEMS, ids=[case[2] for case in ITEMS])
def test_items(text: str, severity: str, message: str, hint: str) -> None:
    expect_one(text, severity, message, hint)


SCHEMA = [
    ("- §step: {name: a, image: i}\n", "`step` has no `command`", ""),
    (
        "- step: {name: a, image: i, command: c, §imagee: x}\n",
        "unknown key `imagee`",
        "Did you mean `image`?",
    ),
    (
        "- step: {name: a, image: §3.12, command: c}\n",
        "`image` must be text, not a number",
        "Write it in quotes.",
    ),
    ("- step: {name: §yes, image: i, command: c}\n", "`name` must be text, not true or false", "in quotes"),
    (
        "- step: {name: a, image: i, command: §{x: y}}\n",
        "`command` must be text or a list, not a mapping",
        "",
    ),
    (
        "- step: {name: a, image: i, command: [a, §3]}\n",
        "an element of `command` must be text, not a number",
        "",
    ),
    ("- step: §[]\n", "`step` must be a mapping, not a list", ""),
    ("- step:§\n", "`step` must be a mapping, not nothing", ""),
    (
        "- step: {name: a, image: i, command: c, parameters: [{name: p, type: §int}]}\n",
        "`type` cannot be `int`",
        "Did you mean `integer`?",
    ),
    (
        "- step: {name: a, image: i, command: c, parameters: [§{type: integer}]}\n",
        "an element of `parameters` has no `name`",
        "",
    ),
    (
        "- step: {name: a, image: i, command: c, inputs: [{name: §" + "x" * 65 + "}]}\n",
        "`name` must have at most 64 characters",
        "",
    ),
    (
        "- step: {name: a, image: i, command: c, time-limit: §1.5}\n",
        "`time-limit` must be a whole number or text, not a number",
        "",
    ),
    ("- endpoint: {name: §Upper, image: i, wsgi: a}\n", "`name` cannot be `Upper`", "lower-case"),
    ("- §endpoint: {name: lower, image: i}\n", "`endpoint` has no `server-command` or `wsgi`", ""),
    (
        "- endpoint: {name: lower, image: i, server-command: a, §wsgi: b}\n",
        "`endpoint` has server-command, wsgi, and can have only one of them",
        "Remove the others.",
    ),
    ("- endpoint: {name: lower, image: i, wsgi: a, port: §80}\n", "`port` must be at least 1025", ""),
    ("- endpoint: {name: lower, image: i, wsgi: a, port: §99999}\n", "`port` must be at most 65535", ""),
    ("- deployment: {name: d, defaults: {target: t}, §targe: x}\n", "unknown key `targe`", "Known here"),
    ("- §deployment: {defaults: {target: t}}\n", "`deployment` has no `name`", ""),
    (
        "- step: {name: a, image: i, command: c, mounts: [{source: /a, destination: §b}]}\n",
        "`destination` cannot be `b`",
        "begin with `/`",
    ),
    ("- endpoint: {name: §e, image: i, wsgi: a}\n", "`name` cannot be `e`", "At least two characters"),
]


@pytest.mark.parametrize(("text", "message", "hint"), SCHEMA, ids=[case[1] for case in SCHEMA])
def test_the_official_schema_in_words_and_with_places(text: str, message: str, hint: str) -> None:
    assert expect_one(text, "error", message, hint).valohai.steps == {}


LIBRARY = [
    ('time-limit: §"300"', "error", "`300` is not a duration", "Write a whole number of seconds"),
    ("no-output-timeout: §soon", "error", "`soon` is not a duration", "1h 30m"),
    ("time-limit: §5 years", "error", "`5 years` is not a duration", "1h 30m"),
    (
        "parameters: [{name: a}, §{name: p, type: flag, multiple: repeat}]",
        "error",
        "Flag parameters can't be multiple",
        "",
    ),
    (
        "parameters: [{name: p, type: integer, default: §x}]",
        "warning",
        "the default cannot be: x is not an integer",
        "would be refused",
    ),
    ("parameters: [{name: p, default: §2020-01-01}]", "warning", "is a date in YAML", "Write it in quotes."),
    (
        "parameters: [{name: p, default: §.inf}]",
        "error",
        "`.inf` is not a finite number",
        "JSON has no infinity",
    ),
    ('stop-condition: §"a >"', "error", "the expression cannot be read", "accuracy >= 0.99"),
    ("§runtime-config-preset: x", "error", "needs an `environment` beside it", ""),
    (
        "parameters: [{name: p, default: §8}]",
        "warning",
        "the default 8 is a number, and the parameter's type is `string`",
        "Write `type: integer`",
    ),
    (
        "parameters: [{name: p, type: flag, §optional: true}]",
        "warning",
        "`optional` has no effect",
        "Remove it.",
    ),
    ("parameters: [{name: p, pass-as: §'{q}'}]", "error", "`{q}` is not known in `pass-as`", ""),
    ("parameters: [{name: p}, {name: §p}]", "warning", "`p` is given twice in `parameters`", ""),
    ("inputs: [{name: p}, {name: §p}]", "warning", "`p` is given twice in `inputs`", ""),
    ("mounts: [§relative]", "error", "an element of `mounts` cannot be `relative`", ""),
]


@pytest.mark.parametrize(("field", "severity", "message", "hint"), LIBRARY, ids=[case[2] for case in LIBRARY])
def test_fields_that_the_library_stumbles_over(field: str, severity: str, message: str, hint: str) -> None:
    text = f"- step:\n    name: s\n    image: i\n    command: c\n    {field}\n"
    if "§" not in text:
        text = text.replace("step:", "§step:", 1)
    expect_one(text, severity, message, hint)


COMMANDS = [
    ("§command: []", "error", "the command is empty", ""),
    ("§command: ['  ', '']", "error", "the command is empty", ""),
    ("§command: ''", "error", "the command is empty", ""),
    ("command: §run {parameter:pp}", "warning", "`{parameter:pp}` stays as it is", "Did you mean `ppp`?"),
    ("command: [a, §'{parameter-value:no}']", "warning", "`{parameter-value:no}` stays as it is", ""),
]


@pytest.mark.parametrize(
    ("field", "severity", "message", "hint"), COMMANDS, ids=[case[0] for case in COMMANDS]
)
def test_commands(field: str, severity: str, message: str, hint: str) -> None:
    expect_one(
        f"- step:\n    name: s\n    image: i\n    {field}\n    parameters: [{{name: ppp}}]\n",
        severity,
        message,
        hint,
    )


TASKS = [
    (
        "step: train, parameters: [{name: lr, style: multiple, rules: {§values: [1]}}]",
        "error",
        "unknown key `values`",
        "Did you mean `items`?",
    ),
    (
        "step: train, parameters: [{name: lr, style: multiple, rules: {value: §[1]}}]",
        "error",
        "`value` must be a number, not a list",
        "Several values are `items`",
    ),
    ("step: §trian, parameters: []", "warning", "no step is called `trian`", "Did you mean `train`?"),
    ("step: train, parameters: [], type: §grid", "error", "'grid' is not a valid TaskType", "grid_search"),
    (
        "step: train, parameters: [], on-child-error: §go",
        "error",
        "not a valid TaskOnChildError",
        "stop-all-and-error",
    ),
    (
        "step: train, parameters: [{name: §ls, style: single, rules: {value: 1}}]",
        "warning",
        "step `train` has no parameter `ls`",
        "",
    ),
    (
        "step: train, type: manual_search, parameter-sets: [{§leaning: 1}]",
        "warning",
        "step `train` has no parameter `leaning`",
        "",
    ),
    (
        "step: train, parameters: [{name: lr, style: linear, §rules: {start: 1, end: 2}}]",
        "warning",
        "the style `linear` needs the rules `start`, `end`, `step`",
        "",
    ),
    (
        "step: train, §parameter-sets: [{lr: 1}]",
        "warning",
        "a task of type `grid_search` takes no `parameter-sets`",
        "",
    ),
    (
        "step: train, parameters: [], §engine: optuna",
        "warning",
        "`engine` has no effect",
        "type: bayesian_tpe",
    ),
]


@pytest.mark.parametrize(("fields", "severity", "message", "hint"), TASKS, ids=[case[2] for case in TASKS])
def test_tasks(fields: str, severity: str, message: str, hint: str) -> None:
    expect_one(f"{STEP}- task: {{name: sweep, {fields}}}\n", severity, message, hint)


def test_a_flawed_task_is_an_error_once_a_trigger_runs_it() -> None:
    text = f"{STEP}- task: {{name: sweep, step: §trian, parameters: []}}\n"
    text += "- trigger: {name: t, when: {push: }, run: {task: sweep}}\n"
    assert expect_one(text, "error", "no step is called `trian`", "").triggers == ()


def test_a_deployment_without_a_target_is_a_warning() -> None:
    expect_one("- §deployment: {name: d}\n", "warning", "the deployment has no target", "")
    expect_one(
        "- §deployment: {name: d, defaults: {region: x}}\n", "warning", "the deployment has no target", ""
    )


def test_all_problems_come_at_once_and_in_the_order_of_lines() -> None:
    config = parse_config(
        b"- step: {name: a, imag: i, command: c}\n"
        b"- steps: {}\n"
        b"- step: {name: b, image: i, command: []}\n"
        b"- task: {name: t, step: nowhere, parameters: [], type: odd}\n"
        b"- trigger: {name: config, when: {push: }, run: {step: nothing}}\n"
        b"- model: {name: m, from: {step: a}}\n"
    )
    assert [(problem.line, problem.severity) for problem in config.problems] == [
        (1, "error"),
        (1, "error"),
        (2, "warning"),
        (3, "error"),
        (4, "warning"),
        (4, "error"),
        (5, "error"),
        (5, "error"),
        (6, "error"),
    ]


def test_the_path_is_in_every_problem() -> None:
    assert str(parse_config(b"- a: [\n", "sub/valohai.yaml").problems[0]).startswith(
        "sub/valohai.yaml:2:1: not valid YAML"
    )
