"""What every real part is: a name, a way to get it, and a port of four calls.

Order: install, start, use `address`, stop. Each is called once a session, in one thread. `stop` may follow a failed
`start`. What cannot be had raises `Missing`; what only an unreachable network has, `Unreachable`; what the kernel forbids,
`Forbidden`; all else is a bug of the part.
"""

import os
import shutil
from pathlib import Path
from typing import ClassVar

from tests.parts import debian

PROGRAM_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


class Missing(Exception):
    """The part cannot be had on this machine; the message says how to get it elsewhere."""


class Unreachable(Exception):
    """Only a network has it, and the network does not answer: nothing on the machine can make up for that."""


class Forbidden(Exception):
    """The part is installed, and the kernel or the sandbox around it does not let it run."""


class Part:
    """One real part. Subclasses give the names, and `start`, `stop`, `version`."""

    key: ClassVar[str]  # the fixture's name, and the word in LUOTSI_TEST_ALLOW
    name: ClassVar[str]
    programs: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar[tuple[str, ...]] = ()
    address: str = ""

    @classmethod
    def how(cls) -> str:
        """What a person types who has to get it by hand."""
        return f"apt-get install {' '.join(cls.packages)}" if cls.packages else "make .venv"

    def install(self) -> None:
        """Installs what is missing, as root on Debian; elsewhere raises `Missing`."""
        if not self.present():
            try:
                debian.install(self.packages)
            except debian.CannotInstall as error:
                raise Missing(f"{error}; {self.how()}") from error

    def present(self) -> bool:
        return all(find(program) for program in self.programs)

    def start(self, folder: Path) -> None:
        """Starts it on loopback, with everything it writes in `folder`; returns when it answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ends what `start` started, and only that."""

    def version(self) -> str:
        raise NotImplementedError


def find(program: str) -> str | None:
    """The program's path, looked for also where a plain user's PATH does not go."""
    return shutil.which(program, path=PROGRAM_FOLDERS)


def program(name: str) -> str:
    """The program's path; `Missing` when there is none."""
    path = find(name)
    if path is None:
        raise Missing(f"{name} is not installed")
    return path
