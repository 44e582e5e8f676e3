"""Reads what of each item is well-formed, so that one wrong part does not hide what is wrong with the others.

A part at fault is left out (a key, or an element of what a key holds), what is required gets a stand-in, and the rest is
tried again, as often as `ROUNDS`. Others look into such an item where nothing that they could name is left out
(`Item.sound`); no trigger or model can use it.
"""

from collections.abc import Iterable
from typing import Any

from schemas.checks import official, ours
from schemas.checks.findings import Findings
from schemas.checks.items import OURS, Item, Items
from schemas.yaml_marks import Path

ROUNDS = 5
"""Each leaves out more. Two do for what people write; nonsense stays unread."""

ALL = object()
"""Instead of the element of what a key holds."""

STAND_INS: dict[str, dict[str, Any]] = {
    "step": {"name": "stand-in", "image": "x", "command": "x"},
    "task": {"name": "stand-in", "step": "x", "parameters": []},
    "endpoint": {"name": "stand-in", "image": "x", "server-command": "x"},
    "pipeline": {"name": "stand-in", "nodes": [], "edges": []},
    "deployment": {"name": "stand-in"},
    "trigger": {"name": "stand-in", "when": {"push": None}, "run": {"step": "x"}},
    "model": {"name": "stand-in", "from": {"step": "x", "output": "x"}},
}
"""For the keys that an item must have. Nothing is ever said about them."""


def read(items: Items, findings: Findings) -> None:
    """Make every item readable whose schema was checked, and which is not unsafe; official ones get their object."""
    for item in items.all:
        if item.index not in findings.unsafe and isinstance(item.data, dict):
            _read(item, findings)


def _read(item: Item, findings: Findings) -> None:
    whole = item.data
    parts: set[Path] = set()
    faults = _own(item, findings)
    for _ in range(ROUNDS):
        if faults:
            more = _parts(faults, parts)
            if not more:
                break
            parts |= more
            _leave_out(item, whole, parts, findings)
        faults = _tried(item, findings)
        if not faults:
            item.readable = True
            return
    item.data, item.left_out = whole, {}


def _own(item: Item, findings: Findings) -> set[Path]:
    return {fault for fault in findings.faults.get(item.index, ()) if fault[:2] == item.path}


def _parts(faults: set[Path], known: set[Path]) -> set[Path]:
    """What is to be left out besides what is already: elements first, then all that a key holds. Empty: there is no hope."""
    if any(len(fault) < 3 or "<<" in fault for fault in faults):
        return set()
    return {fault[:4] for fault in faults} - known or {fault[:3] for fault in faults} - known


def _tried(item: Item, findings: Findings) -> set[Path]:
    """The faults of the item as it is now. Those of the schema have been said; those of the library are said here."""
    silent = findings.silent()
    if item.kind in OURS:
        ours.check_item(item, silent)
    else:
        official.check_item(item, silent)
        if not silent.faults:
            before = _own(item, findings)
            official.parse_item(item, findings)
            return _own(item, findings) - before if item.official is None else set()
    return _own(item, silent)


def _leave_out(item: Item, whole: dict[Any, Any], parts: Iterable[Path], findings: Findings) -> None:
    """Put `item.data` together anew: without these parts, and with stand-ins for what it must have."""
    gone: dict[Any, set[Any]] = {}
    for part in parts:
        gone.setdefault(part[2], set()).add(part[3] if len(part) > 3 else ALL)
    item.data, item.left_out = dict(whole), {}
    for key, names in gone.items():
        path, value = (*item.path, key), whole.get(key)
        if ALL in names or not isinstance(value, list | dict):
            item.data.pop(key, None)
            item.left_out[path] = value
            item.data |= {key: STAND_INS[item.kind][key]} if key in STAND_INS[item.kind] else {}
            findings.leave_out(path)
        elif isinstance(value, list):
            kept = [position for position in range(len(value)) if position not in names]
            item.data[key] = [value[position] for position in kept]
            item.left_out |= {(*path, position): value[position] for position in names}
            findings.leave_out(path, kept)
        else:
            item.data[key] = {name: child for name, child in value.items() if name not in names}
            item.left_out |= {(*path, name): value.get(name) for name in names}
