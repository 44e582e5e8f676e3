"""The table of wines, and the three parts that it is split into.

The held-out rows are the same for every run, whatever its seed, so that two models are measured on
the same wines. Only evaluate.py reads them. The seed decides which of the other rows train and
which validate.
"""

from __future__ import annotations

import csv
import hashlib
import random
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parent.parent / "data" / "wine.csv"
LABEL = "cultivar"
HELD_OUT_SEED = 1992
HELD_OUT_SHARE = 0.25
VALIDATION_SHARE = 0.2


class Wine(NamedTuple):
    """One row: its line in the file, its measurements in the order of the columns, its kind."""

    line: int
    measurements: list[float]
    kind: str


class Split(NamedTuple):
    """The three parts of the table; no wine is in two of them."""

    training: list[Wine]
    validation: list[Wine]
    held_out: list[Wine]


def load() -> tuple[list[str], list[Wine]]:
    """The names of the measurements, and all wines."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        features = [name for name in reader.fieldnames or [] if name != LABEL]
        wines = [Wine(reader.line_num, [float(row[name]) for name in features], row[LABEL]) for row in reader]
    return features, wines


def kinds(wines: list[Wine]) -> list[str]:
    """The kinds of wine, in the order in which the table first names them."""
    return list(dict.fromkeys(wine.kind for wine in wines))


def split(wines: list[Wine], seed: int) -> Split:
    """Held-out rows by a constant, the rest by the seed; each part has its share of every kind."""
    kept, rest = _take(wines, HELD_OUT_SHARE, HELD_OUT_SEED)
    validation, training = _take(rest, VALIDATION_SHARE, seed)
    return Split(training, validation, kept)


def held_out(wines: list[Wine]) -> list[Wine]:
    """The rows that no training sees, whatever its seed."""
    return _take(wines, HELD_OUT_SHARE, HELD_OUT_SEED)[0]


def digest() -> str:
    """Names the table's exact content, so that a model says what it was trained on."""
    return "sha256:" + hashlib.sha256(TABLE.read_bytes()).hexdigest()


def _take(wines: list[Wine], share: float, seed: int) -> tuple[list[Wine], list[Wine]]:
    """A stratified random part of the wines, and what is left."""
    chance = random.Random(seed)
    taken: list[Wine] = []
    left: list[Wine] = []
    for kind in kinds(wines):
        same = [wine for wine in wines if wine.kind == kind]
        chance.shuffle(same)
        count = round(len(same) * share)
        taken += same[:count]
        left += same[count:]
    return taken, left
