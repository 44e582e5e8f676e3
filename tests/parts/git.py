"""git itself, as people have it: tests push and tag with it."""

import subprocess
from pathlib import Path

from tests.parts.part import Part, program


class Git(Part):
    """`address` is the program's path."""

    key = "git"
    name = "git"
    programs = ("git",)
    packages = ("git",)

    def start(self, folder: Path) -> None:
        self.address = program("git")

    def version(self) -> str:
        return subprocess.run(
            [program("git"), "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[2]
