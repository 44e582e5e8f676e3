"""Collects what is wrong, with its place; knows which items are broken by it."""

import difflib
from collections import Counter
from collections.abc import Hashable, Iterable

from schemas.values import Problem
from schemas.yaml_marks import Marks, Path, Place

SHOWN = 200
"""Problems in an answer. A person mends a few and pushes again; a file of nonsense must not fill the ledger."""
KEPT = 5_000
"""Problems of each severity that are remembered while looking: warnings must not crowd out an error."""
COMPARISONS = 20_000
"""Names compared for "did you mean", in one file."""


class Findings:
    """Adds problems by their path in the document. Equal ones at one place are one.

    `broken`: items with an error, and the one that stands first. `unsafe`: those that nobody should look into. `used`: what triggers and models build on.
    `rule`: the check that speaks now. `faults`: by item, the parts that are wrong or missing, as the file has them.
    """

    def __init__(self, path: str, marks: Marks) -> None:
        self.path = path
        self.marks = marks
        self.broken: dict[Hashable, Problem] = {}
        self.unsafe: set[Hashable] = set()
        self.used: frozenset[Hashable] = frozenset()
        self.rule = ""
        self.faults: dict[Hashable, set[Path]] = {}
        self._problems: dict[Problem, None] = {}
        self._kept: Counter[str] = Counter()
        self._more = 0
        self._at_fault: set[Path] = set()
        self._muted: set[Path] = set()
        self._unread: set[Path] = set()
        self._positions: dict[Path, list[int]] = {}
        self._comparisons = COMPARISONS

    def silent(self) -> "Findings":
        """Others about the same file, which nobody will read: only their `faults` are of use."""
        others = Findings(self.path, self.marks)
        others._positions = self._positions
        others._comparisons = 0
        return others

    def leave_out(self, path: Path, kept: list[int] | None = None) -> None:
        """From now on the item is without what a key of it holds: nothing is said about what stands in for it.

        `kept`: the positions of the list's elements that stay; paths are those of the shorter list from now on.
        """
        if kept is None:
            self._unread.add(path)
        else:
            self._positions[path] = kept

    def error(
        self,
        path: Path,
        message: str,
        hint: str = "",
        *,
        key: bool = False,
        faults: Iterable[Path] | None = None,
    ) -> None:
        """Something that keeps the item at `path[0]` from being used. `key`: the place is the key's, not the value's.

        `faults`: the parts that are wrong or missing, if not the one at `path`.
        """
        if self._hidden(path):
            return
        for fault in [path] if faults is None else faults:
            self.blame(fault)
        path = self._written(path)
        self._at_fault.update(path[:length] for length in range(len(path) + 1))
        self._break(
            path[0] if path else None, self.marks.key(path) if key else self.marks.value(path), message, hint
        )

    def warning(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Something that runs, and surely not as meant."""
        if self._hidden(path):
            return
        path = self._written(path)
        self.add("warning", self.marks.key(path) if key else self.marks.value(path), message, hint)

    def flaw(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """What could not run, and Valohai's own linter lets pass: an error if a trigger or model builds on the item."""
        if path[0] in self.used:
            self.error(path, message, hint, key=key)
        else:
            self.warning(path, message, hint, key=key)

    def add(self, severity: str, place: Place, message: str, hint: str = "") -> Problem:
        """A problem at a place that is already known."""
        problem = Problem(self.path, place.line, place.column, clip(message), clip(hint), severity, self.rule)
        if problem in self._problems:
            return problem
        if self._kept[severity] < KEPT:
            self._kept[severity] += 1
            self._problems[problem] = None
        else:
            self._more += 1
        return problem

    def fail(self, index: Hashable, place: Place, message: str, hint: str = "", fault: Path = ()) -> None:
        """An error of the item `index` at a place that is no value's. `fault`: the part that cannot be read for it."""
        if fault:
            self.blame(fault)
        self._break(index, place, message, hint)

    def _break(self, index: Hashable, place: Place, message: str, hint: str) -> None:
        problem = self.add("error", place, message, hint)
        self.broken[index] = min(
            self.broken.get(index, problem), problem, key=lambda one: (one.line, one.column)
        )

    def blame(self, fault: Path) -> None:
        """A part of an item is wrong or missing; what is to be said about it is said by somebody else."""
        fault = self._written(fault)
        self.faults.setdefault(fault[0] if fault else None, set()).add(fault)

    def value(self, path: Path) -> Place:
        """Where the value at `path` begins."""
        return self.marks.value(self._written(path))

    def inside(self, path: Path, offset: int) -> Place:
        """The character number `offset` (from 0) of the text at `path`."""
        return self.marks.inside(self._written(path), offset)

    def _hidden(self, path: Path) -> bool:
        """Whether a stand-in would be spoken of, or a list as a whole of which only some elements are read."""
        return path[:3] in self._unread or path in self._positions

    def _written(self, path: Path) -> Path:
        """The path as the file has it: behind a list's element that was left out, all others have moved."""
        positions = self._positions.get(path[:3])
        if positions is None or len(path) < 4 or not isinstance(path[3], int):
            return path
        return (*path[:3], positions[path[3]], *path[4:])

    def at_fault(self, path: Path) -> bool:
        """Whether an error at `path` or below it is known already."""
        return self._written(path) in self._at_fault

    def mute(self, path: Path) -> None:
        """Say nothing more about this part: what it builds on is broken, and that is what a person has to mend."""
        path = self._written(path)
        self._muted.update(path[:length] for length in range(len(path) + 1))

    def muted(self, path: Path) -> bool:
        """Whether `mute` was asked for this part, or for one below it."""
        return self._written(path) in self._muted

    def closest(self, word: object, known: Iterable[str]) -> str:
        """The name that was meant; empty if none is near, or too many were compared already."""
        names = list(known)
        if not isinstance(word, str) or len(word) > 100 or len(names) > self._comparisons:
            return ""
        self._comparisons -= len(names)
        return next(iter(difflib.get_close_matches(word, names, n=1)), "")

    def nearest(self, word: object, known: Iterable[str], none: str = "") -> str:
        """`Did you mean …?`, or what is known; `none` if nothing is."""
        names = list(known)
        close = self.closest(word, names)
        if close:
            return f"Did you mean `{close}`?"
        return f"Known here: {listing(names)}." if names else none

    def problems(self) -> tuple[Problem, ...]:
        """All of them by line and column; after the first 200 (errors before warnings) only their number."""
        kept = sorted(self._problems, key=lambda problem: (problem.severity, problem.line, problem.column))
        more = self._more + len(kept) - SHOWN
        shown = sorted(kept[:SHOWN], key=lambda problem: (problem.line, problem.column))
        if more > 0:
            severity = "error" if any(problem.severity == "error" for problem in kept) else "warning"
            shown.append(Problem(self.path, 0, 0, f"and {more:,} more problems", "", severity, "more"))
        return tuple(shown)


def clip(text: object, length: int = 300) -> str:
    """Text for people: one line, not endless."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def listing(names: Iterable[str], most: int = 12) -> str:
    """`a, b, c, …`"""
    shown = [clip(name, 40) for name in names]
    return ", ".join(shown[:most] + (["…"] if len(shown) > most else []))
