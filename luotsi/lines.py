"""Sentences on a terminal: how wide it is, and lines that end between words instead of in one."""

import re
import shutil
import sys

import click
from rich.cells import cell_len

NARROWEST = 40
"""Columns. On less, the terminal breaks the lines itself."""

_WORD = re.compile(r" *[^ ]+")


def columns() -> int | None:
    """The terminal's width; None where the output goes into a file or a pipe, whose lines stay whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fold(line: str, width: int | None, indent: int) -> str:
    """The line, broken between words where it would be longer than `width`; what follows is indented. Styles do not count.

    A word that does not fit on a line of its own stays whole.
    """
    if width is None or width < max(NARROWEST, indent * 2) or _cells(line) <= width:
        return line
    lines = [""]
    for word in _WORD.findall(line):
        if lines[-1].strip() and _cells(lines[-1] + word) > width:
            lines.append(" " * indent + word.lstrip(" "))
        else:
            lines[-1] += word
    return "\n".join(lines)


def _cells(text: str) -> int:
    return cell_len(click.unstyle(text))
