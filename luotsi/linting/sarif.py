"""What a lint found as SARIF 2.1.0 (OASIS, sections 3.13 to 3.52), which code hosts and editors show at the line."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from luotsi import __version__
from luotsi.linting.report import Checked
from schemas.checks.rules import RULES
from schemas.values import Problem
from schemas.words import sentence

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PREFIX = "valohai-yaml"


def log(checked: Sequence[Checked]) -> dict[str, Any]:
    """One run of the tool over all files. Columns count characters, as ours do."""
    rules = list(RULES)
    driver = {
        "name": "Luotsi",
        "version": __version__,
        "rules": [
            {"id": f"{PREFIX}/{rule}", "name": rule, "shortDescription": {"text": words}}
            for rule, words in RULES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": _location(one.source.name)} for one in checked],
        "results": [_result(problem, rules) for one in checked for problem in one.problems],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, rules: list[str]) -> dict[str, Any]:
    text = f"{sentence(problem.message)} {problem.hint}" if problem.hint else problem.message
    physical: dict[str, Any] = {"artifactLocation": _location(problem.path)}
    if problem.line:
        physical["region"] = {"startLine": problem.line, "startColumn": max(1, problem.column)}
    # Without the line: the problem stays the same one when something is added above it.
    mark = f"{problem.rule}\0{problem.path}\0{problem.message}"
    return {
        "ruleId": f"{PREFIX}/{problem.rule}",
        "ruleIndex": rules.index(problem.rule),
        "level": problem.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": physical}],
        "partialFingerprints": {"problem/v1": hashlib.sha256(mark.encode()).hexdigest()},
    }


def _location(name: str) -> dict[str, str]:
    path = Path(name)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}
