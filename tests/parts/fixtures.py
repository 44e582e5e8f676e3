"""The real parts as fixtures: a test that names one gets it running, or is skipped, or fails, as `board` says."""

import os
from collections.abc import Iterator

import pytest

from tests.parts import debian
from tests.parts.board import ALLOW, Board
from tests.parts.chromium import Chromium
from tests.parts.docker_engine import DockerEngine
from tests.parts.git import Git
from tests.parts.github_description import GitHubDescription
from tests.parts.oci_registry import OciRegistry
from tests.parts.parser_source import ParserSource
from tests.parts.part import Part
from tests.parts.postgres import Postgres
from tests.parts.redis_server import RedisServer
from tests.parts.s3_server import S3Server
from tests.parts.valkey_server import ValkeyServer
from tests.parts.wheels import Wheels

PARTS: list[type[Part]] = [
    Git,
    DockerEngine,
    OciRegistry,
    S3Server,
    Postgres,
    RedisServer,
    ValkeyServer,
    Chromium,
    ParserSource,
    GitHubDescription,
    Wheels,
]
BOARD = pytest.StashKey[Board]()


def pytest_configure(config: pytest.Config) -> None:
    allowed = os.environ.get(ALLOW, "").replace(" ", "").split(",")
    config.stash[BOARD] = Board(PARTS, must_have=debian.everything_can_be_had(), allowed=frozenset(allowed))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = list(config.stash[BOARD].lines())
    if lines:
        terminalreporter.section("real parts")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def parts(pytestconfig: pytest.Config) -> Board:
    return pytestconfig.stash[BOARD]


@pytest.fixture(scope="session")
def git(parts: Board) -> Iterator[Git]:
    with parts.use(Git) as part:
        yield part


@pytest.fixture(scope="session")
def docker_engine(parts: Board) -> Iterator[DockerEngine]:
    with parts.use(DockerEngine) as part:
        yield part


@pytest.fixture(scope="session")
def oci_registry(parts: Board) -> Iterator[OciRegistry]:
    with parts.use(OciRegistry) as part:
        yield part


@pytest.fixture(scope="session")
def s3_server(parts: Board) -> Iterator[S3Server]:
    with parts.use(S3Server) as part:
        yield part


@pytest.fixture(scope="session")
def postgres(parts: Board) -> Iterator[Postgres]:
    with parts.use(Postgres) as part:
        yield part


@pytest.fixture(scope="session")
def redis_server(parts: Board) -> Iterator[RedisServer]:
    with parts.use(RedisServer) as part:
        yield part


@pytest.fixture(scope="session")
def valkey_server(parts: Board) -> Iterator[ValkeyServer]:
    with parts.use(ValkeyServer) as part:
        yield part


@pytest.fixture(scope="session")
def chromium(parts: Board) -> Iterator[Chromium]:
    with parts.use(Chromium) as part:
        yield part


@pytest.fixture(scope="session")
def parser_source(parts: Board) -> Iterator[ParserSource]:
    with parts.use(ParserSource) as part:
        yield part


@pytest.fixture(scope="session")
def github_description(parts: Board) -> Iterator[GitHubDescription]:
    with parts.use(GitHubDescription) as part:
        yield part


@pytest.fixture(scope="session")
def wheels(parts: Board) -> Iterator[Wheels]:
    with parts.use(Wheels) as part:
        yield part
