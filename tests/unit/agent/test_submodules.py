"""A commit's submodules are not fetched: a job that finds their folders empty is told."""

from agent.runtimes import load
from tests.builders.agent_house import AgentHouse


def test_the_log_and_the_events_name_the_submodules(house: AgentHouse) -> None:
    house.runtime = load("process", {"unsafe": True})
    files = {"train.py": "", "lib/": "", "vendor/deep/b/": "", "vendor/a.txt": "a"}
    with house.agent():
        result = house.run("ls vendor", files=files)
        said = "submodules are not fetched, their folders are empty: lib, vendor/deep/b"
        assert result.events == (said,)
        assert said in house.printed(result, "status")
        assert house.printed(result) == ["a.txt", "deep"]
        assert house.run("true", files={"train.py": "", "lib/a.py": ""}).events == ()
