"""Commands are those of the official parser, for every step and every set of values of its own tests and examples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from valohai_yaml import parse

from schemas.commands import entries, values_for
from schemas.errors import ConfigError
from tests.parts.parser_source import ParserSource

PLUGIN = Path(__file__).parent / "beside" / "compare_commands.py"
BUILDING = ("test_command.py", "test_multiple_param.py", "test_step_parsing.py")
"""The official test modules that build commands."""


def test_every_command_of_the_official_tests(parser_source: ParserSource, tmp_path: Path) -> None:
    source, answers = Path(parser_source.address), tmp_path / "compared.json"
    wanted = {
        path.name for path in (source / "tests").glob("test_*.py") if ".build_command(" in path.read_text()
    }
    assert wanted == set(BUILDING)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN.stem, "-p", "no:cacheprovider", "-p", "no:valkey"]
        + [f"tests/{name}" for name in BUILDING],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(PLUGIN.parent), "COMPARED_COMMANDS": str(answers)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    compared = json.loads(answers.read_text())
    assert len(compared) >= 30
    assert [one for one in compared if one["ours"] != one["official"]] == []


def test_every_step_of_the_examples_with_its_defaults(parser_source: ParserSource) -> None:
    """Flags with a default are given as `vh exec run` gives them, which is the one difference from the library."""
    seen = 0
    for path in sorted(Path(parser_source.address).glob("examples/*.yaml")):
        for step in parse(path.read_text(encoding="utf-8")).steps.values():
            needed = {
                name: parameter.choices[0] if parameter.choices else 1
                for name, parameter in step.parameters.items()
                if parameter.default is None and not parameter.optional
            }
            values = values_for(step, needed)
            defaults = step.get_parameter_defaults(include_flags=True)
            official = step.build_command({**defaults, **values})
            assert list(entries(step, values)) == [entry for entry in official if entry], (
                f"{path.name} {step.name}"
            )
            seen += 1
    assert seen >= 50


def test_a_required_parameter_without_a_value_is_refused(parser_source: ParserSource) -> None:
    refused = 0
    for path in sorted(Path(parser_source.address).glob("examples/*.yaml")):
        for step in parse(path.read_text(encoding="utf-8")).steps.values():
            missing = [
                name
                for name, parameter in step.parameters.items()
                if parameter.default is None and not parameter.optional
            ]
            if missing:
                with pytest.raises(ConfigError) as caught:
                    values_for(step, {})
                said = [problem.message for problem in caught.value.problems]
                assert said == [f"parameter `{name}` has no value" for name in missing]
                refused += 1
    assert refused
