"""A small neural network: one hidden layer of tanh units, softmax over the kinds of wine.

Trained by stochastic gradient descent, one row at a time, on the cross-entropy with L2 weight
decay. Plain lists of floats; the last weight of each unit is its bias.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

Layer = list[list[float]]


class Network(NamedTuple):
    """Weights of the hidden and of the output layer, one list a unit."""

    hidden: Layer
    output: Layer


def fresh(inputs: int, hidden: int, outputs: int, chance: random.Random) -> Network:
    """Random weights, small enough that no unit starts saturated; biases are zero."""
    return Network(_layer(inputs, hidden, chance), _layer(hidden, outputs, chance))


def probabilities(network: Network, row: Sequence[float]) -> list[float]:
    """How likely each kind is for one standardised row; they add up to 1."""
    return _softmax(_sums(network.output, _activate(network.hidden, row)))


def learn(network: Network, row: Sequence[float], target: int, rate: float, l2: float) -> float:
    """Moves the weights one step towards `target`; returns the row's loss before the step."""
    hidden = _activate(network.hidden, row)
    guess = _softmax(_sums(network.output, hidden))
    errors = [share - (unit == target) for unit, share in enumerate(guess)]
    blame = [
        (1 - value * value) * sum(e * unit[i] for e, unit in zip(errors, network.output))
        for i, value in enumerate(hidden)
    ]
    _descend(network.output, errors, hidden, rate, l2)
    _descend(network.hidden, blame, row, rate, l2)
    return -math.log(max(guess[target], 1e-12))


def _layer(inputs: int, units: int, chance: random.Random) -> Layer:
    spread = 1 / math.sqrt(inputs)
    return [[chance.gauss(0, spread) for _ in range(inputs)] + [0.0] for _ in range(units)]


def _sums(layer: Layer, values: Sequence[float]) -> list[float]:
    return [sum(w * v for w, v in zip(unit, values)) + unit[-1] for unit in layer]


def _activate(layer: Layer, values: Sequence[float]) -> list[float]:
    return [math.tanh(total) for total in _sums(layer, values)]


def _softmax(sums: list[float]) -> list[float]:
    highest = max(sums)
    powers = [math.exp(value - highest) for value in sums]
    return [power / sum(powers) for power in powers]


def _descend(layer: Layer, errors: Sequence[float], values: Sequence[float], rate: float, l2: float) -> None:
    keep = 1 - rate * l2
    for unit, error in zip(layer, errors):
        step = rate * error
        for i, value in enumerate(values):
            unit[i] = keep * unit[i] - step * value
        unit[-1] -= step
