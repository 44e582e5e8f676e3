"""A small tree of tests, for sessions of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Makes a tree of two files, one in each session, and more of any name; returns its root."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a session is there in half the time

    def make(parts: str = "", rest: str = "", **more: str) -> Path:
        root = tmp_path / "tree"
        files = {"tests/e2e/test_one.py": parts, "tests/unit/test_two.py": rest, **more}
        for name, code in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(code or "def test_nothing(): pass\n")
        (root / "pytest.ini").write_text(
            "[pytest]\ntestpaths = tests\naddopts = --import-mode=importlib\nxfail_strict = true\n"
        )
        return root

    return make
