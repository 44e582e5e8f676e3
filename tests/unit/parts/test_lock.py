"""What several test sessions on a machine share is made by one of them at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import home
from tests.parts.lock import locked
from tests.parts.process import until

ROOT = Path(__file__).parents[3]
INSIDE = """
import sys
from pathlib import Path
from tests.parts.lock import locked
notes = Path(sys.argv[1])
(notes / "came").touch()
with locked(sys.argv[2]):
    (notes / "inside").touch()
"""


def test_another_session_waits_until_this_one_is_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(home.CACHE, str(tmp_path / "cache"))

    def come(name: str) -> tuple[Path, subprocess.Popen[bytes]]:
        notes = tmp_path / name
        notes.mkdir()
        return notes, subprocess.Popen([sys.executable, "-c", INSIDE, str(notes), name], cwd=ROOT)

    with locked("test-same"):
        same, waits = come("test-same")
        other, goes = come("test-other")
        until((same / "came").exists)
        until((other / "inside").exists)
        assert goes.wait() == 0
        assert not (same / "inside").exists()
        assert waits.poll() is None
    assert waits.wait() == 0
    assert (same / "inside").exists()
