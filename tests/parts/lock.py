"""A lock between test sessions on one machine: what all of them use is made, installed or downloaded once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tests.parts import home


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Waits until no other session of this person is inside under the same name. Look again, inside, whether it is there."""
    path = home.cache() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
