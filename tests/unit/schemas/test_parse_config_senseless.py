"""Parts of steps that the schema allows and that cannot work: a warning while nothing runs the step, an error where something does."""

import pytest

from schemas.parse_config import parse_config
from tests.unit.schemas.test_parse_config_official import expect_one, said

RUN = "- trigger: {name: t, when: {push: }, run: {step: s}}\n"


def step(rest: str, command: str = "c {parameters}") -> str:
    return f"- step: {{name: s, image: i, command: '{command}', {rest}}}\n"


SURELY = [
    ("time-limit: §-5", "`time-limit` must not be below 0", "1h 30m"),
    ("no-output-timeout: §-3", "`no-output-timeout` must not be below 0", "Without it"),
    (
        "environment-variables: [{name: §'A=B', default: x}]",
        "an environment variable cannot be called `A=B`",
        "`default`",
    ),
    ("environment-variables: [{name: §'', default: x}]", "cannot be called ``", "Letters"),
    ("inputs: [{name: §'../../evil', optional: true}]", "an input cannot be called `../../evil`", "Letters"),
    (
        "inputs: [{name: a, default: 's3://b/c', filename: §'../evil.csv'}]",
        "`../evil.csv` leads out",
        "without `..`",
    ),
    (
        "parameters: [{name: p, type: integer, min: §5, max: 2}]",
        "no value fits: `min` 5 is above `max` 2",
        "Swap",
    ),
]


@pytest.mark.parametrize(("rest", "message", "hint"), SURELY, ids=[case[1] for case in SURELY])
def test_what_surely_fails_is_an_error_where_a_trigger_runs_it(rest: str, message: str, hint: str) -> None:
    unused = expect_one(step(rest), "warning", message, hint)
    assert "s" in unused.valohai.steps
    given = ", parameters: {p: 3}" if "min" in rest else ""
    used = parse_config((step(rest).replace("§", "") + RUN.replace("step: s", f"step: s{given}")).encode())
    assert [one for one in used.problems if one.severity == "error" and message in one.message], said(used)
    assert used.triggers == ()
    assert [one.name for one in used.unusable] == ["t"]


SENSELESS = [
    (
        step("environment-variables: [{name: §'A=B'}]"),
        "an environment variable cannot be called `A=B`",
        "Letters",
    ),
    (step("environment-variables: [{name: §1BAD, default: x}]"), "a shell has no variable `1BAD`", "digit"),
    (
        step("inputs: [{name: a, optional: true, default: §'dataset://'}]"),
        "`dataset://` names nothing",
        "dataset://images",
    ),
    (step("inputs: [{name: a, optional: true, default: §'datum://'}]"), "`datum://` names", "datum://churn"),
    (
        step("inputs: [{name: a, default: [§'s3:///', 's3://b/c']}]"),
        "`s3:///` names nothing",
        "s3://bucket",
    ),
    (
        step("parameters: [{name: p, type: float, min: §5, max: 2, optional: true}]"),
        "`min` 5 is above `max` 2",
        "Swap",
    ),
    (
        "- step: {name: §'', image: i, command: c}\n",
        "the step's name is empty: nothing can run it",
        "Give it a name",
    ),
    (step("time-limit: 5").replace("image: i", "image: §''"), "the image is empty", "Name one"),
]


@pytest.mark.parametrize(("text", "message", "hint"), SENSELESS, ids=[case[1] for case in SENSELESS])
def test_what_may_still_be_of_use_is_a_warning(text: str, message: str, hint: str) -> None:
    expect_one(text, "warning", message, hint)
    used = parse_config((text.replace("§", "") + RUN).encode())
    assert next(one for one in used.problems if message in one.message).severity == "warning"


@pytest.mark.parametrize(
    "rest",
    [
        "time-limit: 0",
        "no-output-timeout: 5m",
        "environment-variables: [{name: _a1}]",
        "inputs: [{name: a.b, default: 'dataset://x/1', filename: 'sub/a..b.csv'}]",
        "parameters: [{name: p, type: integer, min: 2, max: 2, default: 2}]",
        "inputs: [{name: a, default: '{parameter:p}'}], parameters: [{name: p}]",
    ],
)
def test_what_works_is_not_spoken_of(rest: str) -> None:
    assert said(parse_config(step(rest).encode())) == []


