"""The official lint's complaints in words that help, at the key that they are about.

The library says them about an item as a whole. What a check of ours says with a better place is left to that check.
"""

import re
from dataclasses import dataclass

from schemas.yaml_marks import Path


@dataclass(frozen=True, slots=True)
class Said:
    """A complaint. `below`: where it belongs, below the part that the library complained of; `key`: the key is at fault.

    `asks`: another key of the item that it is about.
    """

    message: str
    hint: str = ""
    below: Path = ()
    key: bool = True
    asks: str = ""


SAID_BY_US = re.compile(
    r'"(?:then|when)" value '
    r'|Endpoint ".*" (?:shared volume |has \d+ shared volumes |workspace volume )'
    r"|Pipeline .* has \d+ nodes with the same name"
    r'|Pipeline ".*: (?:input|parameter) .* does not exist in step$'
    r"|Parameter sets only make sense"
    r"|.*, `stop-condition` is not a valid expression: ",
    re.DOTALL,
)
"""`schemas.checks.pipelines`, `.endpoints`, `.tasks` and `.conditions` say these."""

KINDS = {"int": ("a number", "integer"), "float": ("a number", "float"), "bool": ("true or false", "flag")}

_NO_TEXT = re.compile(
    r".*: default `default` value (.*) is not a string \(got a <class '(\w+)'>\)", re.DOTALL
)
_DEFAULT = re.compile(r"Step .*, parameter .*?: default (.*)", re.DOTALL)
_EFFECT = re.compile(r"Step .*, parameter .*: (`([\w-]+)` has no effect .*)", re.DOTALL)
_PRESET = re.compile(r'(Step|Pipeline) ".*missing "environment"', re.DOTALL)
_BAYESIAN = re.compile(r"(\w+) only makes sense for Bayesian TPE tasks")


def in_our_words(text: str) -> Said | None:
    """What to say instead; None where a check of ours has said it. Unknown complaints stay as they are."""
    if SAID_BY_US.match(text):
        return None
    for pattern, say in _PATTERNS:
        match = pattern.fullmatch(text) or (pattern is _PRESET and pattern.match(text))
        if match:
            return say(match)
    return Said(text)


def _no_text(match: re.Match[str]) -> Said:
    kind, name = KINDS.get(match[2], ("no text", ""))
    hint = f"Write `type: {name}`, or the default in quotes." if name else "Write the default in quotes."
    return Said(
        f"the default {match[1]} is {kind}, and the parameter's type is `string`",
        hint,
        ("default",),
        key=False,
    )


def _default(match: re.Match[str]) -> Said:
    hint = "An execution without a value of its own would be refused."
    return Said(f"the default cannot be: {match[1]}", hint, ("default",), key=False)


def _effect(match: re.Match[str]) -> Said:
    return Said(match[1], "Remove it.", (match[2],))


def _preset(match: re.Match[str]) -> Said:
    message, hint = "a `runtime-config-preset` needs an `environment` beside it", "Name the environment."
    if match[1] == "Step":
        return Said(message, hint, ("runtime-config-preset",), asks="environment")
    return Said(message, hint, ("override", "runtime-config-preset"))


def _bayesian(match: re.Match[str]) -> Said:
    key = match[1].replace("_", "-")
    message = f"`{key}` has no effect: the task is not a Bayesian one"
    return Said(message, "Write `type: bayesian_tpe`, or remove it.", (key,), asks="type")


_PATTERNS = (
    (_NO_TEXT, _no_text),
    (_DEFAULT, _default),
    (_EFFECT, _effect),
    (_PRESET, _preset),
    (_BAYESIAN, _bayesian),
    (
        re.compile(r'Pipeline ".*" parameter ".*": no targets\.', re.DOTALL),
        lambda match: Said("no node gets this parameter", "Name `node.parameter.name` under `targets`."),
    ),
    (
        re.compile(r'Deployment ".*" has no defaults\.target set .*', re.DOTALL),
        lambda match: Said(
            "the deployment has no target", "Name a cluster as `target` under `defaults`.", asks="defaults"
        ),
    ),
)
