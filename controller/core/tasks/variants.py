"""One parameter of a task: the values that its style and rules stand for, drawn or counted, and the range they span.

Values are exact where people write decimals: `0.1, 0.2, 0.3`, never `0.30000000000000004`.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.errors import ConfigError

LIMIT = 1000
"""Executions of one task, and so values of one of its parameters."""
TOLERANCE = Decimal("1e-9")
"""Of a step's length: how far beyond its end a linear range may come to lie and still reach it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A parameter and how it varies. `whole`: the step's parameter is an integer."""

    task: str
    name: str
    style: str
    rules: Mapping[str, Any]
    whole: bool = False

    def wrong(self, message: str, hint: str = "") -> ConfigError:
        """The error that names the task and the parameter."""
        return ConfigError(f"task {self.task}, parameter {self.name}: {message}", hint=hint)


class Chance:
    """Numbers that look drawn at random and follow from a text alone, the same in every version of Python."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._drawn = 0

    def __call__(self) -> float:
        """The next number, from 0 to below 1."""
        drawn = hashlib.sha256(f"{self._stream}/{self._drawn}".encode()).digest()
        self._drawn += 1
        return (int.from_bytes(drawn[:7]) >> 3) / 2**53


def values(variant: Variant, stream: str) -> list[Any]:
    """Every value, in order. `stream` seeds the draws of the style `random`. Raises `ConfigError` for rules that say too little."""
    found = _STYLES[variant.style](variant, stream)
    if not found:
        raise variant.wrong("there is no value for it")
    return [_shaped(variant, value) for value in found]


def draw(variant: Variant, chance: Chance) -> Any:
    """One value at random: a new number for the style `random`, one of the values for every other."""
    if variant.style == "random":
        return _shaped(variant, _drawer(variant)(chance))
    every = values(variant, "")
    return every[int(chance() * len(every))]


def chance_of(variant: Variant, stream: str) -> Chance:
    """The source of a parameter's draws: its own rule `seed`, else what is derived from the task; apart from any other parameter's."""
    return Chance(f"{variant.rules.get('seed', stream)}/{variant.name}")


def unique(found: list[Any]) -> list[Any]:
    """Without repetitions, the first of each kept. 1 and 1.0 are one value, true is another."""
    kept: dict[tuple[type, Any], Any] = {}
    for value in found:
        kind = float if type(value) is int else type(value)
        kept.setdefault((kind, repr(value) if isinstance(value, list) else value), value)
    return list(kept.values())


def dimension(variant: Variant) -> dict[str, Any]:
    """What an optimiser may choose from: `{kind: choice, items}`, or `{kind: int | float, low, high, log, step}`."""
    rules = variant.rules
    if variant.style in ("single", "multiple"):
        return {"kind": "choice", "items": unique(values(variant, ""))}
    if variant.style == "linear":
        every = values(variant, "")
        gaps = {abs(after - before) for before, after in itertools.pairwise(every)}
        if rules.get("integerify") and len(gaps) > 1:
            return {"kind": "choice", "items": unique(every)}
        return _range(variant, min(every), max(every), log=False, step=abs(_number(variant, "step")))
    if variant.style == "logspace":
        every = [float(value) for value in _logspace(variant, "")]
        return _range(variant, min(every), max(every), log=True)
    low, high = _bounds(variant)
    distribution = _distribution(variant)
    if distribution == "int_uniform":
        low, high = math.ceil(low), math.floor(high)
    _drawer(variant)
    return _range(variant, low, high, log=distribution == "log_uniform")


def _range(variant: Variant, low: float, high: float, *, log: bool, step: float = 0) -> dict[str, Any]:
    whole = variant.whole or bool(variant.rules.get("integerify")) or _distribution(variant) == "int_uniform"
    whole = whole or (bool(step) and all(isinstance(end, int) for end in (low, high)))
    if whole:
        low, high = _rounded(low), _rounded(high)
        step = 1 if log else max(1, _rounded(step))
        if log and low < 1:
            raise variant.wrong("a logarithmic range of integers starts at 1 or above")
        high = low + (high - low) // step * step
    if low == high:
        return {"kind": "choice", "items": [low]}
    return {"kind": "int" if whole else "float", "low": low, "high": high, "log": log, "step": step or None}


