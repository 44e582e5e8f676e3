"""Triggers: what a good one becomes, and every way to get one wrong, with its place."""

import pytest

from schemas.parse_config import parse_config
from schemas.repo_config import (
    Concurrency,
    Expectation,
    PushRule,
    RepoConfig,
    ScheduleRule,
    Target,
    Trigger,
    When,
)
from tests.builders.marked_yaml import marked

TOP = """\
- step:
    name: train
    image: i
    command: c
    parameters:
      - {name: lr, type: float, default: 0.1}
      - {name: layers, type: integer, multiple: repeat, default: [1]}
    inputs: [{name: data, default: "s3://b/d"}]
- step:
    name: test
    image: i
    command: c
    inputs: [{name: model, optional: true}]
- step:
    name: needy
    image: i
    command: c
    parameters: [{name: lr, type: float}, {name: note, optional: true}]
    inputs: [{name: data}]
- task: {name: sweep, step: train, parameters: [{name: lr, style: multiple, rules: {items: [1, 2]}}]}
- pipeline:
    name: p
    nodes:
      - {name: train, type: execution, step: train}
      - {name: test, type: execution, step: test}
      - {name: deploy, type: deployment, deployment: d}
    edges:
      - [train.output.m, test.input.model]
      - [test.dependency.x, deploy.dependency.x]
    parameters: [{name: rate, target: train.parameter.lr}]
- pipeline:
    name: two-ends
    nodes:
      - {name: a, type: execution, step: train}
      - {name: b, type: execution, step: train}
    edges: []
"""


def problems(config: RepoConfig) -> list[str]:
    return [f"{problem.severity}: {problem}" for problem in config.problems]


def good(trigger: str) -> Trigger:
    config = parse_config((TOP + trigger).encode())
    assert problems(config) == []
    (only,) = config.triggers
    return only


def expect_one(text: str, message: str, hint: str) -> RepoConfig:
    case = marked(TOP + text)
    config = parse_config(case.text)
    assert len(config.problems) == 1, problems(config)
    (problem,) = config.problems
    assert (problem.line, problem.column) == (case.line, case.column), str(problem)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.severity == "error"
    assert config.triggers == ()
    return config


FULL = """\
- trigger:
    name: train-1
    when:
      push: {branches: [main, "release/*"]}
      pull-request: {targets: main}
      tag: {names: ["nightly-*"]}
      schedule: {cron: "0 3 * * *", timezone: Europe/Helsinki, branch: main}
      comment: /train
    paths: [train.py, "data/**"]
    run:
      pipeline: p
      parameters: {rate: 0.5}
      inputs: {train.data: "s3://b/other", test.model: ["s3://b/1", "s3://b/2"]}
      environment: gpu
    concurrency: {group: "{trigger}/{ref}", replace: all}
    reuse: true
    reads: "src/**"
    expect: ["accuracy >= 0.9", "train.loss < base + 0.1"]
    base: required
    required: false
    commits: each
"""


def test_everything_that_a_trigger_can_say() -> None:
    assert good(FULL) == Trigger(
        name="train-1",
        when=When(
            push=PushRule(("main", "release/*")),
            pull_request_targets=("main",),
            tag_names=("nightly-*",),
            schedule=ScheduleRule("0 3 * * *", "Europe/Helsinki", "main"),
            comment="/train",
        ),
        target=Target(
            kind="pipeline",
            name="p",
            parameters={"rate": 0.5},
            inputs={"train.data": ("s3://b/other",), "test.model": ("s3://b/1", "s3://b/2")},
            environment="gpu",
        ),
        paths=("train.py", "data/**"),
        concurrency=Concurrency("{trigger}/{ref}", "all"),
        reuse=True,
        reads=("src/**",),
        expect=(
            Expectation("accuracy >= 0.9", "test", "accuracy", ">=", "0.9"),
            Expectation("train.loss < base + 0.1", "train", "loss", "<", "base + 0.1"),
        ),
        base_required=True,
        required=False,
        every_commit=True,
        line=TOP.count("\n") + 1,
    )


def test_the_least_that_a_trigger_must_say() -> None:
    trigger = good("- trigger: {name: t, when: {push: }, run: {step: train}}\n")
    assert trigger.when == When(push=PushRule(("*",)))
    assert trigger.target == Target("step", "train")
    assert (trigger.required, trigger.reuse, trigger.base_required, trigger.every_commit) == (
        True,
        False,
        False,
        False,
    )


def test_events_without_patterns_mean_all() -> None:
    trigger = good("- trigger: {name: t, when: {pull-request: , tag: {}}, run: {step: train}}\n")
    assert trigger.when == When(pull_request_targets=("*",), tag_names=("*",))


