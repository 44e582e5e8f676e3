"""Where a metric was no number: a sentence for people, and the stretches that a plot leaves open. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dashboard.words import figure, plural
from ledger.pages.execution import Gap, Point


@dataclass(frozen=True, slots=True)
class GapLine:
    """What is said of one metric. `last`: the word that stands for its last value, empty when that is a number again."""

    key: str
    words: str
    last: str = ""


def lines(
    gaps: Sequence[Gap],
    points: Mapping[str, Sequence[Point]],
    axis: str | None,
    last_values: Mapping[str, Any],
) -> tuple[GapLine, ...]:
    """One line a metric that was no number at least once, by name. `points`: of the metrics that are plotted, and the axis."""
    steps = {point.position: point.value for point in points.get(axis, ())} if axis else {}
    return tuple(
        _line(key, list(mine), points.get(key), axis, steps, ended=last_values.get(key) is None)
        for key, mine in groupby(gaps, key=lambda gap: gap.key)
    )


def _line(
    key: str,
    mine: list[Gap],
    points: Sequence[Point] | None,
    axis: str | None,
    steps: Mapping[int, float],
    *,
    ended: bool,
) -> GapLine:
    first = mine[0]
    word = " or ".join(dict.fromkeys(gap.word for gap in mine))
    step = steps.get(first.position)
    place = f"log line {first.position:,}" if step is None else f"{axis} {figure(step)}"
    last = mine[-1].word if ended else ""
    if last and points and points[-1].position < first.position:
        return GapLine(key, f"{word} from {place} on", last)
    if len(mine) == 1:
        return GapLine(key, f"{word} at {place}", last)
    return GapLine(key, f"{word} {plural(len(mine), 'time')}, first at {place}", last)


def stretches(
    gaps: Sequence[Gap], points: Sequence[Point], steps: Mapping[int, float] | None
) -> list[tuple[float, float, str]]:
    """(from, to, word) along the plot's axis: gaps that no value lies between are one stretch.

    `steps`: log record -> place on the axis; None: seconds since the first point.
    """
    if not points:
        return []
    start, found = points[0].at, list[tuple[float, float, str, int]]()
    numbers = [point.position for point in points]
    passed = 0
    for gap in gaps:
        place = (gap.at - start).total_seconds() if steps is None else steps.get(gap.position)
        if place is None:
            continue
        while passed < len(numbers) and numbers[passed] < gap.position:
            passed += 1
        if found and found[-1][3] == passed and found[-1][2] == gap.word:
            found[-1] = (found[-1][0], place, gap.word, passed)
        else:
            found.append((place, place, gap.word, passed))
    return [(low, high, word) for low, high, word, _ in found]
