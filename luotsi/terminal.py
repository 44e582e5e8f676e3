"""All that the command prints. Words of others are drawn and never obeyed, styles are ours only, and JSON goes out as it is.

Nothing else in `luotsi` prints (a test holds that): a name in somebody's valohai.yaml is data here, whatever stands in it.
"""

import re
import shutil
import sys
from collections.abc import Iterable, Sequence

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.plain_text import visible

NARROWEST = 40
"""Columns. On less, the terminal breaks the lines itself."""
WIDEST = 10_000
"""Columns of what is no terminal: its lines stay whole."""
LABEL = 11
"""Columns of an event's label."""

Words = str | Text
"""A `str` may be anybody's: it becomes one line in which nothing is obeyed. A `Text` was made by `line`, `styled` or `fold`."""

_WORD = re.compile(r" *[^ ]+")


def line(*parts: Words) -> Text:
    """One line of several parts. In a `str` every control character is drawn, line ends too; a tab stays."""
    found = Text()
    for part in parts:
        found.append_text(_checked(part) if isinstance(part, Text) else Text(_drawn(part)))
    return found


def styled(words: str, style: str) -> Text:
    """Words with a look, such as `bold red`; cleaned as those of `line`."""
    return line(Text(_drawn(words), style=style))


def fold(words: Words, width: int | None, indent: int) -> Text:
    """The line, broken between words where it would be longer than `width` cells; what follows is indented by `indent`.

    A word that does not fit on a line of its own stays whole. `width` None: nothing is broken.
    """
    whole = line(words)
    if width is None or width < max(NARROWEST, indent * 2) or whole.cell_len <= width:
        return whole
    lines = [Text()]
    for match in _WORD.finditer(whole.plain):
        word = whole[match.start() : match.end()]
        if lines[-1].plain.strip() and lines[-1].cell_len + word.cell_len > width:
            kept = match[0].lstrip(" ")
            lines.append(Text(" " * indent).append_text(word[len(match[0]) - len(kept) :]))
        else:
            lines[-1].append_text(word)
    return Text("\n").join(lines)


def padded(words: Words, width: int) -> Text:
    """The words, and spaces up to `width` cells."""
    found = line(words)
    return found.append(" " * max(0, width - found.cell_len))


def widest(words: Iterable[str]) -> int:
    """Cells of the longest one as it is drawn; 0 for none."""
    return max((cell_len(_drawn(each)) for each in words), default=0)


def say(words: Words | Table = "", err: bool = False, on: Console | None = None) -> None:
    """Print a line, which the terminal may break but which is whole where it is copied; or an `event`."""
    where = on or console(err)
    if isinstance(words, str | Text):
        where.print(line(words), soft_wrap=True)
    else:
        where.print(words)


def say_lines(words: str, indent: int = 0, err: bool = False) -> None:
    """Print words that have line ends of their own. With an indent none of their lines can pass for one of ours."""
    for each in words.rstrip("\n").split("\n"):
        say(" " * indent + each, err)


def exactly(text: str, nl: bool = True, err: bool = False) -> None:
    """Print what a program or a file takes as it is: JSON, SARIF, a hook, the output of the person's own command."""
    click.echo(text, nl=nl, err=err)


def table(rows: Iterable[Sequence[Words]], heads: Sequence[str] = (), on: Console | None = None) -> None:
    """Print rows in columns. What does not fit goes on below, and nothing is cut."""
    found = Table(box=None, padding=(0, 2, 0, 0)) if heads else Table.grid(padding=(0, 2))
    for head in heads:
        found.add_column(line(head), overflow="fold")
    for row in rows:
        while not heads and len(found.columns) < len(row):
            found.add_column(overflow="fold")
        found.add_row(*map(line, row))
    (on or console()).print(found)


def event(mark: Words, label: Words, words: Words, elapsed: Words, right: bool) -> Table:
    """One line of the demonstration: a mark, what it is about, the words, and the time.

    `right`: the time stands at the right edge, as on a terminal. A file has none.
    """
    grid = Table.grid(expand=right, padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(width=LABEL)
    grid.add_column(ratio=1 if right else None, overflow="fold")
    grid.add_column(justify="right", width=8 if right else None)
    grid.add_row(*map(line, (mark, label, words, elapsed)))
    return grid


def columns() -> int | None:
    """The terminal's width; None where the output goes into a file or a pipe, whose lines stay whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def console(err: bool = False) -> Console:
    """Where things are printed: with colours on a terminal, unless the command was told otherwise."""
    context = click.get_current_context(silent=True)
    plain = context is not None and context.color is False
    found = Console(
        stderr=err, highlight=False, markup=False, emoji=False, color_system=None if plain else "auto"
    )
    if not (sys.stderr if err else sys.stdout).isatty():
        found.width = WIDEST
    return found


def _drawn(text: str) -> str:
    return visible(text).replace("\n", "\u240a")


def _checked(text: Text) -> Text:
    """The text; drawn and without its styles if somebody made it around `line`, with what a terminal obeys in it."""
    plain = visible(text.plain)
    return text if plain == text.plain else Text(plain)
