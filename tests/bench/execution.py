"""A whole empty execution in Docker, from the ledger and back into it, against `docker run` of the same image and network."""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.frame import Row, in_turns
from tests.builders.house import house
from tests.parts.board import Board
from tests.parts.docker_engine import DockerEngine

TIMES = 15


def rows() -> list[Row]:
    """One row. Ours includes the archive, the manifest, logs, the result object and the controller's reading of it."""
    board = Board([DockerEngine], must_have=True, allowed=frozenset())
    with tempfile.TemporaryDirectory(prefix="luotsi-bench-") as folder, board.use(DockerEngine) as engine:
        runtime: dict[str, object] = {"kind": "docker", "engine": engine.address}
        with house(Path(folder), runtime) as made:

            def ours() -> float:
                began = time.perf_counter()
                row = made.execute(engine.image)
                assert row.state == "complete", row.reason
                return 1000 * (time.perf_counter() - began)

            def theirs() -> float:
                began = time.perf_counter()
                command = ["docker", "-H", engine.address, "run", "--rm", engine.image, "sh", "-c", "true"]
                subprocess.run(command, check=True, capture_output=True)
                return 1000 * (time.perf_counter() - began)

            mine, limit = in_turns(ours, theirs, TIMES)
    return [Row("execution, empty, Docker", mine, "docker run --rm", limit, most=1.5)]
