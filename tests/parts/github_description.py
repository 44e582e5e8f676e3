"""GitHub's published description: its OpenAPI files and recorded webhook deliveries, as npm packages, never committed.

npm fetches the very versions below, and nothing is used whose SHA-256 is another. What the stand-in of GitHub reads is kept
reduced in the user's cache, so that only the first session reads the whole.
"""

import hashlib
import json
import os
import pwd
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.parts import home
from tests.parts.lock import locked
from tests.parts.part import Part, Unreachable, program
from tests.standins.github import reduce

OPENAPI = ("@octokit/openapi", "23.0.2", "71a18407dd5e8464f4e0525daf03deabbe65abd9287d6adc7b5d98f516cd0d0c")
EXAMPLES = (
    "@octokit/webhooks-examples",
    "7.6.1",
    "89e6cb1c6345d32e3dd775617fa54effbdc26c859e514898d7728e95e9738280",
)
FLAVOURS = {"cloud": "api.github.com.json", "enterprise": "ghes-3.19.json"}
"""What is kept: the file's stem, and the file of the package that it comes from."""
RECORDED = "deliveries.json"


class GitHubDescription(Part):
    """`address` is a folder with `cloud.json`, `enterprise.json` (reduced descriptions) and `deliveries.json`."""

    key = "github_description"
    name = "GitHub's OpenAPI"
    programs = ("npm",)
    packages = ("npm",)

    @classmethod
    def how(cls) -> str:
        return f"npm pack {OPENAPI[0]}@{OPENAPI[1]} {EXAMPLES[0]}@{EXAMPLES[1]}"

    def present(self) -> bool:
        return kept().is_dir() or super().present()

    def install(self) -> None:
        if kept().is_dir():
            return
        super().install()
        with locked("github"):
            if not kept().is_dir():
                with tempfile.TemporaryDirectory(prefix="github-", dir=kept().parent) as work:
                    make(Path(work)).rename(kept())

    def start(self, folder: Path) -> None:
        self.address = str(kept())

    def version(self) -> str:
        return f"{OPENAPI[1]}, {EXAMPLES[1]}"


def kept() -> Path:
    """The folder of the cache, named by what it is made from and by what reduces it."""
    maker = Path(reduce.__file__).read_bytes() + Path(__file__).read_bytes()
    return home.cache() / f"github-{OPENAPI[1]}-{EXAMPLES[1]}-{hashlib.sha256(maker).hexdigest()[:12]}"


def make(work: Path) -> Path:
    """The folder as it is kept, made below `work`."""
    made = work / "made"
    made.mkdir()
    with tarfile.open(packed(OPENAPI, work)) as archive:
        for stem, name in FLAVOURS.items():
            document = _read(archive, f"package/generated/{name}")
            (made / f"{stem}.json").write_text(json.dumps(reduce.reduce(document)))
    with tarfile.open(packed(EXAMPLES, work)) as archive:
        (made / RECORDED).write_text(json.dumps(_read(archive, "package/api.github.com/index.json")))
    return made


def _read(archive: tarfile.TarFile, name: str) -> Any:
    member = archive.extractfile(name)
    assert member is not None, f"{name} is no file of the package"
    return json.load(member)


def packed(package: tuple[str, str, str], work: Path) -> Path:
    """The package's tarball, checked. Raises `Unreachable` where npm cannot have it."""
    name, version, digest = package
    done = subprocess.run(
        [program("npm"), "pack", "--silent", "--ignore-scripts", f"{name}@{version}"],
        cwd=work,
        env={**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir},  # the person's npm knows their registry
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise Unreachable(f"npm cannot have {name}: {said[-200:]}")
    return checked(work / done.stdout.split()[-1], digest)


def checked(file: Path, digest: str) -> Path:
    """The file; a failure where it is another than the one that is pinned."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    assert found == digest, f"{file.name} is not the file that is pinned here: its SHA-256 is {found}"
    return file
