"""Parameter values and command entries of a step."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from valohai_yaml.objs import Step

from schemas.commands import LONGEST_COMMAND, entries, template_problem, values_for
from schemas.errors import ConfigError


def step(*parameters: dict[str, Any], command: str | list[str] = "run {parameters}") -> Step:
    return Step.parse({"name": "s", "image": "i", "command": command, "parameters": list(parameters)})


LR = {"name": "lr", "type": "float", "default": 0.1, "min": 0}
EPOCHS = {"name": "epochs", "type": "integer", "default": 5}
SHUFFLE = {"name": "shuffle", "type": "flag", "default": True}
LAYERS = {"name": "layers", "type": "integer", "multiple": "separate", "default": [3, 4]}
LABEL = {"name": "label", "choices": ["a", "b"]}


def test_defaults_are_values_and_flags_are_among_them() -> None:
    assert values_for(step(LR, EPOCHS, SHUFFLE, LAYERS), {}) == {
        "lr": 0.1,
        "epochs": 5,
        "shuffle": True,
        "layers": [3, 4],
    }


def test_explicit_values_win_and_the_order_is_the_steps() -> None:
    values = values_for(step(LR, EPOCHS, SHUFFLE), {"shuffle": False, "epochs": "7", "lr": 1})
    assert list(values.items()) == [("lr", 1.0), ("epochs", 7), ("shuffle", False)]


def test_one_value_of_a_multiple_parameter_becomes_a_list() -> None:
    assert values_for(step(LAYERS), {"layers": 8}) == {"layers": [8]}
    assert values_for(step(LAYERS), {"layers": (1, 2)}) == {"layers": [1, 2]}
    assert values_for(step(LAYERS), {"layers": []}) == {"layers": []}


def test_a_whole_float_is_an_integer() -> None:
    """Metrics are floats, and an edge takes one into a parameter."""
    assert values_for(step(EPOCHS, LAYERS), {"epochs": 3.0, "layers": [1.0, 2]}) == {
        "epochs": 3,
        "layers": [1, 2],
    }
    with pytest.raises(ConfigError, match=r"2\.5 is not an integer"):
        values_for(step(EPOCHS), {"epochs": 2.5})


def test_a_list_of_one_is_that_one() -> None:
    assert values_for(step(EPOCHS), {"epochs": [3]}) == {"epochs": 3}


def test_text_is_not_cast() -> None:
    assert values_for(step({"name": "x"}), {"x": 5}) == {"x": 5}


def test_a_value_none_takes_the_default_away() -> None:
    optional = {**LR, "optional": True}
    assert values_for(step(optional), {"lr": None}) == {}
    with pytest.raises(ConfigError, match="parameter `lr` has no value"):
        values_for(step(LR), {"lr": None})


def test_what_has_no_value_is_not_in_the_command_either() -> None:
    one = step({**LR, "optional": True}, EPOCHS, command="run {parameters} {parameter-value:lr}")
    assert entries(one, values_for(one, {"lr": None})) == ("run --epochs=5 {parameter-value:lr}",)
    assert one.parameters["lr"].default == 0.1


def test_every_problem_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        values_for(step(LR, EPOCHS, LABEL), {"lr": -1, "epochs": "many", "speed": 1})
    assert [problem.message for problem in caught.value.problems] == [
        "step `s` has no parameter `speed`",
        "parameter `lr`: -1.0 is less than the minimum allowed (0)",
        "parameter `epochs`: many is not an integer",
        "parameter `label` has no value",
    ]
    assert caught.value.problems[3].hint == "Give it a default, or make it `optional: true`."


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (LR, [1, 2], "Only a single value is allowed"),
        (LAYERS, [[1]], "a value must be text, a number, true or false"),
        (LR, {"a": 1}, "a value must be text, a number, true or false"),
        (LR, "inf", "inf is not a finite number"),
        (LR, float("nan"), "nan is not a finite number"),
        (LABEL, "c", "c is not among the choices allowed"),
        (SHUFFLE, "yes", "yes is not among the choices allowed"),
        (EPOCHS, "", "No value supplied"),
        (EPOCHS, "9" * 5000, "parameter `epochs`: 999"),
    ],
)
def test_values_that_are_not_allowed(parameter: dict[str, Any], value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        values_for(step(parameter), {parameter["name"]: value})
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("parameters", "command", "explicit", "built"),
    [
        ([LR, EPOCHS], "t {parameters}", {}, ("t --lr=0.1 --epochs=5",)),
        ([SHUFFLE], "t {parameters}", {}, ("t --shuffle",)),
        ([SHUFFLE], "t {parameters}", {"shuffle": False}, ("t",)),
        (
            [{**SHUFFLE, "pass-false-as": "--no-{name}"}],
            "t {params}",
            {"shuffle": False},
            ("t --no-shuffle",),
        ),
        ([LAYERS], "t {parameter:layers}", {}, ("t --layers=3,4",)),
        ([{**LAYERS, "multiple": "repeat", "pass-as": "-l {v}"}], "t {parameters}", {}, ("t -l 3 -l 4",)),
        ([{"name": "x"}], "t {parameter:x}", {"x": "a b"}, ("t '--x=a b'",)),
        ([{"name": "x", "pass-as": "-x {v}"}], "t {parameter:x}", {"x": "a b"}, ("t -x 'a b'",)),
        ([{"name": "x"}], "t {parameter-value:x}", {"x": "it's"}, ("t 'it'\"'\"'s'",)),
        ([{"name": "x", "optional": True}], "t {parameter:x} e", {}, ("t  e",)),
        ([], "echo ${HOME} {unknown} {parameter:no}", {}, ("echo ${HOME} {unknown} {parameter:no}",)),
        ([LR], ["#!/bin/bash", "  ", " a ", "b {parameter-value:lr}"], {}, ("#!/bin/bash", "a", "b 0.1")),
        ([{**LR, "pass-as": "--lr {v:.2f}"}], "t {parameters}", {}, ("t --lr 0.10",)),
    ],
)
def test_entries(
    parameters: list[Any], command: Any, explicit: dict[str, Any], built: tuple[str, ...]
) -> None:
    one = step(*parameters, command=command)
    assert entries(one, values_for(one, explicit)) == built


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("--{name}={value}", ""),
        ("-x {v!r:>10}", ""),
        (None, ""),
        ("{{literal}}", ""),
        ("--{nam}", "`{nam}` is not known"),
        ("{}", "`{}` is not known"),
        ("{v.__class__}", "is not known"),
        ("{v[0]}", "is not known"),
        ("{v:>9999}", "the format `>9999` is not allowed"),
        ("{v:{name}}", "is not allowed"),
        ("{v", "cannot be filled"),
        ("v}", "cannot be filled"),
    ],
)
def test_templates(template: str | None, wrong: str) -> None:
    said = template_problem(template)
    assert wrong in said
    assert bool(said) is bool(wrong)


def test_a_template_that_does_not_fit_its_value_is_a_problem() -> None:
    one = step({"name": "x", "pass-as": "{v:d}"})
    with pytest.raises(ConfigError, match="parameter `x` cannot be filled in"):
        entries(one, {"x": "text"})
    with pytest.raises(ConfigError, match="is not known in `pass-as`"):
        entries(step({"name": "x", "pass-as": "{y}"}), {"x": "text"})


@pytest.mark.parametrize(
    ("parameter", "command"),
    [
        ({"name": "x"}, "{parameters}" * 40_000),
        ({"name": "x"}, "{parameter-value:x}" * 40_000),
        ({"name": "x", "pass-as": "{v}" * 40_000}, "{parameters}"),
        ({"name": "x", "pass-as": "{v}" * 40_000}, "{parameter:x}"),
    ],
)
def test_a_command_cannot_grow_without_end(parameter: dict[str, Any], command: str) -> None:
    with pytest.raises(ConfigError, match="longer than"):
        entries(step(parameter, command=command), {"x": "y" * 100_000})


def test_searching_for_placeholders_cannot_run_away() -> None:
    with pytest.raises(ConfigError, match="never closed"):
        entries(step(command="{" * 500_000), {})


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), TEXTS | st.lists(TEXTS, max_size=4)), TEXTS, TEXTS)
def test_any_values_and_templates_give_entries_or_a_problem(
    values: dict[str, Any], template: str, tail: str
) -> None:
    parameters = [
        {"name": name, "optional": True, "pass-as": template, "multiple": "repeat" if name == "c" else "none"}
        for name in "abc"
    ]
    one = step(*parameters, command=["x {parameters}", "{parameter:a}{parameter-value:b}" + tail])
    try:
        built = entries(one, values_for(one, values))
    except ConfigError:
        return
    assert sum(map(len, built)) <= 5 * LONGEST_COMMAND