def _shaped(variant: Variant, value: Any) -> Any:
    """`numberify` and `integerify`; and an integer parameter gets 10, not 10.0."""
    if variant.rules.get("numberify") and isinstance(value, str):
        value = _numberified(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if variant.rules.get("integerify"):
        return _rounded(value)
    return int(value) if variant.whole and float(value).is_integer() else value


def _numberified(text: str) -> Any:
    for cast in (int, float):
        try:
            value = cast(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _single(variant: Variant, stream: str) -> list[Any]:
    (value,) = _needed(variant, "value")
    return list(value) if isinstance(value, list | tuple) else [value]


def _multiple(variant: Variant, stream: str) -> list[Any]:
    (items,) = _needed(variant, "items")
    return list(items)


def _linear(variant: Variant, stream: str) -> list[Any]:
    start, end, step = (_number(variant, key) for key in ("start", "end", "step"))
    if step == 0 or start == end:
        return [start]
    first, by = Decimal(str(start)), Decimal(str(step))
    steps = (Decimal(str(end)) - first) / by
    if steps < 0:
        raise variant.wrong(f"from {start} in steps of {step} it never comes to {end}")
    count = int(steps + TOLERANCE) + 1
    _few(variant, count)
    if all(isinstance(each, int) for each in (start, step)):
        return [int(start) + index * int(step) for index in range(count)]
    return [float(first + index * by) for index in range(count)]


def _logspace(variant: Variant, stream: str) -> list[Any]:
    ends = ("start", "end") if "start" in variant.rules or "min" not in variant.rules else ("min", "max")
    start, end = (_number(variant, key) for key in ends)
    count, base = _count(variant), _number(variant, "base", 10)
    if base <= 0:
        raise variant.wrong("the rule base is above 0")
    try:
        exponents = [start + (end - start) * index / (count - 1) for index in range(count - 1)] + [end]
        found = [float(base) ** exponent for exponent in (exponents if count > 1 else [start])]
    except OverflowError:
        found = [math.inf]
    if not all(map(math.isfinite, found)):
        raise variant.wrong(
            f"{base} to the power of {max(start, end)} is too large", "start and end are exponents."
        )
    return found


def _random(variant: Variant, stream: str) -> list[Any]:
    count, one, chance = _count(variant), _drawer(variant), chance_of(variant, stream)
    return [one(chance) for _ in range(count)]


_STYLES: dict[str, Callable[[Variant, str], list[Any]]] = {
    "single": _single,
    "multiple": _multiple,
    "linear": _linear,
    "logspace": _logspace,
    "random": _random,
}


def _drawer(variant: Variant) -> Callable[[Chance], float]:
    """Draws one number."""
    low, high = _bounds(variant)
    match _distribution(variant):
        case "uniform":
            return lambda chance: min(max(low + (high - low) * chance(), low), high)
        case "log_uniform":
            if low <= 0:
                raise variant.wrong("the distribution log_uniform needs a min above 0")
            start, end = math.log(low), math.log(high)
            return lambda chance: min(max(math.exp(start + (end - start) * chance()), low), high)
        case "int_uniform":
            first, last = math.ceil(low), math.floor(high)
            if first > last:
                raise variant.wrong(f"there is no integer between {low} and {high}")
            return lambda chance: first + int(chance() * (last - first + 1))
        case other:
            raise variant.wrong(
                f"there is no distribution {other}", "There are uniform, log_uniform and int_uniform."
            )


def _distribution(variant: Variant) -> str:
    return str(variant.rules.get("distribution") or "uniform").lower().replace("-", "_")


def _bounds(variant: Variant) -> tuple[float, float]:
    low, high = _number(variant, "min"), _number(variant, "max")
    if low > high:
        raise variant.wrong(f"its min {low} is above its max {high}")
    if not math.isfinite(high - low):
        raise variant.wrong(f"the range from {low} to {high} is too wide")
    return low, high


def _needed(variant: Variant, *keys: str) -> list[Any]:
    missing = [key for key in keys if key not in variant.rules]
    if missing:
        raise variant.wrong(f"the style {variant.style} needs the rule {missing[0]}")
    return [variant.rules[key] for key in keys]


def _number(variant: Variant, key: str, default: float | None = None) -> float:
    value = variant.rules.get(key, default) if default is not None else _needed(variant, key)[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise variant.wrong(f"the rule {key} is a finite number, and not {value!r}")
    return value


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _count(variant: Variant) -> int:
    count = _number(variant, "count")
    if count != int(count) or count < 1:
        raise variant.wrong(f"the rule count is a whole number from 1, and not {count}")
    return _few(variant, int(count))


def _few(variant: Variant, count: int) -> int:
    if count > LIMIT:
        raise variant.wrong(f"these are {count:,} values", f"A task has at most {LIMIT:,} executions.")
    return count
