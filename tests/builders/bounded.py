"""A judgement of a config in a process of its own, under limits that the kernel keeps."""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEMORY = 512 * 2**20
"""Bytes of address space, the interpreter and the library included, beside the text itself."""
SECONDS = 60
"""Of processor time; and twice that by the clock, since the machine may be busy."""

JUDGE = """
import json, sys
from schemas.parse_config import parse_config
config = parse_config(sys.stdin.buffer.read())
problems = [[p.line, p.column, p.message, p.hint, p.severity] for p in config.problems]
json.dump({"ok": config.ok, "problems": problems}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came back: (line, column, message, hint, severity) of each problem."""

    ok: bool
    problems: list[tuple[int, int, str, str, str]]


def judged(text: bytes) -> Verdict:
    """`parse_config` of the text. Fails when it needs more memory or time than is given, or ends in any other way."""
    memory = MEMORY + 3 * len(text)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))

    done = subprocess.run(
        [sys.executable, "-c", JUDGE],
        input=text,
        cwd=ROOT,
        capture_output=True,
        timeout=2 * SECONDS,
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr[-2000:].decode(errors="replace")
    answer = json.loads(done.stdout)
    return Verdict(answer["ok"], [tuple(problem) for problem in answer["problems"]])
