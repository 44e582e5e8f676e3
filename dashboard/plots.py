"""A metric as an SVG: one thin line, the base in grey, the gate dotted with its expression written at its end.

Pure. Colours come from the page's style sheet by class; `alone` puts the few rules that are needed into the drawing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from dashboard.words import figure

WIDTH, HEIGHT = 480, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 22, 38
DRAWN = 240
"""Points of one line that are drawn; of more, each bucket's lowest and highest stay."""

_ALONE = """<style>
.plot{font:12px system-ui,sans-serif;--ink:#1d2025;--muted:#5b626d;--line:#e2e4e8;--accent:#1d5fc4}
@media (prefers-color-scheme:dark){.plot{--ink:#e4e6ea;--muted:#9aa2ae;--line:#2b3038;--accent:#82b1ff}}
.plot text{fill:var(--muted)}.plot .name{fill:var(--ink)}.plot .grid{stroke:var(--line)}
.plot .value{fill:none;stroke:var(--accent);stroke-width:1.5}.plot .dot{fill:var(--accent)}
.plot .base{fill:none;stroke:var(--muted);stroke-width:1.25;opacity:.6}
.plot .gap{fill:var(--line);opacity:.7}.plot .gap-text{fill:var(--ink)}.plot .value{stroke-linecap:round}
.plot .gate{stroke:var(--ink);stroke-dasharray:2 3}.plot .gate-text{fill:var(--ink)}
</style>"""


@dataclass(frozen=True, slots=True)
class Series:
    """Values over `x`, in order. Both have the same length and hold finite numbers only."""

    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Plot:
    """What one drawing shows. `gate` is the target's value and the expression as the trigger has it."""

    key: str
    axis: str
    values: Series
    base: Series | None = None
    base_name: str = ""
    gate: tuple[float, str] | None = None
    gaps: Sequence[tuple[float, float, str]] = ()
    """(from, to, word): where the value was no number. The line is broken there."""
    dots: bool = False
    """Whether the values are drawn each alone: they are independent, and no line leads from one to the next."""


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        # The widest ranges of floats overflow as a whole, not in quarters.
        share = (
            (value - self.low) / span
            if math.isfinite(span)
            else (value / 4 - self.low / 4) / (self.high / 4 - self.low / 4)
        )
        return self.start + share * (self.end - self.start)


def draw(plot: Plot, alone: bool = False) -> Markup:
    """The SVG. With `alone` it can stand outside our pages: it carries its colours, light and dark."""
    every = [plot.values] + ([plot.base] if plot.base else [])
    low_y, high_y = _bounds([y for series in every for y in series.y] + ([plot.gate[0]] if plot.gate else []))
    ends = [x for low, high, _ in plot.gaps for x in (low, high)]
    low_x, high_x = _bounds([x for series in every for x in series.x] + ends, margin=0.0)
    across = _Scale(low_x, high_x, LEFT, WIDTH - RIGHT)
    down = _Scale(low_y, high_y, HEIGHT - BOTTOM, TOP)
    parts = [_grid(across, down, plot.axis), *(_gap(each, across) for each in plot.gaps)]
    if plot.base:
        parts.append(
            Markup('<path class="base" d="{}"><title>{}</title></path>').format(
                _path(plot.base, across, down), plot.base_name
            )
        )
    parts.append(_values(plot, across, down))
    if plot.gate:
        parts.append(_gate(plot.gate, plot.values.y[-1], down))
    head = Markup(
        '<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">'
    ).format(WIDTH, HEIGHT, _label(plot))
    return head + (Markup(_ALONE) if alone else Markup()) + Markup().join(parts) + Markup("</svg>")  # noqa: S704  # a constant


def _label(plot: Plot) -> str:
    last = figure(plot.values.y[-1]) if plot.values.y else "no values"
    gate = f", expected {plot.gate[1]}" if plot.gate else ""
    return f"{plot.key} over {plot.axis}: {len(plot.values.y)} values, the last is {last}{gate}"


def _bounds(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = (high / 2 - low / 2) * (2 * margin)
    return low - room, high + room


def _grid(across: _Scale, down: _Scale, axis: str) -> Markup:
    parts = []
    for value in ticks(down.low, down.high, 4):
        y = _at(down(value))
        parts.append(
            Markup(
                '<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end" dy=".35em">{}</text>'
            ).format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y, figure(value))
        )
    for value in ticks(across.low, across.high, 5):
        x = across(value)
        anchor = "end" if x > WIDTH - RIGHT - 14 else "middle"
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
                _at(x), HEIGHT - BOTTOM + 16, anchor, figure(value)
            )
        )
    parts.append(
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(WIDTH - RIGHT, HEIGHT - 4, axis)
    )
    return Markup().join(parts)