@pytest.mark.parametrize(
    ("run", "text", "node", "metric"),
    [
        ("step: train", "accuracy > 1", None, "accuracy"),
        ("step: train", "val.loss > 1", None, "val.loss"),
        ("step: train", "train.loss > 1", None, "loss"),
        ("task: sweep", "loss > 1", None, "loss"),
        ("pipeline: p", "loss > 1", "test", "loss"),
        ("pipeline: p", "train.val.loss > 1", "train", "val.loss"),
        ("pipeline: two-ends", "b.loss > 1", "b", "loss"),
    ],
)
def test_whose_metric_is_meant(run: str, text: str, node: str | None, metric: str) -> None:
    trigger = good(f"- trigger: {{name: t, when: {{push: }}, run: {{{run}}}, expect: {text}}}\n")
    assert [(one.node, one.metric) for one in trigger.expect] == [(node, metric)]


def test_values_for_a_step_are_kept_as_written() -> None:
    trigger = good(
        "- trigger: {name: t, when: {push: }, run: {step: needy, parameters: {lr: 2, note: null}, inputs: {data: 's3://x'}}}\n"
    )
    assert trigger.target.parameters == {"lr": 2, "note": None}
    assert trigger.target.inputs == {"data": ("s3://x",)}


WRONG = [
    ("{name: §config, when: {push: }, run: {step: train}}", "a trigger cannot be called `config`", "verdict"),
    ("{name: §Train, when: {push: }, run: {step: train}}", "`name` cannot be `Train`", "lower-case"),
    ('{name: §"a\\n", when: {push: }, run: {step: train}}', "cannot be called `a`", "Lower-case"),
    ('{name: §"", when: {push: }, run: {step: train}}', "`name` cannot be ``", "lower-case"),
    ("{name: §3, when: {push: }, run: {step: train}}", "`name` must be text, not a number", "in quotes"),
    ("{name: t, run: {step: train}}", "`trigger` has no `when`", ""),
    ("{name: t, when: {push: }}", "`trigger` has no `run`", ""),
    ("{name: t, when: §{}, run: {step: train}}", "`when` must not be empty", ""),
    ("{name: t, when: {§pushh: }, run: {step: train}}", "unknown key `pushh`", "Did you mean `push`?"),
    (
        "{name: t, when: {push: §main}, run: {step: train}}",
        "`push` must be a mapping or nothing, not text",
        "",
    ),
    ("{name: t, when: {push: {branches: §[]}}, run: {step: train}}", "`branches` must not be empty", ""),
    ("{name: t, when: {push: {§branch: x}}, run: {step: train}}", "unknown key `branch`", "`branches`"),
    ("{name: t, when: {comment: §train}, run: {step: train}}", "`comment` cannot be `train`", "slash"),
    ("{name: t, when: {§schedule: {timezone: UTC}}, run: {step: train}}", "`schedule` has no `cron`", ""),
    (
        '{name: t, when: {schedule: {cron: §"0 3 * *"}}, run: {step: train}}',
        "five fields, this one has 4",
        "0 3 * * *",
    ),
    (
        '{name: t, when: {schedule: {cron: §"0 24 * * *"}}, run: {step: train}}',
        "`24` cannot be the hour",
        "0 3 * * *",
    ),
    (
        '{name: t, when: {schedule: {cron: "0 3 * * *", timezone: §Europe/Helsingfors}}, run: {step: train}}',
        "`Europe/Helsingfors` is not a time zone",
        "tz database",
    ),
    ("{name: t, when: {push: }, §run: {}}", "`run` has no `step`, `pipeline` or `task`", ""),
    (
        "{name: t, when: {push: }, run: {step: train, §task: sweep}}",
        "has step, task, and can have only one",
        "Remove",
    ),
    ("{name: t, when: {push: }, run: {step: §trian}}", "no step is called `trian`", "Did you mean `train`?"),
    (
        "{name: t, when: {push: }, run: {pipeline: §q}}",
        "no pipeline is called `q`",
        "Known here: p, two-ends.",
    ),
    ("{name: t, when: {push: }, run: {task: §train}}", "no task is called `train`", "Known here: sweep."),
    (
        "{name: t, when: {push: }, run: {step: train, parameters: {§lrr: 1}}}",
        "step `train` has no parameter `lrr`",
        "Did you mean `lr`?",
    ),
    (
        "{name: t, when: {push: }, run: {step: train, parameters: {lr: §fast}}}",
        "parameter `lr`: fast is not a floating-point number",
        "",
    ),
    (
        "{name: t, when: {push: }, run: {step: train, parameters: {lr: §[1, 2]}}}",
        "Only a single value is allowed",
        "",
    ),
    (
        "{name: t, when: {push: }, run: {step: train, inputs: {§date: 's3://x'}}}",
        "step `train` has no input `date`",
        "Did you mean `data`?",
    ),
    (
        "{name: t, when: {push: }, run: {step: train, inputs: {data: §1}}}",
        "`data` must be text or a list",
        "",
    ),
    (
        "{name: t, when: {push: }, run: {step: §needy, inputs: {data: 's3://x'}}}",
        "parameter `lr` of step `needy` has no value",
        "Give one here under `parameters`",
    ),
    (
        "{name: t, when: {push: }, run: {step: §needy, parameters: {lr: 1}, inputs: {data: []}}}",
        "input `data` of step `needy` has no value",
        "Give one here under `inputs`",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: p, parameters: {§lr: 1}}}",
        "pipeline `p` has no parameter `lr`",
        "Known here: rate.",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: p, parameters: {rate: §{a: 1}}}}",
        "a value must be text",
        "",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: p, inputs: {§data: x}}}",
        "no node `data`",
        "Write `node.input`.",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: p, inputs: {§train.date: x}}}",
        "step `train` has no input `date`",
        "Did you mean `data`?",
    ),
    (
        "{name: t, when: {push: }, run: {step: train}, paths: [a, §'*a*b*c*d']}",
        "more than 3 wildcards",
        "Split it",
    ),
    (
        "{name: t, when: {push: }, run: {step: train}, paths: §'**/a/**/b/**/c/**'}",
        "more than 3 wildcards",
        "Split it",
    ),
    (
        "{name: t, when: {push: {branches: [§'*a*b*c*d']}}, run: {step: train}}",
        "more than 3 wildcards",
        "Split it",
    ),
    (
        "{name: t, when: {push: }, run: {step: train}, concurrency: {group: §'{branch}'}}",
        "`{branch}` has no meaning in a group",
        "{pull-request}",
    ),
    (
        "{name: t, when: {push: }, run: {step: train}, concurrency: {group: a, replace: §some}}",
        "cannot be `some`",
        "",
    ),
    (
        "{name: t, when: {push: }, run: {step: train}, base: §yes}",
        "`base` cannot be `True`",
        "Known here: optional",
    ),
    (
        "{name: t, when: {push: }, run: {step: train}, §expects: a}",
        "unknown key `expects`",
        "Did you mean `expect`?",
    ),
    ("{name: t, when: {push: }, run: {step: train}, §name: u}", "`name` is given twice", "Remove"),
    (
        "{name: t, when: {push: }, run: {step: train}, expect: [a > 1, b §=> 1]}",
        "`=>` is not a comparison",
        "",
    ),
    ('{name: t, when: {push: }, run: {step: train}, expect: ["b §=> 1"]}', "`=>` is not a comparison", ""),
    (
        "{name: t, when: {push: }, run: {step: train}, expect: a > §best}",
        "`best` is not known",
        "Only `base`",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: p}, expect: §tset.a > 1}",
        "the pipeline has no node `tset` with metrics",
        "Did you mean `test`?",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: p}, expect: §deploy.a > 1}",
        "no node `deploy` with metrics",
        "",
    ),
    (
        "{name: t, when: {push: }, run: {pipeline: two-ends}, expect: [§loss < 1]}",
        "the pipeline ends in several nodes (a, b); say whose `loss` is meant",
        "For example `a.loss`.",
    ),
]


@pytest.mark.parametrize(("item", "message", "hint"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_and_where(item: str, message: str, hint: str) -> None:
    begin = "- trigger: " if "§" in item else "- §trigger: "
    expect_one(f"{begin}{item}\n", message, hint)


def test_a_bare_on_is_explained() -> None:
    case = marked(f"{TOP}- trigger: {{name: t, §on: {{push: }}, run: {{step: train}}}}\n")
    found = parse_config(case.text).problems
    (about_on,) = [problem for problem in found if problem.column == case.column]
    assert about_on.hint == "YAML reads a bare `on` as true; the key of a trigger is `when`."


def test_two_triggers_of_one_name() -> None:
    case = marked(
        f"{TOP}- trigger: {{name: t, when: {{push: }}, run: {{step: train}}}}\n"
        "- trigger: {name: §t, when: {tag: }, run: {step: train}}\n"
    )
    config = parse_config(case.text)
    (problem,) = config.problems
    assert (problem.line, problem.column, problem.severity) == (case.line, case.column, "error")
    assert "a second trigger is called `t`" in problem.message
    assert [trigger.when.push for trigger in config.triggers] == [PushRule()], "the first one stays"
