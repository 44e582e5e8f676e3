"""Queue tests run against the real embedded Valkey, emptied before each."""

from collections.abc import Iterator

import pytest
from redis import Redis

from queues.connection import connect
from tests.parts.valkey_server import ValkeyServer


@pytest.fixture
def redis(valkey_server: ValkeyServer) -> Iterator[Redis]:
    client = connect(valkey_server.address)
    client.flushdb()
    yield client
    client.close()
