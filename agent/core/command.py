"""A step's entries as one command: joined in one shell, so that `cd` and `export` reach the next entry.

Each entry is a group of its own (`{`, newline, entry, newline, `}`): an entry may end in a comment or a here-document and
still not swallow what follows. Joined with `&&`, the first that fails ends the command; with `;`, only the last one's exit
code counts. A first line with `#!` makes a script of the whole.

The shell is bash where the image has it, else `/bin/sh`: public example projects write `source .venv/bin/activate`, which
only bash knows, and call images whose `/bin/sh` is dash.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import Refused
from schemas.shell import SHELL, Joiner, grouped

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
        return Command(grouped(kept, joiner), is_script=False)
    first, _, rest = kept[0].lstrip().partition("\n")
    body = [entry for entry in (rest, *kept[1:]) if not _is_empty(entry)]
    joined = grouped(body, joiner) if _SHELLS.match(first) and len(body) > 1 else "\n".join(body)
    return Command(f"{first.rstrip()}\n{joined}\n", is_script=True)


def _is_empty(entry: str) -> bool:
    lines = (line.strip() for line in entry.splitlines())
    return not entry.lstrip().startswith("#!") and all(not line or line.startswith("#") for line in lines)
