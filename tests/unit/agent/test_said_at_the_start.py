"""What the log says before a command starts: of where it runs, and of what it will not see as it was given."""

from agent.runtimes import load
from tests.builders.agent_house import AgentHouse


def test_a_process_is_not_said_to_be_in_an_image_and_ignored_variables_are_told(house: AgentHouse) -> None:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        given = {"VH_OUTPUTS_DIR": "/mine", "1BAD-NAME": "x"}
        result = house.run("true", image="python:3.12", environment_variables=given)
    said = house.printed(result, "status")
    assert not [line for line in said if line.startswith("starting in")]
    [start] = [line for line in said if line.startswith("starting on this machine")]
    assert "python:3.12 is only a name" in start
    notes = [
        "the variable VH_OUTPUTS_DIR is the platform's: the value given for it is ignored",
        "the variable '1BAD-NAME' has a name that shells do not hand on to commands",
    ]
    assert [line for line in said if line.startswith("the variable")] == notes
    assert [event for event in result.events if event.startswith("the variable")] == notes


def test_an_image_is_named_with_its_digest(house: AgentHouse) -> None:
    with house.agent():
        result = house.run("true", image="python:3.12")
    assert f"starting in python:3.12 {result.image_digest}" in house.printed(result, "status")
