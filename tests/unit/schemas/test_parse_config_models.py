"""Models: what a good one becomes, and every way to get one wrong, with its place."""

from pathlib import Path

import pytest

from schemas.parse_config import parse_config
from schemas.repo_config import Model, ModelSource, RepoConfig, Smoke, Stage
from tests.builders.marked_yaml import marked

ROOT = Path(__file__).parents[3]

TOP = """\
- step: {name: train, image: i, command: c}
- step: {name: test, image: i, command: c, inputs: [{name: m, optional: true}]}
- step: {name: alone, image: i, command: c}
- pipeline:
    name: p
    nodes:
      - {name: t, type: execution, step: train}
      - {name: e, type: execution, step: test}
      - {name: d, type: deployment, deployment: d}
    edges: [[t.output.m, e.input.m]]
- pipeline:
    name: ends
    nodes: [{name: x, type: execution, step: test}, {name: y, type: execution, step: test}]
    edges: []
- endpoint: {name: predict, image: i, server-command: a, files: [{name: model, path: m}]}
- endpoint: {name: two-files, image: i, server-command: a, files: [{name: one, path: m}, {name: two, path: n}]}
- endpoint: {name: no-files, image: i, server-command: a}
- trigger: {name: whole, when: {push: }, run: {pipeline: p}}
- trigger: {name: both, when: {push: }, run: {pipeline: ends}}
- trigger: {name: part, when: {tag: }, run: {step: test}}
"""


def problems(config: RepoConfig) -> list[str]:
    return [f"{problem.severity}: {problem}" for problem in config.problems]


def good(model: str) -> Model:
    config = parse_config((TOP + model).encode())
    assert problems(config) == []
    (only,) = config.models
    return only


def expect_one(text: str, message: str, hint: str, severity: str = "error") -> RepoConfig:
    case = marked(TOP + text)
    config = parse_config(case.text)
    assert len(config.problems) == 1, problems(config)
    (problem,) = config.problems
    assert (problem.line, problem.column) == (case.line, case.column), str(problem)
    assert message in problem.message
    assert hint in problem.hint
    assert problem.severity == severity
    assert bool(config.models) is (severity == "warning")
    return config


def test_everything_that_a_model_can_say() -> None:
    model = good(
        "- model:\n"
        "    name: models/eu:churn_1\n"
        "    from: {pipeline: p, node: t, output: out/model.pkl, trigger: whole}\n"
        "    endpoint: two-files\n"
        "    file: two\n"
        "    stages:\n"
        "      staging:\n"
        "      prod:\n"
        "        cluster: production\n"
        "        replicas: 2\n"
        "        require: [signed-tag, 'stage:staging']\n"
        "        smoke: {post: sample.json, expect: 201}\n"
        "      open: {smoke: }\n"
    )
    assert model == Model(
        name="models/eu:churn_1",
        source=ModelSource(output="out/model.pkl", pipeline="p", node="t", trigger="whole"),
        endpoint="two-files",
        file="two",
        stages={
            "staging": Stage("staging"),
            "prod": Stage(
                "prod", "production", 2, ("signed-tag", "stage:staging"), Smoke("sample.json", 201)
            ),
            "open": Stage("open", smoke=Smoke()),
        },
        line=TOP.count("\n") + 1,
    )


def test_the_least_that_a_model_must_say() -> None:
    assert good("- model: {name: m, from: {step: train, output: o}}\n") == Model(
        name="m", source=ModelSource(output="o", step="train"), line=TOP.count("\n") + 1
    )


def test_what_is_the_only_one_need_not_be_named() -> None:
    model = good("- model: {name: m, from: {pipeline: p, output: o}, endpoint: predict}\n")
    assert (model.source.node, model.file) == ("e", "model")


