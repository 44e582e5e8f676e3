"""Pictures as SVG, drawn by hand: the course of a training, and who was taken for whom.

Colours stand as attributes for light paper; a style sheet inside the picture changes them where
the reader prefers dark. Each picture brings its own paper, so it can be read on any page.
"""

from __future__ import annotations

import math
from html import escape

WIDTH = 480
LEFT, RIGHT = 56, 424

COLOURS = {
    "paper": ("fill", "#ffffff", "#14171c"),
    "ink": ("fill", "#1f2430", "#e6e9ef"),
    "quiet": ("fill", "#5b6472", "#9aa4b2"),
    "grid": ("stroke", "#e1e5ea", "#2b3139"),
    "axis": ("stroke", "#8a93a0", "#6b7583"),
    "line": ("stroke", "#1d5fbf", "#78aef5"),
    "dot": ("fill", "#1d5fbf", "#78aef5"),
    "tint": ("fill", "#1d5fbf", "#78aef5"),
}


def training(history: list[dict[str, float]]) -> str:
    """Loss and accuracy over the epochs, one above the other on the same axis."""
    epochs = [point["epoch"] for point in history]
    loss = [point["loss"] for point in history]
    accuracy = [point["accuracy"] for point in history]
    low = min(0.5, _floor(min(accuracy)))
    title = f"After {len(history)} epochs: loss {loss[-1]:.3f}, accuracy {accuracy[-1]:.3f}"
    shapes = [
        *_panel("loss on the training wines", 24, epochs, loss, (0.0, _ceiling(max(loss)))),
        *_panel("accuracy on the validation wines", 192, epochs, accuracy, (low, 1.0)),
        *_epoch_axis(int(epochs[-1]), 328),
    ]
    return _picture(title, 368, shapes)


def confusion(kinds: list[str], counts: list[list[int]], accuracy: float) -> str:
    """Rows are what the wines are, columns what the model took them for."""
    cell = (100, 48)
    left, top = 112, 76
    title = f"{sum(map(sum, counts))} held-out wines, accuracy {accuracy:.3f}"
    shapes = [_text(16, 28, title, "ink", size=14), _text(left, 52, "predicted as", "quiet")]
    for j, kind in enumerate(kinds):
        shapes.append(_text(left + (j + 0.5) * cell[0], top - 6, kind, "ink", "middle"))
    shapes.append(_text(left + len(kinds) * cell[0] + 12, top - 6, "recall", "quiet"))
    for i, (kind, row) in enumerate(zip(kinds, counts)):
        y = top + i * cell[1]
        recall = row[i] / (sum(row) or 1)
        shapes.append(_text(left - 12, y + 29, kind, "ink", "end"))
        shapes += [_cell(left + j * cell[0], y, *cell, n, sum(row)) for j, n in enumerate(row)]
        shapes.append(_text(left + len(kinds) * cell[0] + 12, y + 29, f"{recall:.3f}", "ink"))
    return _picture(title, top + len(kinds) * cell[1] + 16, shapes)


def _panel(name: str, top: float, xs: list[float], ys: list[float], span: tuple[float, float]) -> list[str]:
    """One plot, 112 high: its name, its axis, its line, and the last value at the line's end."""
    low, high = span
    first, last = xs[0], max(xs[-1], xs[0] + 1)
    bottom = top + 128

    def across(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * (x - first) / (last - first)

    def up(y: float) -> float:
        return bottom - 112 * (y - low) / (high - low)

    shapes = [_text(LEFT, top, name, "ink", weight=600)]
    for tick in (low, (low + high) / 2, high):
        shapes.append(_line(LEFT, RIGHT, up(tick), "axis" if tick == low else "grid"))
        shapes.append(_text(LEFT - 8, up(tick) + 4, f"{tick:.3g}", "quiet", "end"))
    points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(xs, ys))
    shapes.append(f'<polyline points="{points}" stroke-width="1.5" {_colour("line")}/>')
    end = (across(xs[-1]), up(ys[-1]))
    shapes.append(f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="2.5" {_colour("dot")}/>')
    shapes.append(_text(end[0] + 8, end[1] + 4, f"{ys[-1]:.3f}", "ink"))
    return shapes


def _epoch_axis(epochs: int, y: float) -> list[str]:
    length = max(epochs - 1, 1)
    ticks = [
        _text(LEFT + (RIGHT - LEFT) * (tick - 1) / length, y + 8, str(tick), "quiet", "middle")
        for tick in sorted({1, (1 + epochs) // 2, epochs})
    ]
    return [*ticks, _text((LEFT + RIGHT) / 2, y + 26, "epoch", "quiet", "middle")]


def _cell(x: float, y: float, width: float, height: float, count: int, of: int) -> str:
    """One count, on a tint as deep as its share of the row."""
    box = f'x="{x + 1}" y="{y + 1}" width="{width - 2}" height="{height - 2}"'
    tint = f'<rect {box} fill-opacity="{0.04 + 0.26 * count / (of or 1):.2f}" {_colour("tint")}/>'
    role = "ink" if count else "quiet"
    return tint + _text(x + width / 2, y + height / 2 + 5, str(count), role, "middle", 14)


def _ceiling(value: float) -> float:
    """The next round number above the value: 1, 1.2, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(n * power for n in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if n * power >= value)


def _floor(value: float) -> float:
    """The tenth below the value."""
    return int(value * 10) / 10


def _line(left: float, right: float, y: float, role: str) -> str:
    return f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" {_colour(role)}/>'


def _text(
    x: float, y: float, words: str, role: str, anchor: str = "start", size: int = 12, weight: int = 400
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    type_ = f'font-size="{size}" font-weight="{weight}"'
    return f"<text {place} {type_} {_colour(role)}>{escape(words)}</text>"


def _colour(role: str) -> str:
    attribute, light, _ = COLOURS[role]
    rest = ' fill="none"' if attribute == "stroke" else ""
    return f'class="{role}" {attribute}="{light}"{rest}'


def _picture(title: str, height: int, shapes: list[str]) -> str:
    """The whole file: title for those who cannot see it, dark colours, paper, shapes."""
    dark = " ".join(f".{role} {{ {kind}: {dark} }}" for role, (kind, _, dark) in COLOURS.items())
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="system-ui, sans-serif">',
            f"<title>{escape(title)}</title>",
            "<style>svg { max-width: 100%; height: auto }",
            f"@media (prefers-color-scheme: dark) {{ {dark} }}</style>",
            f'<rect width="{WIDTH}" height="{height}" {_colour("paper")}/>',
            *shapes,
            "</svg>\n",
        ]
    )
