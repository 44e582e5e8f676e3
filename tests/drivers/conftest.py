"""What tests of several drivers share: a ledger of today's shape in both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import migrations
from ledger.database import Ledger, open_ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Empty; a file whose tests begin with something in it has a fixture of the same name around this one."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    else:
        address = request.getfixturevalue("postgres").fresh()
    opened = open_ledger(address)
    migrations.upgrade(opened)
    yield opened
    opened.close()
