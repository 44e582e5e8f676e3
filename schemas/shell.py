"""How several entries of a file become one text, and which shell runs it: for steps and for endpoints."""

from collections.abc import Sequence
from typing import Literal

Joiner = Literal["&&", ";"]

# $1: the text. Each `exec` keeps the process's number, so that signals and exit codes are the command's own. A shell that
# is process 1 ignores SIGTERM, and any goes on with its next line when the program it waited for was ended: hence the trap.
# What was told to end never ends with 0.
_CHOICE = r"""
stop='trap "exit \$((\$? ? \$? : 143))" TERM; '
command -v bash >/dev/null 2>&1 && exec bash -c "$stop$1"
exec /bin/sh -c "$stop$1"
"""
SHELL = ("/bin/sh", "-c", _CHOICE, "sh")
"""The beginning of what is executed; the text follows as one argument. Bash where there is one, else `/bin/sh`.

Told to end, the shell waits for the program that it runs, which must be told as well, and starts none of the next.
"""


def grouped(entries: Sequence[str], joiner: Joiner = "&&") -> str:
    """The entries in one shell, each a group of its own: one may end in a comment and not swallow what follows."""
    if len(entries) == 1:
        return entries[0]
    return f" {joiner} ".join(f"{{\n{_closed(entry)}\n}}" for entry in entries)


def _closed(entry: str) -> str:
    # A backslash at the very end would join the closing brace to the command.
    trailing = len(entry) - len(entry.rstrip("\\"))
    return f"{entry}\n" if trailing % 2 else entry
