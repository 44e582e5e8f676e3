"""What every test gets: a HOME of its own, and the real parts as fixtures."""

import pytest

from tests.parts import home

# Before anything else is imported: libgit2 and others read HOME once, when they are loaded.
HOME = home.move()

pytest_plugins = ["tests.parts.fixtures"]


def pytest_unconfigure(config: pytest.Config) -> None:
    home.leave(HOME)
