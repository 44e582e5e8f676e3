"""The parsed configs of judged commits, kept for a while: the same text is parsed once."""

from functools import lru_cache

from controller.ports import Ports
from ledger import verdicts
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig


@lru_cache(maxsize=64)
def _parsed(text: str) -> RepoConfig:
    return parse_config(text.encode())


def of(ports: Ports, project_id: str, sha: str) -> RepoConfig | None:
    """The config of a project at a commit; None where the commit has no verdict yet or no readable file."""
    with ports.ledger.read() as connection:
        verdict = verdicts.of_project(connection, project_id, sha)
    return None if verdict is None or verdict.text is None else _parsed(verdict.text)
