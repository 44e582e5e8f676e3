"""The snapshot of a commit with 20,000 files and 200 MB, against `git archive` of a tar to nowhere."""

import random
import subprocess
import tempfile
import time
from pathlib import Path

from controller.git import snapshot
from schemas.values import Sha
from tests.bench.frame import Row, in_turns

FILES = 20_000
SIZE = 10_000
WORDS = [f"{word:x}".encode() for word in range(4096)]
TIMES = 5
SETTINGS = ["-c", "core.compression=1", "-c", "gc.auto=0"]
"""Quick to make, and nothing goes on in the background while we measure."""


def rows() -> list[Row]:
    """One row: the whole snapshot, cold, written to a file."""
    with tempfile.TemporaryDirectory(prefix="luotsi-bench-") as name:
        folder = Path(name)
        sha = _repository(folder / "repository")
        bare = folder / "repository" / ".git"

        def ours() -> float:
            began = time.perf_counter()
            snapshot.make(bare, sha, folder / "code.tar.zst")
            return 1000 * (time.perf_counter() - began)

        def theirs() -> float:
            began = time.perf_counter()
            subprocess.run(
                ["git", "archive", "--format=tar", sha], cwd=bare, check=True, stdout=subprocess.DEVNULL
            )
            return 1000 * (time.perf_counter() - began)

        mine, limit = in_turns(ours, theirs, TIMES)
    return [Row("snapshot, 20,000 files", mine, "git archive > /dev/null", limit, most=3)]


def _repository(folder: Path) -> Sha:
    """Half of each file compresses well, as source does; half does not, as data does. Made by `git fast-import`."""
    chance = random.Random(7)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    importer = subprocess.Popen(
        ["git", *SETTINGS, "fast-import", "--quiet"], cwd=folder, stdin=subprocess.PIPE
    )
    stream = importer.stdin
    assert stream is not None
    stream.write(b"commit refs/heads/main\ncommitter Bench <bench@example.org> 1700000000 +0000\ndata 0\n")
    for number in range(FILES):
        text = b" ".join(chance.choices(WORDS, k=SIZE // 2 // 4))[: SIZE // 2]
        content = text + chance.randbytes(SIZE // 2)
        place = f"{number % 100:02d}/{number // 100 % 20:02d}/{number}.txt"
        stream.write(f"M 100644 inline {place}\ndata {len(content)}\n".encode() + content + b"\n")
    stream.close()
    if importer.wait() != 0:
        raise RuntimeError("git fast-import failed")
    done = subprocess.run(
        ["git", "rev-parse", "main"], cwd=folder, check=True, capture_output=True, text=True
    )
    return Sha(done.stdout.strip())
