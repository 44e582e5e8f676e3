"""Every test file belongs to exactly one session."""

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from tests.run.shares import SHARES, share_of
from tests.unit.run.conftest import ROOT, Tree


def collected(root: Path, *options: str) -> list[str]:
    """The ids of the tests that pytest finds."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.run.recorder", "--collect-only", "-qq", *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line or line.startswith("tests/")]


def test_every_file_of_ours_is_in_one_share_and_none_is_empty() -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")]
    assert {share_of(PurePosixPath(file)) for file in files} == set(SHARES)


@pytest.mark.parametrize(
    ("file", "share"),
    [
        ("tests/e2e/test_new.py", "parts"),
        ("tests/drivers/deep/er/test_new.py", "parts"),
        ("tests/unit/test_new.py", "rest"),
        ("tests/e2e_like/test_new.py", "rest"),
        ("tests/new_room/test_new.py", "rest"),
        ("elsewhere/test_new.py", "rest"),
    ],
)
def test_a_new_file_has_a_share(file: str, share: str) -> None:
    assert share_of(PurePosixPath(file)) == share


def test_together_the_sessions_collect_what_one_collects(tree: Tree) -> None:
    names = ("tests/drivers/deep/test_three.py", "tests/new/test_four.py", "tests/test_five.py")
    root = tree(**dict.fromkeys((*names, "tests/new/conftest.py", "tests/new/__init__.py"), ""))
    shares = [collected(root, f"--share={share}") for share in SHARES]
    assert all(shares)
    assert sorted(shares[0] + shares[1]) == sorted(collected(root))
