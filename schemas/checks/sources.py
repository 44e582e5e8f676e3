"""What a step gets besides parameters: its inputs with their addresses and names, and its environment variables."""

import re
from typing import Any

from schemas.checks.findings import Findings, clip, listing
from schemas.checks.ours import texts
from schemas.yaml_marks import Path

ADDRESSES = ("http", "https", "s3", "file", "datum", "dataset", "model")
"""Schemes of inputs that an execution can have here."""

_EXAMPLES = {
    "datum": "datum://churn-newest",
    "dataset": "dataset://images/latest",
    "model": "model://churn/latest",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_VALUE = re.compile(r"\{parameter:([^{}]+)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def check_input(one: dict[str, Any], path: Path, known: list[str] | None, findings: Findings) -> None:
    """An input of a step or of an override. `known`: the step's parameters, None if they are unknown."""
    _check_addresses(one, path, known, findings)
    name, filename = one["name"], one.get("filename")
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        message = f"an input cannot be called `{clip(name, 60)}`: its name is that of one directory"
        findings.flaw((*path, "name"), message, "Letters, digits, `-` and `_`.")
    if filename and (filename.startswith("/") or ".." in filename.split("/") or "\0" in filename):
        message = f"`{clip(filename, 60)}` leads out of the input's directory"
        findings.flaw((*path, "filename"), message, "Write a name, or a relative path without `..`.")


def _check_addresses(one: dict[str, Any], path: Path, known: list[str] | None, findings: Findings) -> None:
    """Addresses that nothing here can read, and placeholders in them that nothing fills."""
    default = one.get("default")
    for position, uri in enumerate(texts(default)):
        where = (*path, "default", position) if isinstance(default, list) else (*path, "default")
        scheme = _SCHEME.match(uri)
        if scheme is None and uri and not uri.startswith("{"):
            message = f"`{clip(uri, 80)}` is not an address"
            hint = "For example `s3://bucket/data.csv`. What is in the repository needs no input."
            findings.warning(where, message, hint)
        elif scheme is not None and scheme[1].lower() not in ADDRESSES:
            message = f"addresses with `{clip(scheme[1], 20)}://` cannot be read here"
            findings.warning(where, message, f"Known here: {listing(ADDRESSES)}.")
        elif uri and not names_something(uri):
            message = f"`{clip(uri, 80)}` names nothing: it ends where the address begins"
            example = _EXAMPLES.get(scheme[1].lower() if scheme else "", "s3://bucket/data.csv")
            findings.warning(where, message, f"For example `{example}`.")
        for match in _VALUE.finditer(uri):
            if known is not None and match[1] not in known:
                message = f"`{clip(match[0], 80)}` stays as it is: the step has no such parameter"
                findings.warning(where, message, findings.nearest(match[1], known))
    if one.get("filename") and len(texts(default)) > 1:
        message = "`filename` is for an input of one file, and this one has several addresses"
        findings.warning((*path, "filename"), message, "Remove it, or make inputs of their own.", key=True)


def names_something(uri: str) -> bool:
    """Whether more stands there than the beginning of an address."""
    scheme = _SCHEME.match(uri)
    return bool(uri[scheme.end() if scheme else 0 :].strip("/ "))


def check_variable(one: dict[str, Any], path: Path, findings: Findings) -> None:
    """A name that no process can have fails once it has a value; one that no shell reads is of use to few."""
    name = one["name"]
    if not name or "=" in name or "\0" in name:
        say = findings.flaw if one.get("default") is not None else findings.warning
        message = f"an environment variable cannot be called `{clip(name, 60)}`"
        say((*path, "name"), message, "Letters, digits and `_`; the value is its `default`.")
    elif not _VARIABLE.fullmatch(name):
        message = f"a shell has no variable `{clip(name, 60)}`: what the command runs may not get it"
        findings.warning((*path, "name"), message, "Letters, digits and `_`, with no digit first.")