WRONG = [
    ("{from: {step: train, output: o}}", "`model` has no `name`", ""),
    ("{name: §-m, from: {step: train, output: o}}", "`name` cannot be `-m`", "GTO"),
    ("{name: §m.x, from: {step: train, output: o}}", "`name` cannot be `m.x`", "GTO"),
    ("{name: m}", "`model` has no `from`", ""),
    ("{name: m, from: §train}", "`from` must be a mapping, not text", ""),
    ("{name: m, §from: {step: train}}", "`from` has no `output`", ""),
    ("{name: m, §from: {output: o}}", "`from` has no `step` or `pipeline`", ""),
    ("{name: m, from: {step: train, §pipeline: p, output: o}}", "can have only one of them", "Remove"),
    ("{name: m, from: {step: §trian, output: o}}", "no step is called `trian`", "Did you mean `train`?"),
    ("{name: m, from: {pipeline: §q, output: o}}", "no pipeline is called `q`", "Known here: p, ends."),
    ("{name: m, from: {step: train, §node: t, output: o}}", "`node` belongs to a pipeline", ""),
    (
        "{name: m, from: {pipeline: p, node: §train, output: o}}",
        "no node `train` with outputs",
        "Known here: t, e.",
    ),
    ("{name: m, from: {pipeline: p, node: §d, output: o}}", "no node `d` with outputs", ""),
    ("{name: m, from: {pipeline: §ends, output: o}}", "the pipeline ends in several nodes (x, y)", "`node`"),
    ("{name: m, from: {step: train, output: §/etc/passwd}}", "leads out of its folder", "relative"),
    ("{name: m, from: {step: train, output: §a/../../b}}", "leads out of its folder", "relative"),
    ("{name: m, from: {step: train, output: o, trigger: §who}}", "no trigger is called `who`", "`whole`"),
    ("{name: m, from: {step: train, output: o, trigger: §part}}", "`part` does not run `train`", ""),
    ("{name: m, from: {pipeline: p, output: o, trigger: §part}}", "`part` does not run `p`", ""),
    (
        "{name: m, from: {step: train, output: o}, endpoint: §predit}",
        "no endpoint is called `predit`",
        "`predict`",
    ),
    (
        "{name: m, from: {step: train, output: o}, §file: model}",
        "`file` without `endpoint`",
        "Name the endpoint",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, file: §modle}",
        "endpoint `predict` has no file `modle`",
        "Did you mean `model`?",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: §two-files}",
        "endpoint `two-files` has the files one, two",
        "Say with `file`",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: §no-files}",
        "`no-files` has no files",
        "Give it one",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {§-x: }}",
        "a stage cannot be called `-x`",
        "first and last",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {§'p!': }}",
        "a stage cannot be called `p!`",
        "first and last",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: §3}}",
        "`x` must be a mapping or nothing, not a number",
        "",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: {§replica: 2}}}",
        "unknown key `replica`",
        "`replicas`",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: {replicas: §0}}}",
        "must be at least 1",
        "",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: {require: [§signed]}}}",
        "`signed` is nothing that a stage can require",
        "`signed-tag`",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {prod: {require: ['§stage:stagin']}, staging: }}",
        "the model has no stage `stagin`",
        "Did you mean `staging`?",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: {require: ['§stage:x']}}}",
        "requires itself",
        "",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {prod: {§require: ['stage:stag']}, stag: {require: [signed-tag, 'stage:prod']}, dev: {require: ['stage:prod']}}}",
        "the stages require each other: prod → stag → prod",
        "Remove one",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: {smoke: {post: §../secret}}}}",
        "leads out of its folder",
        "relative",
    ),
    (
        "{name: m, from: {step: train, output: o}, endpoint: predict, stages: {x: {smoke: {expect: §20}}}}",
        "`expect` must be at least 100",
        "",
    ),
]


@pytest.mark.parametrize(("item", "message", "hint"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_and_where(item: str, message: str, hint: str) -> None:
    if "'§" in item:
        item = item.replace("'§", "§'")
    begin = "- model: " if "§" in item else "- §model: "
    expect_one(f"{begin}{item}\n", message, hint)


def test_a_model_that_no_trigger_makes_is_a_warning() -> None:
    item = "- model: {name: m, §from: {step: alone, output: o}}\n"
    expect_one(item, "no trigger makes the model `m`", "for ever", "warning")


def test_stages_that_nothing_can_serve_are_a_warning() -> None:
    item = "- model: {name: m, from: {step: train, output: o}, §stages: {prod: }}\n"
    expect_one(item, "nothing can serve the stages of the model `m`", "`endpoint: predict`", "warning")
    assert good(item.replace("§", "").replace("stages: {prod: }", "stages: {}")).stages == {}


@pytest.mark.parametrize(
    "broken",
    [
        "- endpoint: {name: e, image: i}\n",
        "- step: {name: s, image: i}\n",
        "- trigger: {name: g, when: {push: }, run: {step: s, x: y}}\n",
    ],
)
def test_a_model_goes_with_what_it_builds_on_and_no_other(broken: str) -> None:
    config = parse_config(
        (
            f"{TOP}{broken}"
            "- model: {name: sound, from: {step: train, output: o}}\n"
            f"- model: {{name: lame, from: {{step: {'s' if 'step: {name' in broken else 'train'}, output: o"
            f"{', trigger: g' if 'trigger' in broken else ''}}}{', endpoint: e, file: f' if 'endpoint' in broken else ''}}}\n"
        ).encode()
    )
    assert [model.name for model in config.models] == ["sound"]


def test_the_example_of_the_repository_is_sound() -> None:
    config = parse_config((ROOT / "examples" / "wine" / "valohai.yaml").read_bytes())
    assert problems(config) == []
    assert config.triggers
    assert [model.name for model in config.models] == ["wine"]
