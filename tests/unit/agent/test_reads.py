"""A job whose trigger says what it reads finds those files of the commit, and no others."""

from agent.runtimes import load
from schemas.messages.job import Archive
from stores import keys
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse

FILES = {"train.py": "train\n", "README.md": "hello\n"}


def archive(*reads: str) -> Archive:
    data, digest = agent_jobs.snapshot(FILES)
    return Archive(keys.code("r", "c" * 40), digest, len(data), reads)


def test_only_what_is_read_is_there(house: AgentHouse) -> None:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        whole = house.run("cat train.py", "cat README.md", files=FILES, archive=archive())
        assert whole.outcome == "complete"
        assert house.printed(whole) == ["train", "hello"]
        narrow = house.run("cat train.py", "cat README.md", files=FILES, archive=archive("*.py"))
        assert narrow.outcome == "error"
        assert house.printed(narrow) == ["train"]
