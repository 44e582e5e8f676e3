"""The source distribution of the official parser, with its examples and tests: downloaded once, never committed.

pip fetches the very version of the lock and checks the lock's hash before it unpacks anything. pip keeps a source
distribution only after asking its build backend for metadata; a stand-in for the backend answers with the metadata that the
distribution carries, so that nothing is built and no unpinned tool is fetched.
"""

import hashlib
import os
import pwd
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.parts import home
from tests.parts.lock import locked
from tests.parts.part import Part, Unreachable

LOCK = Path(__file__).parents[2] / "requirements-dev.lock"
PROJECT = "valohai-yaml"
BACKEND = '''"""Answers with the metadata that the distribution carries."""
from pathlib import Path

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory) / "{stem}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_bytes(Path("PKG-INFO").read_bytes())
    return folder.name

def build_wheel(*arguments, **settings):
    raise NotImplementedError("nothing is built here")
'''


class ParserSource(Part):
    """`address` is the folder of the unpacked distribution: `examples/`, `tests/`."""

    key = "parser_source"
    name = "valohai-yaml source"

    @classmethod
    def how(cls) -> str:
        return f"pip download --no-deps --no-binary :all: {PROJECT}=={pinned()[0]}"

    def install(self) -> None:
        with locked("parser"):
            if not sound(kept()):
                with tempfile.TemporaryDirectory(prefix="parser-", dir=kept().parent) as work:
                    download(Path(work)).rename(kept())

    def start(self, folder: Path) -> None:
        with tarfile.open(kept()) as archive:
            archive.extractall(folder, filter="data")
        (unpacked,) = folder.iterdir()
        self.address = str(unpacked)

    def version(self) -> str:
        return pinned()[0]


def pinned() -> tuple[str, tuple[str, ...]]:
    """Version and hashes (SHA-256, of all its files) of the parser in the lock."""
    found = re.search(
        rf"^{PROJECT}==(\S+)((?:[ \\\n]+--hash=sha256:[0-9a-f]+)+)", LOCK.read_text(), re.MULTILINE
    )
    assert found, f"{PROJECT} is not in {LOCK.name}"
    return found[1], tuple(re.findall("sha256:([0-9a-f]{64})", found[2]))


def kept() -> Path:
    return home.cache() / f"valohai_yaml-{pinned()[0]}.tar.gz"


def sound(file: Path) -> bool:
    """Whether the file is there and is one that the lock names."""
    return file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() in pinned()[1]


def download(work: Path) -> Path:
    """The distribution, checked. Raises `Unreachable` where pip cannot have it; what pip has and is not in the lock is a failure."""
    version, hashes = pinned()
    backend = work / "backend" / "hatchling"
    backend.mkdir(parents=True)
    (backend / "__init__.py").write_text('"""Stands in for the build backend."""\n')
    (backend / "build.py").write_text(BACKEND.format(stem=f"valohai_yaml-{version}"))
    wanted = work / "wanted.txt"
    wanted.write_text(" ".join([f"{PROJECT}=={version}", *(f"--hash=sha256:{one}" for one in hashes)]) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *options(work), "--requirement", str(wanted)],
        env={**os.environ, "PYTHONPATH": str(backend.parent), "HOME": pwd.getpwuid(os.getuid()).pw_dir},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        assert "DO NOT MATCH THE HASHES" not in said, said[-500:]
        raise Unreachable(f"pip cannot download it: {said[-200:]}")
    (file,) = work.glob("*.tar.gz")
    assert sound(file), f"{file.name} is not the file that {LOCK.name} names"
    return file


def options(work: Path) -> Iterator[str]:
    """The person's own pip settings say which index is asked."""
    yield from ("download", "--disable-pip-version-check", "--no-cache-dir", "--retries", "1", "--quiet")
    yield from ("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes")
    yield from ("--dest", str(work))
