"""Threat 16: a number or a duration that no machine can take is the file's error, or one that harms nobody."""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from schemas.parse_config import parse_config
from tests.builders.absurd_numbers import PLACES, SOUND, VALUES


def numbers(value: Any, seen: set[int]) -> Iterator[float]:
    """Every number of a value, whatever it is made of."""
    if isinstance(value, bool) or id(value) in seen:
        return
    if isinstance(value, int | float):
        yield value
        return
    seen.add(id(value))
    if is_dataclass(value):
        inner: Any = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = list(value)
    elif hasattr(value, "__dict__"):
        inner = list(vars(value).values())
    else:
        return
    for one in inner:
        yield from numbers(one, seen)


@pytest.mark.parametrize("place", PLACES)
def test_threat_16_an_absurd_number_is_an_error_of_its_file(place: str) -> None:
    sound = parse_config(PLACES[place].replace("%s", SOUND.get(place, "1")).encode())
    assert sound.ok, sound.problems
    for value in VALUES:
        config = parse_config(PLACES[place].replace("%s", value).encode())
        if not config.ok:
            assert all(problem.message for problem in config.problems), value
            continue
        found = list(numbers([config.valohai, config.triggers, config.models], set()))
        assert all(math.isfinite(one) for one in found), f"{place}: {value} is taken"
