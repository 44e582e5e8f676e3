"""Placeholders in commands that nothing fills: unknown parameters, misspelt words, and braces inside of braces."""

import difflib
import re

from valohai_yaml.commands import interpolable_re

from schemas.checks.findings import Findings, clip
from schemas.commands import runaway_braces
from schemas.yaml_marks import Path

PLAIN = ("parameters", "params", "source-path")
NAMING = ("parameter", "parameter-value")
"""Words with a parameter's name behind a colon."""

_INNER = re.compile(r"\{(?:(?:parameter|parameter-value):[^{}]+|parameters|params|source-path)\Z")
_WORD = re.compile(r"([A-Za-z][A-Za-z_-]*)(:[^{}]*)?")
_NEAR, _NEAR_BEFORE_COLON = 0.8, 0.65
"""How like a word must be: what has a colon behind it is hardly anything else."""


def check_placeholders(command: object, path: Path, known: list[str] | None, findings: Findings) -> None:
    """A warning for each that stays as it is. `known`: the step's parameters, None if they are unknown."""
    for position, entry in enumerate(command if isinstance(command, list) else [command]):
        if not isinstance(entry, str) or runaway_braces(entry):
            continue
        where = (*path, position) if isinstance(command, list) else path
        for match in interpolable_re.finditer(entry):
            message, hint = _stays(match, entry, known, findings)
            if message:
                findings.warning(where, message, hint)


def _stays(match: re.Match[str], entry: str, known: list[str] | None, findings: Findings) -> tuple[str, str]:
    """Why it stays, and what to do; two empty texts if it is filled, or was never meant as one."""
    inner = _INNER.search(match[1])
    if inner:
        hint = "Set a variable of the shell before it: `X={parameter-value:NAME}`, then `$X`."
        return f"`{clip(inner[0], 60)}}}` stays as it is: an open brace stands before it on its line", hint
    kind, colon, name = match[1].partition(":")
    if colon and kind in NAMING:
        if known is None or name in known:
            return "", ""
        message = f"`{{{clip(match[1], 60)}}}` stays as it is: the step has no such parameter"
        return message, findings.nearest(name, known)
    word = _WORD.fullmatch(match[1])
    if word is None or match[1] in PLAIN or entry[: match.start()].endswith("$"):
        return "", ""
    near = _near(kind, NAMING, _NEAR_BEFORE_COLON) if colon or kind in NAMING else _near(kind, PLAIN, _NEAR)
    if not near:
        return "", ""
    meant = f"{near}:{name or 'NAME'}" if near in NAMING else near
    return f"`{{{clip(match[1], 60)}}}` stays as it is: it is no placeholder", f"Did you mean `{{{meant}}}`?"


def _near(word: str, words: tuple[str, ...], cutoff: float) -> str:
    return next(iter(difflib.get_close_matches(word.replace("_", "-"), words, 1, cutoff)), "")
