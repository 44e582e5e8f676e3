"""The frame: two things timed in turns, so that a machine that slows down slows both, and the table that says what came of it."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `ours` and `theirs` are samples in `unit`; `most` is the ratio of the medians to stay under."""

    name: str
    ours: Sequence[float]
    against: str
    theirs: Sequence[float]
    most: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """Median over median."""
        return statistics.median(self.ours) / statistics.median(self.theirs)


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], times: int
) -> tuple[list[float], list[float]]:
    """Both, `times` times, one after the other, after one of each that does not count."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(times)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def show(rows: Sequence[Row]) -> bool:
    """Print the table; whether every ratio is within its bound."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="min / median / max", title_justify="left")
    for name in ("", "ours", "against", "theirs", "ratio", "at most", ""):
        table.add_column(name, justify="right" if name in ("ratio", "at most") else "left")
    for row in rows:
        within = row.ratio <= row.most
        table.add_row(
            row.name,
            _spread(row.ours, row.unit),
            row.against,
            _spread(row.theirs, row.unit),
            f"{row.ratio:.2f}",
            f"{row.most:g}",
            "[green]within[/]" if within else "[red]over[/]",
        )
    Console(width=160).print(table)
    return all(row.ratio <= row.most for row in rows)


def _spread(samples: Sequence[float], unit: str) -> str:
    return f"{min(samples):.1f} / {statistics.median(samples):.1f} / {max(samples):.1f} {unit}"
