"""`stop-condition` and `if`: expressions that cannot be read, and those that can and yet would never be true.

How they are evaluated: `schemas.conditions`. What can be read is what the official lint says.
"""

import ast
import keyword
import re
from collections.abc import Collection
from types import SimpleNamespace

from valohai_yaml.lint import LintResult
from valohai_yaml.utils.lint import lint_expression

from schemas.checks.findings import Findings, clip
from schemas.yaml_marks import Path

_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_HYPHENED = re.compile(r"(?<![\w.])[^\W\d][\w.]*(?:-[^\W\d][\w.]*)+")
_PARAMETER = re.compile(r"(?<![\w.])parameter\.([^\W\d]\w*)(?![\w.(-])")
_CALL = re.compile(r"(?<![\w.])([^\W\d]\w*)\s*\(")
_METADATA = re.compile(r"(?<![\w.])metadata\.\w+")
_WORDS = ("and", "or", "not", "in", "is")
_WORD = re.compile(r"(?<!\w)[^\W\d]\w*")
_TAKEN = {*keyword.kwlist} - {*_WORDS, "True", "False", "None", "if", "else"}


def check_condition(
    text: str, path: Path, parameters: Collection[str] | None, findings: Findings, *, starting: bool = False
) -> None:
    """An error if nobody can read it; a warning for every name that can never have a value. `parameters`: the names of the step's, None where they are unknown.

    `starting`: asked before the node runs, when nothing has been printed yet.
    """
    wrong = _unreadable(text)
    if wrong:
        hint = "For example `accuracy >= 0.99 and loss < 0.1`."
        findings.error(path, f"the expression cannot be read: {wrong}", hint)
        return
    bare = _TEXT.sub(lambda match: " " * len(match[0]), text)
    for match in _HYPHENED.finditer(bare):
        parts = [f"`{clip(part, 60)}`" for part in match[0].split("-")]
        message = f"`{clip(match[0], 60)}` is read as {' minus '.join(parts)}: a hyphen is a minus"
        hint = "Print the value under a name with `_`; or write spaces around a minus that is meant."
        if match[0].startswith("parameter."):
            hint = "A parameter with a hyphen cannot be named here; print its value as metadata."
        _warn(path, match.start(), message, hint, findings)
    for match in _PARAMETER.finditer(bare):
        if parameters is not None and match[1] not in parameters:
            hint = findings.nearest(match[1], parameters, "The step has no parameters.")
            _warn(path, match.start(), f"the step has no parameter `{clip(match[1], 60)}`", hint, findings)
    for match in _CALL.finditer(bare):
        if match[1] not in _WORDS:
            message = f"there is no function `{clip(match[1], 60)}`: the condition is never true"
            _warn(path, match.start(), message, "There are names, numbers, comparisons and logic.", findings)
    printed = _METADATA.search(bare) if starting else None
    if printed:
        message = "nothing has been printed before the node starts: the condition is never true"
        _warn(path, printed.start(), message, "Use `parameter.NAME`, or `when: node-complete`.", findings)
    _check_words(text, path, findings)


def _unreadable(text: str) -> str:
    """What the official lint says about it; empty if nothing."""
    result = LintResult()
    lint_expression(result, {"object_type": "step", "step": SimpleNamespace(name="")}, "", text)
    said = next((str(message["message"]) for message in result.errors), "")
    return re.sub(r"^.*is not a valid expression: |\s*\(<expression>, line \d+\)$", "", said, flags=re.DOTALL)


def _check_words(text: str, path: Path, findings: Findings) -> None:
    """The official lint lets words of Python pass as names; whoever evaluates them cannot."""
    try:
        ast.parse(text.strip(), "<expression>", "eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        word = next((match for match in _WORD.finditer(text) if match[0] in _TAKEN), None)
        message = f"the expression cannot be read: {clip(getattr(error, 'msg', error), 100)}"
        if word:
            message = f"`{word[0]}` is a word of Python's and cannot be a name: the condition is never true"
        hint = "Print the value under another name."
        _warn(path, word.start() if word else 0, message, hint, findings)


def _warn(path: Path, offset: int, message: str, hint: str, findings: Findings) -> None:
    findings.add("warning", findings.inside(path, offset), message, hint)
