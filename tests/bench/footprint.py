"""Resident memory of controller, web side and agent together, after some work, against the agreed limit."""

import tempfile
import urllib.request
from pathlib import Path

from tests.bench.frame import Row
from tests.builders.house import House, house

LIMIT = 400.0
"""MB, for all three."""
WORK = 10


def rows() -> list[Row]:
    """One row a process and one for all. The web side is granian's own process and its worker."""
    with (
        tempfile.TemporaryDirectory(prefix="luotsi-bench-") as folder,
        house(Path(folder), {"kind": "scripted"}) as made,
    ):
        for _ in range(WORK):
            made.execute("none")
        for path in ("/", "/commits", "/executions", "/promotions"):
            with urllib.request.urlopen(made.opened.address + path, timeout=10) as answer:
                answer.read()
        used = {name: _megabytes(made, name) for name in ("controller", "web", "agent-local-agent-1")}
    each = [
        Row(f"memory, {name}", [size], "of the limit", [LIMIT], most=1, unit="MB")
        for name, size in used.items()
    ]
    return [*each, Row("memory, all three", [sum(used.values())], "the limit", [LIMIT], most=1, unit="MB")]


def _megabytes(made: House, name: str) -> float:
    pid = made.tree.pid(name)
    assert pid is not None, f"{name} does not run"
    return sum(_resident(one) for one in (pid, *_children(pid)))


def _children(pid: int) -> list[int]:
    found = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in file.read_text().split()]
    return [grandchild for child in found for grandchild in (child, *_children(child))]


def _resident(pid: int) -> float:
    """VmRSS of proc(5), in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
