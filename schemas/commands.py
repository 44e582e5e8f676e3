"""A step's parameter values and command entries, as an execution gets them (contract, sections 1.3 and 1.4)."""

import copy
import math
import string
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from valohai_yaml.commands import interpolable_re
from valohai_yaml.excs import ValidationErrors
from valohai_yaml.objs import Parameter, Step
from valohai_yaml.objs.parameter import MultipleMode

from schemas.errors import ConfigError
from schemas.values import Problem

LONGEST_COMMAND = 1_048_576
"""Characters of all entries together, before quoting."""
MOST_BRACES = 100_000
"""Open braces times the length of the text behind them, in one entry: the library's pattern reads it all for each of them."""


class StandIn(str):
    """A value that is not known yet, by its name (`<train.metadata.lr>`), while a plan is made before anything has run.

    It stays one wherever it is handed on. No check of types and limits is asked about it, and no format changes it.
    """

    __slots__ = ()

    def __format__(self, specification: str) -> str:
        return str(self)


def values_for(step: Step, explicit: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a step's parameters, in the order of their declaration: explicit ones, else defaults, flags included.

    A value None in `explicit` takes the default away. Parameters without a value are left out. Numbers written as text are
    cast, one value of a `multiple` parameter becomes a list. Raises `ConfigError` with one problem (without a place) for each
    unknown name, each value that is not allowed, and each required parameter without one.
    """
    problems = [
        Problem("", 0, 0, f"step `{step.name}` has no parameter `{name}`")
        for name in explicit
        if name not in step.parameters
    ]
    chosen = {**step.get_parameter_defaults(include_flags=True), **explicit}
    values: dict[str, Any] = {}
    for name, parameter in step.parameters.items():
        if chosen.get(name) is None:
            if not parameter.optional:
                hint = "Give it a default, or make it `optional: true`."
                problems.append(Problem("", 0, 0, f"parameter `{name}` has no value", hint))
            continue
        try:
            values[name] = checked(parameter, chosen[name])
        except ConfigError as error:
            problems.append(Problem("", 0, 0, error.message))
    if problems:
        message = "; ".join(problem.message for problem in problems[:5])
        raise ConfigError(f"step `{step.name}` cannot run: {message}", problems)
    return values


def several(parameter: Parameter, value: Any) -> list[Any] | None:
    """The values of a task's executions where it is given several for one parameter of its step; None: one value for all.

    A list is one value an execution. To a parameter that takes several values itself a flat list is one value, and a list of
    lists is several. Raises `ConfigError` for a list without values.
    """
    if not isinstance(value, list | tuple):
        return None
    if not value and not parameter.multiple:
        raise ConfigError(f"parameter `{parameter.name}`: an empty list is no value for any execution")
    if parameter.multiple and not any(isinstance(item, list | tuple) for item in value):
        return None
    return list(value)


def checked(parameter: Parameter, value: Any) -> Any:
    """The value as the parameter takes it. Raises `ConfigError`."""
    if isinstance(value, tuple):
        value = list(value)
    for atom in value if isinstance(value, list) else [value]:
        if not isinstance(atom, str | int | float):
            raise ConfigError(f"parameter `{parameter.name}`: a value must be text, a number, true or false")
    if isinstance(value, list) and len(value) == 1 and not parameter.multiple:
        value = value[0]  # an edge from a parameter that takes several brings a list
    if _open(value) and (parameter.multiple or isinstance(value, StandIn)):
        return value if isinstance(value, list) or not parameter.multiple else [value]
    valid = _cast(parameter, value)
    for atom in valid if isinstance(valid, list) else [valid]:
        if isinstance(atom, float) and not math.isfinite(atom):
            raise ConfigError(f"parameter `{parameter.name}`: {atom} is not a finite number")
    return bool(valid) if parameter.type == "flag" else valid


def _cast(parameter: Parameter, value: Any) -> Any:
    """The value in the parameter's type and within its limits. Raises `ConfigError`."""
    if parameter.type == "integer":
        # An edge from a float parameter or a metric brings 3.0 for 3.
        value = [_whole(atom) for atom in value] if isinstance(value, list) else _whole(value)
    try:
        return parameter.validate(value)
    except ValidationErrors as error:
        said = "; ".join(dict.fromkeys(str(part)[:200] for part in error.errors[:5]))
        raise ConfigError(f"parameter `{parameter.name}`: {said}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"parameter `{parameter.name}`: {str(error)[:200]}") from error


def _open(value: Any) -> bool:
    """Whether some of it is not known yet."""
    return any(isinstance(atom, StandIn) for atom in (value if isinstance(value, list) else [value]))


def _whole(atom: Any) -> Any:
    return int(atom) if isinstance(atom, float) and atom.is_integer() else atom


def entries(step: Step, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The command's entries with the parameters in their places, blank ones left out.

    Raises `ConfigError` when a `pass-as` cannot be filled, or when the entries would be longer than a megabyte.
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name, parameter in step.parameters.items():
        for template in (parameter.pass_as, parameter.pass_true_as, parameter.pass_false_as):
            wrong = template_problem(template)
            if wrong:
                raise ConfigError(f"parameter `{name}`: {wrong}")
    if _length(step, given) > LONGEST_COMMAND:
        raise ConfigError(
            f"the command of step `{step.name}` would be longer than {LONGEST_COMMAND:,} characters"
        )
    for name in step.parameters:
        try:
            step.parameters[name].format_cli(given.get(name))
        except (TypeError, ValueError, LookupError) as error:
            # `build_command` would warn only, and leave the placeholder in the command.
            raise ConfigError(f"parameter `{name}` cannot be filled in: {str(error)[:200]}") from error
    return tuple(entry for entry in _without_other_defaults(step, given).build_command(given) if entry)


def _without_other_defaults(step: Step, given: Mapping[str, Any]) -> Step:
    """`build_command` puts defaults where no value is; but what has none here was meant to have none.

    A flag of which nobody knows yet whether it is set is shown with its name, as other parameters are.
    """
    bare = copy.copy(step)
    bare.parameters = OrderedDict(step.parameters)
    for name, parameter in step.parameters.items():
        if name not in given and parameter.default is not None:
            bare.parameters[name] = copy.copy(parameter)
            bare.parameters[name].default = None
        if parameter.type == "flag" and isinstance(given.get(name), StandIn):
            bare.parameters[name] = copy.copy(parameter)
            bare.parameters[name].type = "string"
    return bare


def template_problem(template: object) -> str:
    """What is wrong with a `pass-as`; empty if nothing is. Format specifications are allowed if they stay small."""
    formatter = string.Formatter()
    try:
        parsed = [field for word in str(template or "").split() for field in formatter.parse(word)]
    except ValueError as error:
        return f"`{str(template)[:80]}` cannot be filled: {error}"
    for _, name, specification, _ in parsed:
        if name is None:
            continue
        if name not in ("name", "value", "v"):
            return (
                f"`{{{str(name)[:40]}}}` is not known in `pass-as`; known are {{name}}, {{value}} and {{v}}"
            )
        digits = "".join(character if character.isdigit() else " " for character in specification or "")
        if "{" in (specification or "") or any(len(number) > 3 for number in digits.split()):
            return f"the format `{str(specification)[:40]}` is not allowed in `pass-as`"
    return ""


def placeholders(command: object) -> Iterator[str]:
    """What stands between braces in a command, as the library finds it."""
    for entry in command if isinstance(command, list) else [command]:
        if isinstance(entry, str) and not runaway_braces(entry):
            yield from interpolable_re.findall(entry)


def runaway_braces(entry: str) -> bool:
    """Whether searching for placeholders would take time out of proportion (`{{{{{{…`)."""
    tails = (line.rpartition("}")[2] for line in entry.split("\n"))
    return sum(tail.count("{") * len(tail) for tail in tails) > MOST_BRACES


def _length(step: Step, values: Mapping[str, Any]) -> int:
    """An upper bound of the entries' length before quoting; measured, because a file of a megabyte can ask for terabytes."""
    lines = step.command if isinstance(step.command, list) else [step.command]
    if any(runaway_braces(line) for line in lines):
        raise ConfigError(f"the command of step `{step.name}` has hundreds of `{{` that are never closed")
    sizes = {name: _size(parameter, values.get(name)) for name, parameter in step.parameters.items()}
    together, total = sum(sizes.values()), sum(map(len, lines))
    for placeholder in placeholders(lines):
        kind, _, name = placeholder.partition(":")
        if kind in ("parameter", "parameter-value"):
            total += sizes.get(name, 0) + len(str(values.get(name, "")))
        else:
            total += together if kind in ("parameters", "params") else len(step.source_path or "")
        if total > LONGEST_COMMAND:
            break
    return total


def _size(parameter: Parameter, value: Any) -> int:
    if value is None:
        return 0
    templates = f"{parameter.pass_as}{parameter.pass_true_as}{parameter.pass_false_as}--{{name}}={{value}}"
    fields = templates.count("{")
    atoms = value if isinstance(value, list) else [value]
    fixed = len(templates) + fields * (len(parameter.name) + (1_000 if ":" in templates else 0))
    text = sum(len(str(atom)) + len(parameter.multiple_separator) for atom in atoms)
    times = len(atoms) if parameter.multiple == MultipleMode.REPEAT else 1
    return fixed * times + fields * text
