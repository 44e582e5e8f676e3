"""Packages that an endpoint's image installs, as a folder that pip takes for its index: no test's image needs a network.

pip fetches the very files below and nothing else; they are kept in the user's cache, never committed.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.parts import home
from tests.parts.lock import locked
from tests.parts.part import Part, Unreachable

PINNED = {
    "gunicorn==27.0.1": "378b26b9a38adcf4592f28828233c1716acc55e833ea06bf48719782efaa0d10",
    "pip==26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
"""What is wanted, and its wheel's SHA-256."""


class Wheels(Part):
    """`address` is the folder with the wheels."""

    key = "wheels"
    name = "gunicorn's wheel"

    @classmethod
    def how(cls) -> str:
        return f"pip download --no-deps --only-binary :all: {' '.join(PINNED)}"

    def install(self) -> None:
        with locked("wheels"):
            if not _kept().is_dir():
                with tempfile.TemporaryDirectory(prefix="wheels-", dir=_kept().parent) as work:
                    _download(Path(work)).rename(_kept())

    def start(self, folder: Path) -> None:
        self.address = str(shutil.copytree(_kept(), folder / "wheels"))

    def version(self) -> str:
        return next(iter(PINNED)).partition("==")[2]


def _kept() -> Path:
    versions = "-".join(each.replace("==", "-") for each in PINNED)
    return home.cache() / f"wheels-{versions}"


def _download(work: Path) -> Path:
    """The wheels, checked by pip. Raises `Unreachable` where it cannot have them; other bytes than ours are a failure."""
    wanted = work / "wanted.txt"
    wanted.write_text("".join(f"{each} --hash=sha256:{digest}\n" for each, digest in PINNED.items()))
    options = ("--disable-pip-version-check", "--no-cache-dir", "--retries", "1", "--quiet", "--no-deps")
    strict = ("--only-binary", ":all:", "--require-hashes", "--dest", str(work / "wheels"))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *strict, "--requirement", str(wanted)],
        env={**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        assert "DO NOT MATCH THE HASHES" not in said, said[-500:]
        raise Unreachable(f"pip cannot download it: {said[-200:]}")
    return work / "wheels"
