"""The parsed configs of judged commits, kept for a while: the same text is parsed once."""

from functools import lru_cache

from controller.ports import Ports
from controller.watching import judge, observe
from ledger import verdicts
from ledger.repositories import ProjectRow, RepositoryRow
from schemas.errors import LuotsiError
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from schemas.values import Sha

USUAL = 16 * 1024
"""Characters of a file of which many are kept; of longer ones, which a repository may have in every commit, a few."""


def parsed(text: str) -> RepoConfig:
    """The config of a file's text."""
    return _usual(text) if len(text) <= USUAL else _long(text)


def _parse(text: str) -> RepoConfig:
    return parse_config(text.encode())


_usual, _long = lru_cache(maxsize=256)(_parse), lru_cache(maxsize=4)(_parse)


def of(ports: Ports, project_id: str, sha: str, holding: str = "") -> RepoConfig | None:
    """The config of a project at a commit; None where the commit has no verdict yet or no readable file.

    With `holding` None too where the file's text does not have this word: who asks often parses only what it is about.
    """
    with ports.ledger.read() as connection:
        verdict = verdicts.of_project(connection, project_id, sha)
    if verdict is None or verdict.text is None or holding not in verdict.text:
        return None
    return parsed(verdict.text)


def of_base(ports: Ports, repository: RepositoryRow, project: ProjectRow, sha: str) -> RepoConfig | None:
    """The config of a project at a merge base, which may lie before all that was judged: then as git has it."""
    with ports.ledger.read() as connection:
        judged = verdicts.of_project(connection, project.id, sha) is not None
    if judged:
        return of(ports, project.id, sha)
    path = f"{project.root}/valohai.yaml" if project.root else "valohai.yaml"
    try:
        text = observe.mirror_of(ports, repository).read_blob(Sha(sha), path, judge.CONFIG_LIMIT)
    except LuotsiError:
        return None
    return None if text is None else parsed(text.decode(errors="replace"))
