"""Tags as looks record them: as many as there are, in a few statements."""

import pytest

from ledger import observations, registry
from ledger.database import Ledger
from ledger.observations import SeenTag
from tests.builders.statements import written
from tests.drivers.test_ledger_repositories import NOW, ensure


@pytest.mark.parametrize("count", [3, 33_000])
def test_tags_come_go_and_come_back(ledger: Ledger, count: int) -> None:
    """More than a statement may have values."""
    tags = [SeenTag(f"v{n}", f"{n:040}", "a" * 40, True, NOW, "Ada", "") for n in range(count)]
    with ledger.write() as connection:
        id = ensure(connection, "wine")
    with written(ledger) as said, ledger.write() as connection:
        assert observations.observe_tags(connection, id, tags, NOW) == count
    assert len([one for one in said if one.startswith("INSERT")]) <= 1 + count // 500
    for there, changes in ((tags, 0), ([], count), ([], 0), (tags, count)):
        with ledger.write() as connection:
            assert observations.observe_tags(connection, id, there, NOW) == changes
            gone = [row.vanished_at is not None for row in registry.tags(connection, id)]
            assert gone == [not there] * count
