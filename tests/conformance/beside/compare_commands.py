"""A pytest plugin for the official parser's own tests: every command that they build is built by Luotsi, too.

The tests check the official answer as ever; here it is compared with ours. One documented difference is left out of the
comparison by taking the official defaults: a flag whose default is true counts only where somebody gave the value.
"""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from valohai_yaml.objs import Step

from schemas.commands import entries

official = Step.build_command
compared: list[dict[str, Any]] = []


class Unwatched(Step):
    """A step whose commands are not compared: our function asks the library, too."""

    build_command = official


def build_command(
    step: Step, parameter_values: dict[str, Any], command: list[str] | str | None = None
) -> list[str]:
    answer: list[str] = official(step, parameter_values, command)
    own = copy.copy(step)
    own.__class__ = Unwatched
    own.command = command or step.command
    ours = entries(own, {**step.get_parameter_defaults(include_flags=False), **parameter_values})
    expected = [entry for entry in answer if entry]
    compared.append({"step": step.name, "values": parameter_values, "ours": list(ours), "official": expected})
    return answer


def pytest_configure(config: pytest.Config) -> None:
    Step.build_command = build_command  # type: ignore[method-assign, assignment] # that is the plugin


def pytest_unconfigure(config: pytest.Config) -> None:
    Step.build_command = official  # type: ignore[method-assign]
    Path(os.environ["COMPARED_COMMANDS"]).write_text(json.dumps(compared), encoding="utf-8")