def _values(plot: Plot, across: _Scale, down: _Scale) -> Markup:
    """The line with its last value at its end, on the side where the gate is not; of dots the base's end has the value."""
    series = plot.values
    ending = plot.base if plot.dots and plot.base else series
    x, y = across(ending.x[-1]), down(ending.y[-1])
    above = plot.gate is None or plot.gate[0] <= ending.y[-1] or y > HEIGHT - BOTTOM - 18
    at_the_end = x > WIDTH - RIGHT - 64
    text = Markup('<text class="name" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        _at(x if at_the_end else x + 4),
        _at(y - 7 if above else y + 15),
        "end" if at_the_end else "start",
        figure(ending.y[-1]),
    )
    if plot.dots:
        return _dots(thinned(list(zip(series.x, series.y, strict=True))), across, down) + text
    drawn = _path(series, across, down, [low for low, _, _ in plot.gaps])
    line = Markup('<path class="value" d="{}"/>').format(drawn) if len(series.x) > 1 else Markup()
    return line + _dots([(series.x[-1], series.y[-1])], across, down) + text


def _dots(points: Sequence[tuple[float, float]], across: _Scale, down: _Scale) -> Markup:
    return Markup().join(
        Markup('<circle class="dot" cx="{}" cy="{}" r="2.5"/>').format(_at(across(x)), _at(down(y)))
        for x, y in points
    )


def _gap(gap: tuple[float, float, str], across: _Scale) -> Markup:
    """A band over the stretch without numbers, with the word for what stood there."""
    low, high = across(gap[0]), across(gap[1])
    width = max(high - low, 3.0)
    left = min(low, WIDTH - RIGHT - width)
    return Markup(
        '<rect class="gap" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
        '<text class="gap-text" x="{}" y="{}" text-anchor="middle">{}</text>'
    ).format(
        _at(left), TOP, _at(width), HEIGHT - BOTTOM - TOP, gap[2], _at(left + width / 2), TOP - 6, gap[2]
    )


def _gate(gate: tuple[float, str], last: float, down: _Scale) -> Markup:
    """The dotted line, its expression at its end, on the side away from the last value."""
    value, text = gate
    y = down(value)
    below = value <= last and y < HEIGHT - BOTTOM - 14
    clipped = text if len(text) <= 48 else text[:47] + "…"
    return Markup(
        '<path class="gate" d="M{} {}H{}"/><text class="gate-text" x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(LEFT, _at(y), WIDTH - RIGHT, WIDTH - RIGHT, _at(y + 13 if below else y - 5), clipped)


def _path(series: Series, across: _Scale, down: _Scale, breaks: Sequence[float] = ()) -> str:
    """The line, begun anew behind each break. A value alone between two breaks is a dot."""
    pieces: list[list[str]] = [[]]
    left = sorted(breaks, reverse=True)
    for x, y in thinned(list(zip(series.x, series.y, strict=True))):
        if left and x > left[-1]:
            while left and x > left[-1]:
                left.pop()
            pieces.append([])
        pieces[-1].append(f"{_at(across(x))} {_at(down(y))}")
    return "".join("M" + ("L".join(each) if len(each) > 1 else each[0] + "h0") for each in pieces if each)


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def thinned(points: list[tuple[float, float]], most: int = DRAWN) -> list[tuple[float, float]]:
    """At most about `most` points that draw the same line: the lowest and highest of each bucket, first and last."""
    if len(points) <= most:
        return points
    step = math.ceil(len(points) / (most // 2))
    kept = [points[0]]
    for start in range(0, len(points), step):
        bucket = points[start : start + step]
        pair = {min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])}
        kept.extend(sorted(pair))
    kept.append(points[-1])
    return kept


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) between two bounds, about so many."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return []
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
    first = math.ceil(low / step)
    found = [index * step for index in range(first, first + about * 3) if index * step <= high]
    return [
        0.0 if abs(value) < step / 1e6 else round(value, 12) if abs(value) < 1e6 else value for value in found
    ]
