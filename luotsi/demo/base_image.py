"""A base image made on this machine, where no registry can be reached: Debian and its Python, by debootstrap.

The mirror is the one that the machine's own apt uses. The root file system is kept as a tarball in the user's cache, so that
it is made once.
"""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from schemas.errors import Stalled

DROPPED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
PATIENCE = 900.0
"""Seconds that debootstrap may take."""


def tarball(say: Callable[[str], None]) -> tuple[str, Path]:
    """(suite, tarball of the root file system), made if it is not in the cache. Raises `Stalled` where it cannot be."""
    suite = _release().get("VERSION_CODENAME", "bookworm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "luotsi"
    made = cache / f"python-{suite}-{platform.machine()}.tar.gz"
    if made.exists():
        return suite, made
    if os.geteuid() != 0:
        raise Stalled("only root can make a base image with debootstrap")
    _need_debootstrap(say)
    cache.mkdir(parents=True, exist_ok=True)
    say(f"making a base image of Debian {suite} with its Python (once, about a minute)")
    _make(suite, made)
    return suite, made


def _make(suite: str, made: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="debootstrap-", dir=made.parent) as folder:
        root = Path(folder) / "root"
        _run("debootstrap", "--variant=minbase", "--include=python3", suite, str(root), mirror(suite))
        for dropped in DROPPED:
            shutil.rmtree(root / dropped, ignore_errors=True)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        packed = Path(folder) / made.name
        _run(
            "tar",
            "--numeric-owner",
            "--exclude=./dev/*",
            "-C",
            str(root),
            "-I",
            "gzip -1",
            "-cf",
            str(packed),
            ".",
        )
        packed.replace(made)


def _need_debootstrap(say: Callable[[str], None]) -> None:
    if shutil.which("debootstrap", path=_path()):
        return
    if not shutil.which("apt-get"):
        raise Stalled("there is no debootstrap on this machine")
    say("installing debootstrap")
    _run("apt-get", "-qq", "update")
    _run("apt-get", "-qq", "--yes", "install", "--no-install-recommends", "debootstrap")


def mirror(suite: str, sources: Path = Path("/etc/apt")) -> str:
    """The archive that holds the suite, as apt knows it: from deb822 files and one-line lists (sources.list(5))."""
    for file in sorted(sources.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text(encoding="utf-8", errors="replace")):
            fields = dict(re.findall(r"^(URIs|Suites):\s*(.+)$", stanza, re.MULTILINE))
            if suite in fields.get("Suites", "").split():
                return str(fields["URIs"].split()[0])
    for file in (sources / "sources.list", *sorted(sources.glob("sources.list.d/*.list"))):
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        found = re.search(rf"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+{re.escape(suite)}\s", text, re.MULTILINE)
        if found:
            return found.group(1)
    raise Stalled(f"apt has no source for Debian {suite}")


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _run(*command: str) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "PATH": _path()}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Stalled(f"{command[0]} failed: {error}") from error
    if done.returncode != 0:
        raise Stalled(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
