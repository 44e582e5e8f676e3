"""One wrong part of an item hides nothing else of it, and none is said to follow from another. Minimal, invented cases."""

import pytest

from schemas.parse_config import parse_config
from tests.builders.marked_yaml import MARK, marked
from tests.unit.schemas import test_parse_config_models as models
from tests.unit.schemas import test_parse_config_triggers as triggers
from tests.unit.schemas import test_parse_config_unseen as unseen

STEP = "- step: {name: train, image: i, command: c, parameters: [{name: lr, default: x}]}\n"
SERVE = "- endpoint: {name: serve, image: i, wsgi: a, files: [{name: a, path: a}, {name: b, path: b}]}\n"

TOGETHER: list[tuple[str, list[str]]] = [
    (
        "- step: {name: s, image: i, command: '', imagee: x, time-limit: odd, inputs: [{name: a, default: gs://b}]}\n",
        ["1:29: the command is empty", "1:42: unknown key `imagee`", "1:65: `odd` is not a duration", "1:98: addresses with `gs://`"],
    ),
    (
        "- step: {name: s, image: 3.1, command: 'run {parameter:lrr}', parameters: [{name: lr, type: int}, {name: a, pass-as: '{'}]}\n",
        ["1:26: `image` must be text", "1:40: `{parameter:lrr}` stays", "1:93: `type` cannot be `int`", "1:118: `{` cannot be filled"],
    ),
    (
        "- step:\n    name: s\n    image: i\n    command: c\n    parameters:\n      - {name: 1}\n      - {name: n, type: integer, default: x}\n",
        ["6:16: `name` must be text", "7:43: the default cannot be: x is not an integer"],
    ),
    ("- task: {name: t, step: s}\n", ["1:3: `task` has no `parameters` or", "1:25: no step is called `s`"]),
    (
        STEP + "- task: {name: t, step: train, stepp: x, parameters: [{name: lrr, style: multiple, rules: {items: []}}], execution-count: 0}\n",
        ["2:32: unknown key `stepp`", "2:62: step `train` has no parameter `lrr`", "2:99: there is no value to try", "2:123: `execution-count` must be"],
    ),
    (
        "- endpoint: {name: Serve, image: i, wsgi: '', port: 80, files: [{name: a, path: ../a}]}\n",
        ["1:20: `name` cannot be `Serve`", "1:37: the command is empty", "1:53: `port` must be at least", "1:81: `../a` leads out"],
    ),
    (
        STEP + "- pipeline:\n    name: p\n    nodes: [{name: a, type: odd}, {name: b, type: execution, step: train}]\n    nodess: x\n    edges:\n      - [x]\n      - [a.output.x, b.input.y]\n      - [b.output.x, c.input.y]\n      - [b.output.x, b.parameter.lr]\n",
        ["4:29: `type` cannot be `odd`", "5:5: unknown key `nodess`", "7:9: Malformed edge", "8:22: step `train` has no input `y`", "9:22: the pipeline has no node `c`", "10:9: an edge cannot go",
            "10:9: the nodes wait for each other"],
    ),
    (
        STEP + "- trigger:\n    name: T\n    when: {pusj: , schedule: {cron: '0 24 * * *'}}\n    run: {step: trian}\n    expect: [3, 'a => 1']\n    paths: 'a*b*c*d*e'\n",
        ["3:11: `name` cannot be `T`", "4:12: unknown key `pusj`", "4:37: `24` cannot be", "5:17: no step is called `trian`", "6:14: an element of `expect`", "6:20: `=>` is not", "7:12: the pattern has more"],
    ),
    (
        STEP + SERVE + "- model: {name: m, from: {step: trian, output: /x}, endpoint: serve, file: c, stage: x, stages: {prod: {replicas: 0}, 'a b': , dev: {require: ['stage:prod', 'stage:x']}}}\n",
        ["3:33: no step is called `trian`", "3:48: `/x` leads out", "3:76: endpoint `serve` has no file `c`", "3:79: unknown key `stage`", "3:115: `replicas` must be", "3:119: a stage cannot be called `a b`", "3:158: the model has no stage `x`"],
    ),
    (
        STEP + "- trigger: {name: t, when: {push: }, run: {step: train}}\n- trigger: {name: t, when: {push: }, run: {step: trian}}\n",
        ["3:19: a second trigger is called `t`", "3:50: no step is called `trian`"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), TOGETHER, ids=[case[1][0] for case in TOGETHER])
def test_all_problems_of_an_item_are_said_at_once(text: str, said: list[str]) -> None:
    found = [
        f"{problem.line}:{problem.column}: {problem.message}"
        for problem in parse_config(text.encode()).problems
    ]
    assert [words for words in said if not any(one.startswith(words) for one in found)] == [], found
    assert len(found) == len(said), found


PIPE = (
    STEP
    + """- pipeline:
    name: p
    nodes:
      - {name: a, type: execution, step: train}
      - {name: b, type: execution, step: train}
      - {name: d, type: deployment, deployment: dep, endpoints: [serve]}
"""
)
DEPLOYED = "- endpoint: {name: serve, image: i, wsgi: a, files: [{name: m, path: a}]}\n"
MODEL = STEP + SERVE + "- trigger: {name: t, when: {push: }, run: {step: train}}\n"

ALONE = [
    ("- step: {name: §yes, image: i, command: c}\n- trigger: {name: t, when: {push: }, run: {step: train}}\n- task: {name: t, step: train, parameters: []}\n"
    "- pipeline: {name: p, nodes: [{name: a, type: execution, step: train}, {name: b, type: task, task: t}], edges: []}\n- model: {name: m, from: {step: train, output: x}}\n"),
    "- trigger: {name: §1, when: {push: }, run: {step: train}}\n" + STEP + "- model: {name: m, from: {step: train, output: x, trigger: t}}\n",
    "- endpoint: {name: §1, image: i, wsgi: a}\n" + MODEL + "- model: {name: m, from: {step: train, output: x}, endpoint: other}\n",
    "- step: {name: s, image: i, command: 'c {parameter:lr}', inputs: [{name: a, default: 's3://b/{parameter:lr}'}], stop-condition: parameter.lr > 1, §paramters: [{name: lr}]}\n",
    "- step: {name: s, image: i, command: 'c {parameter:lr}', parameters: [{name: lr, §typ: float, default: 1}]}\n",
    "- step: {name: s, image: i, command: 'c {parameter:lr}', parameters: [{name: lr, type: §real, default: 1}, {name: a}]}\n",
    "- step: {name: s, image: i, command: §3, parameters: [{name: lr, pass-as: '-l {v}'}]}\n",
    "- step: {name: s, image: i, command: c, runtime-config-preset: a, environment: §1}\n",
    STEP + "- task: {name: t, step: train, type: §odd, parameters: [{name: lr, style: random, rules: {min: 1, max: 2}}], parameter-sets: [{lr: 1}]}\n",
    STEP + "- task: {name: t, step: train, type: random_search, execution-count: §many, parameters: [{name: lr, style: random, rules: {min: 1, max: 2}}]}\n",
    STEP + "- task: {name: t, step: train, type: §odd, optimization-target-value: 1, parameters: []}\n",
    DEPLOYED + PIPE.replace("type: execution, step: train}", "type: §odd, step: train}", 1) + "    edges: [[a.output.x, d.file.serve.m]]\n    parameters: [{name: q, targets: [a.parameter.lr]}]\n",
    DEPLOYED + PIPE.replace("name: a, type", "name: §1, type", 1) + "    edges: [[a.output.x, d.file.serve.m]]\n    parameters: [{name: q, targets: [a.parameter.lr]}]\n",
    DEPLOYED + PIPE + "    edges: [§[a.output.x]]\n",
    "- step: {name: s, image: i, command: ['', §[x]]}\n",
    "- deployment: {name: d, defaults: §x}\n",
    STEP.replace(", default: x", "") + "- trigger: {name: t, when: {push: }, run: {step: train, parameters: §[a]}}\n",
    STEP.replace(", default: x", "") + "- trigger: {name: t, when: {push: }, run: {step: train, §parameter: {lr: 1}}}\n",
    MODEL + "- model: {name: m, from: {step: train, output: x}, endpoint: §1, file: a}\n",
    MODEL + "- model: {name: m, from: {step: train, output: x}, endpoint: serve, §fil: a}\n",
    MODEL + "- model: {name: m, from: {step: train, output: x}, endpoint: serve, file: a, stages: {prod: {§clustr: x}, dev: {require: ['stage:prod']}}}\n",
    PIPE.replace("      - {name: d, type: deployment, deployment: dep, endpoints: [serve]}\n", "    edges: []\n")
    + "- trigger: {name: t, when: {push: }, run: {pipeline: p}}\n- model: {name: m, from: {pipeline: p, output: x, node: §1}}\n",
    STEP + "- trigger: {name: t, when: {push: }, run: {§stp: train}}\n- model: {name: m, from: {step: train, output: x}}\n",
]  # fmt: skip


@pytest.mark.parametrize("text", ALONE)
def test_nothing_is_said_to_follow_from_it(text: str) -> None:
    case = marked(text)
    found = parse_config(case.text).problems
    assert {problem.line for problem in found} == {case.line}, [str(problem) for problem in found]
    assert [problem for problem in found if problem.column > case.column] == []
    assert (case.line, case.column) in {(problem.line, problem.column) for problem in found}
    assert all(problem.rule == "schema" for problem in found), [str(problem) for problem in found]


SINGLE = [
    *(f"{unseen.STEP}- task: {{name: t, step: train, {fields}}}\n" for fields, _, _ in unseen.TASKS),
    *(f"- endpoint: {{name: serve, image: i, {fields}}}\n" for fields, *_ in unseen.ENDPOINTS),
    *(f"{triggers.TOP}- trigger: {item}\n" for item, _, _ in triggers.WRONG),
    *(f"{models.TOP}- model: {item}\n" for item, _, _ in models.WRONG),
]


@pytest.mark.parametrize("text", SINGLE)
def test_a_misspelled_key_beside_hides_nothing(text: str) -> None:
    alone = text.replace(MARK, "")
    begin, _, item = alone.rpartition("\n- ")
    kind, _, rest = item.partition("{")
    beside = f"{begin}\n- {kind}{{zzz: 1, {rest}".lstrip("\n") if begin else f"{kind}{{zzz: 1, {rest}"
    said = [problem.message for problem in parse_config(alone.encode()).problems]
    found = [problem.message for problem in parse_config(beside.encode()).problems]
    assert sorted(found) == sorted(["unknown key `zzz`", *said])


def test_what_others_name_is_looked_for_where_it_can_be_read() -> None:
    text = "- step: {name: s, image: i, command: c, imagee: x, parameters: [{name: lr, type: integer}]}\n"
    text += "- pipeline: {name: p, nodes: [{name: a, type: execution, step: s}], edges: [[a.output.x, a.input.y]]}\n"
    text += "- trigger: {name: t, when: {push: }, run: {step: s, parameters: {lr: x, q: 1}}}\n"
    config = parse_config(text.encode())
    said = [(problem.line, problem.message) for problem in config.problems if problem.line > 1]
    assert said == [
        (2, "the nodes wait for each other: a → a"),
        (2, "step `s` has no input `y`"),
        (3, "parameter `lr`: x is not an integer"),
        (3, "step `s` has no parameter `q`"),
    ]
    assert (list(config.valohai.steps), config.triggers) == ([], ())


def test_a_model_without_a_name_is_spoken_of_without_one() -> None:
    text = STEP + "- model: {name: 1, from: {step: train, output: x}}\n"
    said = [problem.message for problem in parse_config(text.encode()).problems]
    assert said == ["`name` must be text, not a number", "no trigger makes the model"]


def test_what_is_half_read_is_not_used() -> None:
    text = (
        STEP
        + "- step: {name: other, image: i, command: c, imagee: x}\n- trigger: {name: t, when: {push: }, run: {step: other}}\n"
    )
    config = parse_config(text.encode())
    assert list(config.valohai.steps) == ["train"]
    assert config.triggers == ()


def test_places_are_those_of_the_file_behind_what_is_left_out() -> None:
    wrong = "{name: %s, type: int}"
    parameters = ", ".join([wrong % "a", "{name: b, pass-as: '{'}", wrong % "c", "{name: d, pass-as: §'}'}"])
    case = marked(f"- step: {{name: s, image: i, command: c, parameters: [{parameters}]}}\n")
    last = parse_config(case.text).problems[-1]
    assert (last.line, last.column, last.rule) == (case.line, case.column, "step")
