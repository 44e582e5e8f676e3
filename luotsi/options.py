"""Options that several verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def settings_option(function: F) -> F:
    """`--settings FILE`: where luotsi.yaml lies."""
    return click.option(
        "--settings",
        "settings",
        type=click.Path(path_type=Path, dir_okay=False),
        default=None,
        help="The settings file. Default: $LUOTSI_SETTINGS, else ./luotsi.yaml; it need not exist.",
    )(function)


def json_option(function: F) -> F:
    """`--json`: for machines."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def wait_option(function: F) -> F:
    """`--wait SECONDS`: how long the controller's answer is waited for."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        help="Seconds in which the controller's answer is waited for.",
    )(function)
