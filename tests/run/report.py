"""What is printed when both sessions are over: failures in full, one table of real parts, one line of counts."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.parts.board import merged, table
from tests.run.recorder import Word
from tests.run.session import Session

WIDTH = 80
ORDER = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "error")
"""Kinds as pytest's own last line has them; what it has besides comes after."""

TITLES = {"setup": "ERROR at setup of ", "teardown": "ERROR at teardown of ", "collect": "ERROR collecting "}


def lines(sessions: Sequence[Session], seconds: float, is_interrupted: bool = False) -> Iterator[str]:
    """All of it. `seconds` is how long the whole took; what was interrupted must not look like all."""
    words = [word for session in sessions for word in session.words]
    troubles = [session.trouble for session in sessions if session.trouble]
    errors = [word for word in words if word.kind == "error"]
    yield from _section("ERRORS", [*(_full(word) for word in errors), *troubles])
    yield from _section("FAILURES", [_full(word) for word in words if word.kind == "failed"])
    yield from _section("real parts", list(table(merged(session.parts for session in sessions).values())))
    yield from _section("short test summary info", list(_short(words, troubles)))
    for session in sessions:
        took = f"{session.seconds:.0f} s ({session.cpu:.0f} s of CPU)"
        yield f"{session.share:<6} {_told(session.counts)} in {took}: {session.output}"
    counts = sum((session.counts for session in sessions), Counter[str]())
    yield f"=== {'interrupted: ' if is_interrupted else ''}{_told(counts)} in {seconds:.0f} s ==="


def _section(title: str, content: Sequence[str]) -> Iterator[str]:
    if content:
        yield f" {title} ".center(WIDTH, "=")
        yield from content


def _full(word: Word) -> str:
    title = f" {TITLES.get(word.when, '')}{word.test} ".center(WIDTH, "_")
    return f"{title}\n{word.text}"


def _short(words: Sequence[Word], troubles: Sequence[str]) -> Iterator[str]:
    skips = Counter(word.text for word in words if word.kind == "skipped")
    yield from (f"SKIPPED [{count}] {reason}" for reason, count in skips.items())
    yield from (f"{word.kind.upper()} {word.test}" for word in words if word.kind == "failed")
    yield from (f"{word.kind.upper()} {word.test}" for word in words if word.kind == "error")
    yield from (f"ERROR {trouble.splitlines()[0]}" for trouble in troubles)


def _told(counts: Counter[str]) -> str:
    kinds = [kind for kind in (*ORDER, *counts) if counts[kind]]
    return ", ".join(_counted(kind, counts[kind]) for kind in dict.fromkeys(kinds)) or "no tests ran"


def _counted(kind: str, count: int) -> str:
    if kind in ("error", "warnings"):
        kind = kind.removesuffix("s") + ("" if count == 1 else "s")
    return f"{count} {kind}"
