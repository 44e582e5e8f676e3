"""What every test gets: a HOME of its own, and the real parts as fixtures."""

import pytest
import structlog

from tests.parts import home

# Before anything else is imported: libgit2 and others read HOME once, when they are loaded.
HOME = home.move()

# A traceback with the values of all variables takes a third of a second, and tests provoke many.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

pytest_plugins = ["tests.parts.fixtures"]


def pytest_unconfigure(config: pytest.Config) -> None:
    home.leave(HOME)
