"""Which files of a commit a trigger's `reads` names. Controller and agent ask here, so that both mean the same files.

Patterns are gitignore's, as in `paths`: later ones win, `!` takes back. Bytes of a path that are no UTF-8 count as they are.
"""

from collections.abc import Callable, Sequence

from pathspec import GitIgnoreSpec

from schemas.errors import ConfigError


def chooser(patterns: Sequence[str]) -> Callable[[bytes], bool]:
    """Whether a path of the commit (slashes, none at either end) is one that may be read. No patterns: every path is."""
    if not patterns:
        return lambda _: True
    spec = GitIgnoreSpec.from_lines(patterns)
    return lambda path: spec.match_file(path.decode("utf-8", "surrogateescape"))


def no_file(where: str, patterns: Sequence[str]) -> ConfigError:
    """The error for patterns that name nothing of a commit: a job of theirs would find an empty folder."""
    return ConfigError(
        f"`reads` names no file of {where}: {', '.join(patterns)}",
        hint="Patterns are gitignore's: `src/` is all below a folder, `*.py` every file with that ending.",
    )
