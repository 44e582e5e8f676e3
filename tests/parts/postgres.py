"""PostgreSQL: a cluster of its own in a temporary folder, without durability, open to loopback only."""

import itertools
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from tests.parts import debian
from tests.parts.part import Part, program
from tests.parts.process import Child, free_port

BINARIES = "/usr/lib/postgresql"


class Postgres(Part):
    """`address` is a SQLAlchemy URL of a scratch database; `fresh()` makes an empty one for a single test."""

    key = "postgres"
    name = "PostgreSQL"
    packages = ("postgresql",)

    def __init__(self) -> None:
        self._child: Child | None = None
        self._port = 0
        self._numbers = itertools.count(1)

    def present(self) -> bool:
        return _binary("initdb") is not None

    def start(self, folder: Path) -> None:
        # initdb and postgres refuse root; the package brings a user of that name.
        user = "postgres" if debian.is_root() else None
        if user:
            shutil.chown(folder, user, user)
        data = folder / "data"
        initdb = [_found("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(
            [*initdb, "--locale=C.UTF-8", "--no-sync"],
            user=user,
            group=user,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")
        self._port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        self._child = Child([_found("postgres"), "-D", str(data), *options], folder, user=user)
        self._child.wait_ready(self._answers)
        self.address = self._url("postgres")

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)

    def stop(self) -> None:
        if self._child:
            self._child.process.send_signal(
                2
            )  # fast shutdown: the polite TERM waits for every client to leave
            self._child.stop()

    def version(self) -> str:
        said = subprocess.run([_found("postgres"), "--version"], capture_output=True, text=True, check=True)
        return said.stdout.split()[2]

    @property
    def _dsn(self) -> str:
        return f"host=127.0.0.1 port={self._port} user=postgres dbname=postgres"

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{database}"

    def _answers(self) -> bool:
        with psycopg.connect(self._dsn, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)


def _binary(name: str) -> str | None:
    found = sorted(Path(BINARIES).glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3].split(".")[0]))
    return str(found[-1]) if found else shutil.which(name)


def _found(name: str) -> str:
    return _binary(name) or program(name)