PLACEHOLDERS = [
    (
        'echo "{\\"acc\\": {parameter-value:lr}}"',
        "`{parameter-value:lr}` stays as it is: an open brace stands before it",
        "variable of the shell",
    ),
    ("x --{a{parameters}", "`{parameters}` stays as it is: an open brace", ""),
    ("run {parameterz}", "`{parameterz}` stays as it is: it is no placeholder", "`{parameters}`"),
    ("run {parameter}", "`{parameter}` stays as it is", "`{parameter:NAME}`"),
    ("run {paramater-value:lr}", "stays as it is", "`{parameter-value:lr}`"),
    ("run {param:lr}", "stays as it is", "`{parameter:lr}`"),
    ("cd {source_path}", "stays as it is", "`{source-path}`"),
    ("run {parameter:lrr}", "the step has no such parameter", "`lr`"),
]


@pytest.mark.parametrize(("command", "message", "hint"), PLACEHOLDERS, ids=[case[0] for case in PLACEHOLDERS])
def test_placeholders_that_stay_as_they_are(command: str, message: str, hint: str) -> None:
    text = f"- step:\n    name: s\n    image: i\n    command: §'{command}'\n    parameters: [{{name: lr}}]\n"
    expect_one(text, "warning", message, hint)
    node = f"[{{name: n, type: execution, step: s, override: {{command: §'{command}'}}}}]"
    fine = step("parameters: [{name: lr}]")
    expect_one(fine + f"- pipeline: {{name: p, nodes: {node}, edges: []}}\n", "warning", message, hint)


@pytest.mark.parametrize(
    "command",
    [
        "run {parameters} {params} {source-path} {parameter:lr} {parameter-value:lr}",
        "echo ${parameter} ${params} ${name}",
        "for i in {1..5}; do touch {a,b}.txt; done; ls | xargs -I {} cp {} x; find . -exec cat {} +",
        'python -c "print(f\'{value} {x:.2f} {path}\')"',
        'curl -d "{\\"lr\\": 1}" x',
        "awk \"{print $1}\" x",
    ],
)  # fmt: skip
def test_other_braces_are_the_commands_own(command: str) -> None:
    text = f"- step:\n    name: s\n    image: i\n    command: |\n      {command}\n    parameters: [{{name: lr}}]\n"
    assert said(parse_config(text.encode())) == []


def test_two_nodes_of_one_name_say_nothing_false_about_their_broken_step() -> None:
    text = (
        "- step: {name: train, image: i, command: c, colour: red}\n"
        "- pipeline:\n    name: p\n    nodes:\n"
        "      - {name: a, type: execution, step: train}\n      - {name: a, type: execution, step: train}\n"
        "    edges: []\n"
    )
    found = said(parse_config(text.encode()))
    assert len(found) == 2, found
    assert "unknown key `colour`" in found[0]
    assert "a second node is called `a`" in found[1]


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("other.acc > 1", "the step `s` has no node `other`: a metric called `other.acc` is asked for"),
        ("n.acc > 1", "the step `s` has no node `n`"),
        ("p.acc > 1", "the step `s` has no node `p`"),
        ("val.loss > 1", ""),
        ("s.acc > 1", ""),
        ("acc > other", "`other` is not known"),
    ],
)
def test_a_node_before_a_steps_metric(expect: str, message: str) -> None:
    text = step("time-limit: 5") + step("time-limit: 5").replace("name: s", "name: other")
    text += "- pipeline: {name: p, nodes: [{name: n, type: execution, step: s}], edges: []}\n"
    found = said(parse_config((text + RUN.replace("}}\n", f"}}, expect: ['{expect}']}}\n")).encode()))
    assert len(found) == bool(message), found
    assert message in "".join(found)


def test_an_address_that_names_nothing_is_no_value() -> None:
    needy = step("inputs: [{name: a, default: 'dataset://'}]")
    pipe = "- pipeline: {name: p, nodes: [{name: n, type: execution, step: s}], edges: []}\n"
    for run, words in (
        (RUN, "input `a` of step `s` has no value"),
        (RUN.replace("step: s", "step: s, inputs: {a: 'datum://'}"), "input `a` of step `s` has no value"),
        (pipe + RUN.replace("step: s", "pipeline: p"), "input `a` of node `n` has no value"),
    ):
        config = parse_config((needy + run).encode())
        assert words in said(config)[-1]
        assert not config.triggers
    given = RUN.replace("step: s", "step: s, inputs: {a: 'dataset://x/latest'}")
    assert parse_config((needy + given).encode()).triggers
