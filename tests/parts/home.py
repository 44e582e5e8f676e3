"""The tests' own HOME, so that nothing of the person's is read or written; only the cache of downloads and base images stays theirs."""

import os
import shutil
import tempfile
from pathlib import Path

CACHE = "LUOTSI_TEST_CACHE"
DROPPED = ("GIT_", "LUOTSI_", "XDG_", "VH_", "AWS_", "DOCKER_CONFIG")
KEPT = ("LUOTSI_TEST_",)
GITCONFIG = """[user]
	name = Test Person
	email = person@example.org
[init]
	defaultBranch = main
[commit]
	gpgSign = false
"""


def move() -> Path:
    """Makes the temporary HOME and moves this process and its children into it. Returns it, for `leave`."""
    os.environ.setdefault(CACHE, str(cache()))
    for name in list(os.environ):
        if name.startswith(DROPPED) and not name.startswith(KEPT):
            del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="luotsi-home-"))
    (folder / ".gitconfig").write_text(GITCONFIG)
    os.environ.update(HOME=str(folder), GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0")
    return folder


def leave(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def cache() -> Path:
    """The folder of what is downloaded or made once, whether or not HOME has been moved."""
    return Path(os.environ.get(CACHE) or _persons_cache() / "luotsi")


def _persons_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
