"""A step's entries as one command: joined in one shell, so that `cd` and `export` reach the next entry.

Each entry is a group of its own (`{`, newline, entry, newline, `}`): an entry may end in a comment or a here-document and
still not swallow what follows. Joined with `&&`, the first that fails ends the command; with `;`, only the last one's exit
code counts. A first line with `#!` makes a script of the whole.

The shell is bash where the image has it, else `/bin/sh`: public example projects write `source .venv/bin/activate`, which
only bash knows, and call images whose `/bin/sh` is dash. Told to end, it waits for the program that it runs, and starts none
of the next.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.errors import Refused

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
SCRIPT = "luotsi-command"
"""Name of the script file in the config directory, where there is one."""

_SHELLS = re.compile(r"#!\s*(/usr/bin/env\s+(-S\s+)?)?\S*\b(sh|bash|dash|ash|zsh|ksh)\b")


@dataclass(frozen=True, slots=True)
class Command:
    """Text for the shell, or a script to be written as an executable file and run by its own first line."""

    text: str
    is_script: bool

    def argv(self, config: str) -> tuple[str, ...]:
        """What is executed; `config` is the config directory as the job sees it."""
        return (f"{config}/{SCRIPT}",) if self.is_script else (*SHELL, self.text)


def join(entries: Sequence[str], joiner: Joiner = "&&") -> Command:
    """The command of a step. Raises `Refused` when there is nothing to run."""
    kept = [entry.strip("\r\n") for entry in entries if not _is_empty(entry)]
    if not kept:
        raise Refused("the step has no command", "Give it at least one line under `command`.")
    if not kept[0].lstrip().startswith("#!"):
        return Command(_grouped(kept, joiner), is_script=False)
    first, _, rest = kept[0].lstrip().partition("\n")
    body = [entry for entry in (rest, *kept[1:]) if not _is_empty(entry)]
    joined = _grouped(body, joiner) if _SHELLS.match(first) and len(body) > 1 else "\n".join(body)
    return Command(f"{first.rstrip()}\n{joined}\n", is_script=True)


def _grouped(entries: Sequence[str], joiner: Joiner) -> str:
    if len(entries) == 1:
        return entries[0]
    return f" {joiner} ".join(f"{{\n{_closed(entry)}\n}}" for entry in entries)


def _closed(entry: str) -> str:
    # A backslash at the very end would join the closing brace to the command.
    trailing = len(entry) - len(entry.rstrip("\\"))
    return f"{entry}\n" if trailing % 2 else entry


def _is_empty(entry: str) -> bool:
    lines = (line.strip() for line in entry.splitlines())
    return not entry.lstrip().startswith("#!") and all(not line or line.startswith("#") for line in lines)
