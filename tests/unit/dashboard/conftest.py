"""Three dashboards: one for a test to fill, one over the sample ledger, one over an empty ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.dashboard_house import FilledHouse, House, build, close
from tests.builders.sample_ledger import fill


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty dashboard, to be filled by the test."""
    made = build(tmp_path)
    yield made
    close(made)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledHouse]:
    """A dashboard over the sample; no test writes to it."""
    made = build(tmp_path_factory.mktemp("filled"))
    sample = fill(made.rows, made.system, made.artifacts)
    yield FilledHouse(made.rows, made.parts, made.system, made.artifacts, sample=sample)
    close(made)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A dashboard over an empty ledger; no test writes to it."""
    made = build(tmp_path_factory.mktemp("bare"))
    yield made
    close(made)
