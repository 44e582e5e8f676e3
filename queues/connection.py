"""How a process reaches Redis or Valkey. Every wait has an end, so that a dead server is noticed."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_TIMEOUT = 20.0
"""Seconds. Blocking commands wait less than this, in slices."""


def connect(url: str, timeout: float = SOCKET_TIMEOUT) -> Redis:
    """A client for `redis://`, `rediss://` or `unix://`. Connects on first use; raises `redis.RedisError` there.

    Answers are bytes in the older protocol's shapes (RESP 2), which RQ expects too. A connection that went stale is
    replaced once per command; longer outages are the caller's to wait out.
    """
    return Redis.from_url(
        url,
        decode_responses=False,
        protocol=2,
        socket_timeout=timeout,
        socket_connect_timeout=min(timeout, 5.0),
        socket_keepalive=True,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 1),
    )
