"""A trained model as a file: weights, and all that is needed to use them on a raw row.

The file holds no times and no machine's name: the same table, parameters and Python give the same
bytes, and so the same digest.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from wine import network
from wine.data import Wine

FORMAT = "wine-model/1"


class Model(NamedTuple):
    """A network with the names and the scale of its inputs, and how it came to be."""

    features: list[str]
    classes: list[str]
    means: list[float]
    deviations: list[float]
    network: network.Network
    training: dict[str, Any]

    def standardise(self, measurements: list[float]) -> list[float]:
        """Distances from the training rows' mean, in their standard deviations."""
        scale = zip(measurements, self.means, self.deviations)
        return [(value - mean) / deviation for value, mean, deviation in scale]

    def probabilities(self, measurements: list[float]) -> dict[str, float]:
        """How likely each kind is for the raw measurements of one wine."""
        shares = network.probabilities(self.network, self.standardise(measurements))
        return dict(zip(self.classes, shares))

    def accuracy(self, wines: list[Wine]) -> float:
        """The share of the wines whose likeliest kind is the right one."""
        right = sum(likeliest(self.probabilities(w.measurements)) == w.kind for w in wines)
        return right / len(wines)


def likeliest(shares: dict[str, float]) -> str:
    """The kind with the highest probability."""
    return max(shares, key=lambda kind: shares[kind])


def scale(wines: list[Wine]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of every measurement."""
    columns = list(zip(*(wine.measurements for wine in wines)))
    means = [statistics.fmean(column) for column in columns]
    return means, [statistics.pstdev(column) or 1.0 for column in columns]


def save(model: Model, path: Path) -> None:
    """Writes the model as one JSON object."""
    content = {"format": FORMAT, **model._asdict(), "network": model.network._asdict()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Model:
    """Reads what `save` wrote; a ValueError says what is wrong with any other file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return Model(**{**content, "network": network.Network(**content["network"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a wine model: {error}") from error


def digest(path: Path) -> str:
    """Names the model by its file's content."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
