"""Debian as the source of real parts: what this machine is, its packages, and its mirror.

The mirror is the one that the machine's own apt uses, read when it is needed, so that no address is written here.
"""

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.parts.lock import locked

# apt itself waits for dpkg's lock only, and not for that of its package lists.
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3", "-qq", "--yes")
SOURCES = Path("/etc/apt")


class CannotInstall(Exception):
    """Packages cannot be installed here; the message says why."""


def release() -> dict[str, str]:
    """The fields of os-release; empty where there is none."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def is_root() -> bool:
    return os.geteuid() == 0


def has_apt() -> bool:
    fields = release()
    return "debian" in [fields.get("ID"), *fields.get("ID_LIKE", "").split()]


def everything_can_be_had() -> bool:
    """True where every part can be installed, so that a missing one is a failure and not a skip."""
    return is_root() and release().get("ID") == "debian"


def install(packages: tuple[str, ...]) -> None:
    """Installs Debian packages without questions; `CannotInstall` when this is not root on Debian, or apt fails."""
    if not (packages and is_root() and has_apt()):
        raise CannotInstall("not installed here, and only root on Debian can install it")
    with locked("apt"):
        update()
        run_apt("install", "--no-install-recommends", *packages)


@cache
def update() -> None:
    run_apt("update")


def run_apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*APT, *arguments], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise CannotInstall(f"apt-get {arguments[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def codename() -> str:
    return release().get("VERSION_CODENAME", "")


def mirror() -> str:
    """The address of the archive that holds this release, as apt knows it."""
    for address, suites in archives():
        if codename() in suites:
            return address
    raise CannotInstall(f"apt has no source for {codename() or 'this release'}")


def archives(folder: Path = SOURCES) -> Iterator[tuple[str, list[str]]]:
    """Addresses and suites from both spellings of apt's sources (sources.list(5)): deb822 files and one-line lists."""
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        for paragraph in path.read_text().split("\n\n"):
            yield from _deb822(paragraph)
    for path in [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else []:
            words = re.sub(r"\[[^]]*\]", "", line.split("#")[0]).split()
            if words[:1] == ["deb"] and len(words) > 2:
                yield words[1].rstrip("/"), [words[2]]


def _deb822(paragraph: str) -> Iterator[tuple[str, list[str]]]:
    lines = [line for line in paragraph.splitlines() if line[:1].isalpha() and ":" in line]
    fields = {key: value.split() for key, value in (line.split(":", 1) for line in lines)}
    if "deb" in fields.get("Types", []):
        for address in fields.get("URIs", []):
            yield address.rstrip("/"), fields.get("Suites", [])
