"""The official parser's examples: what it accepts is accepted, what it refuses is refused, each with a place."""

from collections.abc import Iterator
from pathlib import Path

from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from tests.parts.parser_source import ParserSource

REFUSED_WARNING = "override-with-extra-fields-warning.yaml"
"""Among the official warnings, and yet an error of the official schema: a key of an override that does not exist."""


def judged(source: ParserSource, folder: str) -> Iterator[tuple[str, RepoConfig, list[str]]]:
    """Every file of a folder: its name, the verdict, and its lines."""
    files = sorted(Path(source.address, folder).glob("*.yaml"))
    assert files, folder
    for file in files:
        text = file.read_bytes()
        yield file.name, parse_config(text), text.decode().splitlines()


def places_are_right(config: RepoConfig, lines: list[str]) -> bool:
    """Every problem has a line of the file and a column of that line, and says something."""
    return all(
        1 <= problem.line <= len(lines)
        and 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        and problem.message
        for problem in config.problems
    )


def test_every_example_is_accepted(parser_source: ParserSource) -> None:
    for folder in ("examples", "tests/valid_examples"):
        for name, config, lines in judged(parser_source, folder):
            assert config.ok, (name, [str(problem) for problem in config.problems])
            assert places_are_right(config, lines), name
            assert config.valohai is not None


LOOSE = {
    "pipeline-example.yaml": {"has no parameter"},
    "pipeline-with-override-example.yaml": {"is not an address"},
    "edge-merge-mode.yaml": {"is not an address"},
    "task-example.yaml": {"needs `execution-count`", "a distributed task cannot run here yet"},
}
"""Examples with parameters that their steps do not have, with words for data, and with what is refused here. A run would end
there, and Valohai's linter does not look."""


def test_examples_have_warnings_only_where_the_example_itself_is_loose(parser_source: ParserSource) -> None:
    for folder in ("examples", "tests/valid_examples"):
        for name, config, _ in judged(parser_source, folder):
            said = [problem.message for problem in config.problems]
            expected = LOOSE.get(name, set())
            assert not [message for message in said if not any(words in message for words in expected)], name


def test_every_wrong_example_is_refused_at_a_place(parser_source: ParserSource) -> None:
    for name, config, lines in judged(parser_source, "tests/error_examples"):
        assert not config.ok, name
        assert places_are_right(config, lines), (name, [str(problem) for problem in config.problems])


def test_every_warning_example_is_warned_of_at_a_place(parser_source: ParserSource) -> None:
    for name, config, lines in judged(parser_source, "tests/warning_examples"):
        assert config.problems, name
        assert config.ok == (name != REFUSED_WARNING), name
        assert places_are_right(config, lines), (name, [str(problem) for problem in config.problems])
