"""Files that a `valohai.yaml` names and that are not there, where the working tree around it can be seen."""

from collections.abc import Iterator
from pathlib import Path as Folder
from typing import Any

from schemas.checks.findings import clip
from schemas.checks.items import as_list
from schemas.errors import ConfigError
from schemas.values import Problem
from schemas.yaml_marks import Path, load


def missing(text: bytes, path: str, top: Folder) -> tuple[Problem, ...]:
    """A warning for every file that a smoke request would send and that the repository `top` does not have.

    What lies beside the `valohai.yaml` counts, too: a sample in a folder may be meant as a repository of its own. No error:
    a version is promoted from its own commit, which may have what is not here yet.
    """
    try:
        document = load(text, path)
    except ConfigError:
        return ()
    found = []
    for where, post in _posts(document.value):
        if not any(_is_there(folder, post) for folder in (top, Folder(path).parent)):
            place = document.marks.value(where)
            message = (
                f"the smoke request `{clip(post, 60)}` is not in this repository: a promotion would fail"
            )
            hint = "Add the file. Its path begins at the top of the repository."
            found.append(Problem(path, place.line, place.column, message, hint, "warning", "model"))
    return tuple(found)


def _posts(value: Any) -> Iterator[tuple[Path, str]]:
    """Paths with their places, as far as they can be read; those that lead outside are errors already."""
    for index, element in enumerate(as_list(value)):
        model = _below(element, "model")
        stages = _below(model, "stages")
        for name, stage in stages.items():
            post = _below(stage, "smoke").get("post")
            if isinstance(post, str) and post and not post.startswith("/") and ".." not in post.split("/"):
                yield (index, "model", "stages", name, "smoke", "post"), post


def _below(value: Any, key: str) -> dict[Any, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _is_there(top: Folder, post: str) -> bool:
    try:
        return (top / post).is_file()
    except (OSError, ValueError):
        return False
