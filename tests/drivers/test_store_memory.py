"""The fake store keeps the promises of the port, so that tests built on it mean something."""

import pytest

from schemas.errors import Waiting
from tests.drivers.store_contract import StoreContract
from tests.fakes.memory_store import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    def test_trouble_is_everybodys(self, store: MemoryStore) -> None:
        store.trouble = Waiting("the store is far away", after=1)
        with pytest.raises(Waiting):
            store.head("key")
