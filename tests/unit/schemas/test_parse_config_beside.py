"""A broken item beside a sound trigger, and under one: the file's good parts still run, what builds on a bad part does not."""

import pytest

from schemas.parse_config import parse_config

TOP = """\
- step: {name: train, image: i, command: c}
"""
SOUND = "- trigger: {name: sound, when: {push: }, run: {step: train}}\n"


@pytest.mark.parametrize(
    "broken",
    [
        "- step: {name: other, image: i}\n",
        "- task: {name: other, step: train, parameters: [], type: odd}\n",
        "- pipeline: {name: other, nodes: [{name: a, type: execution, step: no}], edges: []}\n",
        "- deployment: {name: d, odd: 1}\n",
        "- trigger: {name: other, when: {push: }, run: {step: nowhere}}\n",
        "- model: {name: m, from: {step: nowhere, output: o}}\n",
        "- 5\n",
    ],
)
def test_a_sound_trigger_stays_beside_a_broken_item(broken: str) -> None:
    config = parse_config((TOP + SOUND + broken).encode())
    assert not config.ok
    assert [trigger.name for trigger in config.triggers] == ["sound"]
    assert "train" in config.valohai.steps


@pytest.mark.parametrize("run", ["step: lame", "pipeline: builds", "task: swings"])
def test_a_trigger_goes_with_what_it_builds_on(run: str) -> None:
    config = parse_config(
        (
            f"{TOP}{SOUND}- trigger: {{name: other, when: {{push: }}, run: {{{run}}}}}\n"
            "- step: {name: lame, image: i, command: []}\n"
            "- pipeline: {name: builds, nodes: [{name: a, type: execution, step: lame}], edges: []}\n"
            "- task: {name: swings, step: lame, parameter-sets: [{}], type: manual_search}\n"
        ).encode()
    )
    assert [problem.message for problem in config.problems] == ["the command is empty"]
    assert [trigger.name for trigger in config.triggers] == ["sound"]
