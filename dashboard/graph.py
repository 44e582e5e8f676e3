"""A pipeline as a drawing: its nodes in layers, the state's shape in each, edges from left to right. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dashboard.shapes import drawing
from schemas.states import Word

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 176, 44, 44, 14
NAME, NOTE = 17, 18
"""Characters of a name and of a note that fit into a box."""
MOST = 40
"""Nodes that are drawn; larger pipelines are a list only."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node with the state people see, where its execution is (None: it has none yet), and a few words below its name."""

    name: str
    word: Word
    address: str | None = None
    note: str = ""


def edges_of(graph: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pairs of a stored graph, without what does not name two different known nodes."""
    names = {str(node.get("name")) for node in graph.get("nodes", []) if isinstance(node, dict)}
    found: list[tuple[str, str]] = []
    for edge in graph.get("edges", []):
        pair = (str(edge[0]), str(edge[1])) if isinstance(edge, list | tuple) and len(edge) >= 2 else ("", "")
        if pair[0] in names and pair[1] in names and pair[0] != pair[1] and pair not in found:
            found.append(pair)
    return found


def layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How far from a start each node is, by the longest way; a cycle (which lint refuses) ends the counting."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        changed = False
        for source, target in edges:
            if depth[target] < depth[source] + 1 <= len(names):
                depth[target] = depth[source] + 1
                changed = True
        if not changed:
            break
    return depth


def draw(nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Markup | None:
    """The SVG, None when there is too little or too much to draw."""
    if not 1 < len(nodes) <= MOST:
        return None
    depth = layers([node.name for node in nodes], edges)
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for node in nodes:
        column = depth[node.name]
        places[node.name] = (column * (BOX_WIDTH + GAP_X), rows.get(column, 0) * (BOX_HEIGHT + GAP_Y))
        rows[column] = rows.get(column, 0) + 1
    width = (max(depth.values()) + 1) * (BOX_WIDTH + GAP_X) - GAP_X
    height = max(rows.values()) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    body = [_edge(places[a], places[b]) for a, b in edges] + [_box(node, places[node.name]) for node in nodes]
    head = Markup(
        '<svg class="graph" viewBox="-1 -1 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">'
    ).format(width + 2, height + 2, "; ".join(f"{node.name}: {node.word}" for node in nodes))
    return head + Markup().join(body) + Markup("</svg>")


def _edge(source: tuple[int, int], target: tuple[int, int]) -> Markup:
    x1, y1 = source[0] + BOX_WIDTH, source[1] + BOX_HEIGHT // 2
    x2, y2 = target[0], target[1] + BOX_HEIGHT // 2
    bend = (x2 - x1) // 2
    return Markup('<path class="edge" d="M{} {}C{} {} {} {} {} {}"/>').format(
        x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2
    )


def _box(node: Node, place: tuple[int, int]) -> Markup:
    middle = place[1] + BOX_HEIGHT // 2
    note = (
        Markup('<text class="said" x="{}" y="{}" dy=".35em">{}</text>').format(
            place[0] + 34, middle + 9, _cut(node.note, NOTE)
        )
        if node.note
        else Markup()
    )
    box = Markup(
        '<g class="node s-{word}"><title>{title}</title><rect x="{x}" y="{y}" width="{w}" height="{h}" rx="4"/>'
        '<g transform="translate({sx} {sy})">{shape}</g><text x="{tx}" y="{ty}" dy=".35em">{name}</text>{note}</g>'
    ).format(
        word=node.word.value,
        title=f"{node.name}: {node.word}{', ' if node.note else ''}{node.note}",
        x=place[0],
        y=place[1],
        w=BOX_WIDTH,
        h=BOX_HEIGHT,
        sx=place[0] + 10,
        sy=place[1] + (BOX_HEIGHT - 16) // 2,
        shape=drawing(node.word),
        tx=place[0] + 34,
        ty=middle - 8 if node.note else middle,
        name=_cut(node.name, NAME),
        note=note,
    )
    return box if node.address is None else Markup('<a href="{}">{}</a>').format(node.address, box)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
